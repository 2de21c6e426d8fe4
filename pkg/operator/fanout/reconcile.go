package fanout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
	"github.com/vaultk8s/vaultk8s/pkg/operator/visit"
)

// Manager is the field manager of the objects.
const Manager = "vaultk8s-fanout"

// retry is when a namespace is tried again whose object could not be made, less a
// part at random, so that many do not come at once.
const retry = 15 * time.Second

// Options is what the reconciler needs.
type Options struct {
	Events visit.Recorder
	Tally  *tally.Tally
}

// reconciler looks after the ClusterVaultSecrets.
type reconciler struct {
	client client.Client
	live   client.Reader // not a cache
	tally  *tally.Kind
}

// kind makes the reconciler.
func kind(o Options, c client.Client, live client.Reader) *visit.Kind[v1beta1.ClusterVaultSecret, *v1beta1.ClusterVaultSecret] {
	r := &reconciler{client: c, live: live, tally: o.Tally.Kind("ClusterVaultSecret")}
	return &visit.Kind[v1beta1.ClusterVaultSecret, *v1beta1.ClusterVaultSecret]{
		Client: c, Events: o.Events, Tally: r.tally, Finalizer: v1beta1.FinalizerClusterVaultSecret,
		Judge: r.distribute, End: r.finish, Rough: true,
	}
}

// distribute does what is to be done.
func (r *reconciler) distribute(ctx context.Context, c *v1beta1.ClusterVaultSecret, conditions *status.Conditions) visit.Verdict {
	children, err := r.children(ctx, c.Name)
	if err != nil {
		return visit.Verdict{Err: err}
	}
	var namespaces corev1.NamespaceList
	if err := r.client.List(ctx, &namespaces); err != nil {
		return visit.Verdict{Err: err}
	}
	anew := c.Status.ObservedGeneration != c.Generation
	c.Status.ObservedGeneration = c.Generation
	t, err := templateOf(c)
	var chosen []string
	if err == nil {
		chosen, err = choose(c.Spec, namespaces.Items)
	}
	if err != nil {
		conditions.Put(v1beta1.ConditionDistributed, false, v1beta1.ReasonInvalidConfiguration, err.Error())
		conditions.Conclude(status.Outcome{State: status.Stuck, Reason: v1beta1.ReasonInvalidConfiguration, Message: err.Error()})
		return visit.Verdict{}
	}
	p := planFor(t, chosen, children, anew)
	problems := r.applyAll(ctx, c, t, p.apply)
	lost := r.letGo(ctx, c, p.letGo)
	j := judge(t, chosen, children, problems)
	conclude(c, conditions, j, lost)
	if len(problems) == 0 && lost == nil {
		return visit.Verdict{Pending: j.pending()}
	}
	return visit.Verdict{Again: due.Horizon(retry, rand.Float64)}
}

// applyAll makes the objects of some namespaces, and returns what went wrong where.
func (r *reconciler) applyAll(ctx context.Context, c *v1beta1.ClusterVaultSecret, t template, namespaces []string) map[string]v1beta1.FailedNamespace {
	problems := map[string]v1beta1.FailedNamespace{}
	for _, namespace := range namespaces {
		wrote, err := r.apply(ctx, t, namespace)
		if wrote || err != nil {
			r.tally.Wrote(client.ObjectKeyFromObject(c), err)
		}
		if err != nil {
			problems[namespace] = problemOf(namespace, err)
		}
	}
	return problems
}

// conclude writes down how the objects are.
func conclude(c *v1beta1.ClusterVaultSecret, conditions *status.Conditions, j judged, lost error) {
	c.Status.SelectedNamespaces, c.Status.ReadyNamespaces = j.ready+len(j.failed), j.ready
	c.Status.FailedNamespaces = j.failed[:min(maxFailed, len(j.failed))]
	o := status.Outcome{State: status.Done, Reason: v1beta1.ReasonDistributed, Message: fmt.Sprintf("%d namespaces have their object", j.ready)}
	switch {
	case len(j.failed) > 0:
		o = status.Outcome{State: status.Waiting, Reason: v1beta1.ReasonDistributionError, Message: j.summary()}
	case lost != nil:
		o = status.Outcome{State: status.Retrying, Reason: v1beta1.ReasonDistributionError, Message: lost.Error()}
	}
	conditions.Put(v1beta1.ConditionDistributed, o.State == status.Done, o.Reason, o.Message)
	conditions.Conclude(o)
}

// errForeign says that an object of the name is somebody else's.
var errForeign = errors.New("is not of this ClusterVaultSecret: delete it, or set objectName")

func problemOf(namespace string, err error) v1beta1.FailedNamespace {
	reason := v1beta1.ReasonK8sClientError
	switch {
	case errors.Is(err, errForeign):
		reason = reasonForeign
	case apierrors.IsInvalid(err):
		reason = v1beta1.ReasonInvalidConfiguration
	}
	return v1beta1.FailedNamespace{Namespace: namespace, Reason: reason, Message: err.Error()}
}

// apply makes the object of a namespace as the template has it, and tells whether it
// was not so before. The cache may not have an object yet that is somebody else's, so
// that is asked of the API server.
func (r *reconciler) apply(ctx context.Context, t template, namespace string) (wrote bool, err error) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(v1beta1.Kind(t.kind))
	key := types.NamespacedName{Namespace: namespace, Name: t.name}
	err = r.live.Get(ctx, key, live)
	found := err == nil
	switch {
	case client.IgnoreNotFound(err) != nil:
		return false, err
	case found && live.Labels[v1beta1.LabelClusterName] != t.labels[v1beta1.LabelClusterName]:
		return false, fmt.Errorf("%s %s %w", t.kind, key, errForeign)
	}
	options := []client.PatchOption{client.FieldOwner(Manager)}
	if found {
		options = append(options, client.ForceOwnership)
	}
	version, err := r.patch(ctx, t.kind, key, types.ApplyPatchType, t.document(namespace), options...)
	return !found || version != live.ResourceVersion, err
}

// document is the object of a namespace as server-side apply wants it: nothing in it
// that is not ours.
func (t template) document(namespace string) map[string]any {
	metadata := map[string]any{"namespace": namespace, "name": t.name, "labels": t.labels}
	if len(t.annotations) > 0 {
		metadata["annotations"] = t.annotations
	}
	if t.owner != nil {
		metadata["ownerReferences"] = []metav1.OwnerReference{*t.owner}
	}
	return map[string]any{"apiVersion": v1beta1.GroupVersion().String(), "kind": t.kind, "metadata": metadata, "spec": t.spec}
}

// patch returns the resource version that an object has then.
func (r *reconciler) patch(ctx context.Context, kind string, key types.NamespacedName, how types.PatchType, document any, o ...client.PatchOption) (string, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("encode %s %s: %w", kind, key, err)
	}
	object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	object.SetGroupVersionKind(v1beta1.Kind(kind))
	if err := r.client.Patch(ctx, object, client.RawPatch(how, body), o...); err != nil {
		return "", fmt.Errorf("write %s %s: %w", kind, key, err)
	}
	return object.ResourceVersion, nil
}

// letGo deletes objects that are not wanted any more, or makes them nobody's.
func (r *reconciler) letGo(ctx context.Context, c *v1beta1.ClusterVaultSecret, children []child) error {
	var problems []error
	for _, child := range children {
		var err error
		if c.Spec.DeletionPolicy == v1beta1.DeletionRetain {
			_, err = r.patch(ctx, child.kind, child.name(), types.MergePatchType, map[string]any{"metadata": map[string]any{
				"labels": map[string]any{v1beta1.LabelClusterName: nil}, "ownerReferences": others(child.object.GetOwnerReferences()),
			}}, client.FieldOwner(Manager))
		} else {
			uid := child.object.GetUID()
			err = r.client.Delete(ctx, child.object, client.Preconditions{UID: &uid})
		}
		problems = append(problems, client.IgnoreNotFound(err))
	}
	return errors.Join(problems...)
}

// others are the owners of an object beside ClusterVaultSecrets.
func others(refs []metav1.OwnerReference) []metav1.OwnerReference {
	rest := []metav1.OwnerReference{}
	for _, ref := range refs {
		if ref.Kind != "ClusterVaultSecret" {
			rest = append(rest, ref)
		}
	}
	return rest
}

// finish ends a ClusterVaultSecret. What is to be deleted is deleted here as well as
// by the garbage collector, which may be told to orphan it.
func (r *reconciler) finish(ctx context.Context, c *v1beta1.ClusterVaultSecret) error {
	children, err := r.children(ctx, c.Name)
	if err != nil {
		return err
	}
	return r.letGo(ctx, c, children)
}

// children returns the objects that carry the label of a ClusterVaultSecret.
func (r *reconciler) children(ctx context.Context, name string) ([]child, error) {
	var static v1beta1.VaultStaticSecretList
	var dynamic v1beta1.VaultDynamicSecretList
	var pki v1beta1.VaultPKISecretList
	var all []child
	for _, list := range []client.ObjectList{&static, &dynamic, &pki} {
		if err := r.client.List(ctx, list, client.MatchingLabels{v1beta1.LabelClusterName: name}); err != nil {
			return nil, fmt.Errorf("list the objects of ClusterVaultSecret %s: %w", name, err)
		}
	}
	for i := range static.Items {
		all = append(all, childOf(&static.Items[i]))
	}
	for i := range dynamic.Items {
		all = append(all, childOf(&dynamic.Items[i]))
	}
	for i := range pki.Items {
		all = append(all, childOf(&pki.Items[i]))
	}
	return all, nil
}
