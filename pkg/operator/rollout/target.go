package rollout

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// target is what a [v1beta1.RolloutRestartTarget] means.
type target struct {
	gvk   schema.GroupVersionKind
	shown string // of the kind, for people
	place place
	known bool // what is known of the kind counts: how it is paused, and when it is rolled
}

// newTarget finds out what kind of workload is meant and where its stamp stands.
func newTarget(t v1beta1.RolloutRestartTarget, q *Request) (target, error) {
	out, found := wellKnown(t.Kind, q)
	if t.APIVersion != "" {
		version, err := schema.ParseGroupVersion(t.APIVersion)
		if err != nil {
			return target{}, fmt.Errorf("kind %q: apiVersion %q is not GROUP/VERSION", t.Kind, t.APIVersion)
		}
		found = found && out.gvk.GroupVersion() == version
		if !found {
			out = target{shown: t.Kind}
		}
		out.gvk = version.WithKind(out.kind(t.Kind))
	}
	out.known = found
	if t.FieldPath != "" {
		var err error
		if out.place, err = parsePlace(t.FieldPath); err != nil {
			return target{}, err
		}
	}
	return out, out.check()
}

func (t *target) kind(asked string) string {
	if t.gvk.Kind != "" {
		return t.gvk.Kind
	}
	return asked
}

// check refuses what has no place for a stamp, and what only looks like a workload:
// whoever writes objects of ours must not reach other Secrets or logins through it.
func (t *target) check() error {
	if t.gvk.Kind == "" || t.place == nil {
		return fmt.Errorf("kind %q: other kinds than Deployment, DaemonSet, StatefulSet, CronJob and argo.Rollout need apiVersion and fieldPath", t.shown)
	}
	if t.gvk.Group == v1beta1.Group || t.gvk.Group == "" && (t.gvk.Kind == "Secret" || t.gvk.Kind == "ConfigMap" || t.gvk.Kind == "ServiceAccount") {
		return fmt.Errorf("kind %q of %s is no workload", t.gvk.Kind, t.gvk.GroupVersion())
	}
	return nil
}

func wellKnown(kind string, q *Request) (target, bool) {
	apps := func() target {
		return target{
			gvk:   schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: kind},
			shown: kind, place: templateAnnotation(q.annotation()),
		}
	}
	switch kind {
	case v1beta1.TargetDeployment, v1beta1.TargetDaemonSet, v1beta1.TargetStatefulSet:
		return apps(), true
	case v1beta1.TargetCronJob:
		return target{
			gvk:   schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: kind},
			shown: kind, place: place{"metadata", "annotations", q.annotation()},
		}, true
	case v1beta1.TargetArgoRollout:
		return target{
			gvk:   schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"},
			shown: kind, place: argoPlace(q),
		}, true
	}
	return target{shown: kind}, false
}

// argoPlace is the field that Argo Rollouts has for a restart. It takes times only.
func argoPlace(q *Request) place {
	if q.hashed() {
		return templateAnnotation(q.annotation())
	}
	return place{"spec", "restartAt"}
}

// names returns the workloads that are meant. The one of a name need not exist.
func (r *Restarter) names(ctx context.Context, q *Request, want v1beta1.RolloutRestartTarget, t target) ([]string, error) {
	if want.Selector == nil {
		if want.Name == "" {
			return nil, errors.New("a target needs a name or a selector")
		}
		return []string{want.Name}, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(want.Selector)
	if err != nil {
		return nil, fmt.Errorf("kind %q: read selector: %w", t.shown, err)
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(t.gvk.GroupVersion().WithKind(t.gvk.Kind + "List"))
	if err := r.live.List(ctx, list, client.InNamespace(q.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, fmt.Errorf("list objects of kind %q: %w", t.shown, err)
	}
	var names []string
	for i := range list.Items {
		if name := list.Items[i].Name; want.Name == "" || want.Name == name {
			names = append(names, name)
		}
	}
	return names, nil
}
