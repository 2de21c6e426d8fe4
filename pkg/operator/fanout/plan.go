package fanout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

// maxName is the longest name of a ClusterVaultSecret: it is the value of a label.
const maxName = 63

// maxFailed is how many namespaces are listed in the status.
const maxFailed = 100

// template is what every selected namespace gets.
type template struct {
	kind        string
	name        string
	spec        any // a pointer, as equality wants it
	labels      map[string]string
	annotations map[string]string
	owner       *metav1.OwnerReference // nil: none, the objects are to be retained
}

// templateOf reads a ClusterVaultSecret.
func templateOf(c *v1beta1.ClusterVaultSecret) (template, error) {
	if len(c.Name) > maxName {
		return template{}, fmt.Errorf("metadata.name has %d characters, and may have %d: it becomes the value of a label", len(c.Name), maxName)
	}
	t := template{name: cmp.Or(c.Spec.ObjectName, c.Name), labels: map[string]string{}, annotations: map[string]string{}}
	switch {
	case c.Spec.Static != nil:
		t.kind, t.spec = "VaultStaticSecret", c.Spec.Static
	case c.Spec.Dynamic != nil:
		t.kind, t.spec = "VaultDynamicSecret", c.Spec.Dynamic
	case c.Spec.PKI != nil:
		t.kind, t.spec = "VaultPKISecret", c.Spec.PKI
	default:
		return template{}, fmt.Errorf("one of spec.static, spec.dynamic and spec.pki is required")
	}
	if m := c.Spec.ObjectMetadata; m != nil {
		for key, value := range m.Labels {
			t.labels[key] = value
		}
		t.annotations = m.Annotations
	}
	t.labels[v1beta1.LabelClusterName] = c.Name
	if c.Spec.DeletionPolicy != v1beta1.DeletionRetain {
		t.owner = &metav1.OwnerReference{APIVersion: v1beta1.GroupVersion().String(), Kind: "ClusterVaultSecret", Name: c.Name, UID: c.UID}
	}
	return t, nil
}

// child is one object, as it is in the cache.
type child struct {
	kind   string
	object client.Object
	spec   any
}

func (c child) name() types.NamespacedName { return client.ObjectKeyFromObject(c.object) }

// childOf wraps an object of one of the three kinds.
func childOf(object client.Object) child {
	switch o := object.(type) {
	case *v1beta1.VaultStaticSecret:
		return child{"VaultStaticSecret", o, &o.Spec}
	case *v1beta1.VaultDynamicSecret:
		return child{"VaultDynamicSecret", o, &o.Spec}
	case *v1beta1.VaultPKISecret:
		return child{"VaultPKISecret", o, &o.Spec}
	}
	return child{object: object}
}

// is tells whether an object is as the template has it.
func (c child) is(t template) bool {
	return includes(c.object.GetLabels(), t.labels) && includes(c.object.GetAnnotations(), t.annotations) &&
		t.owned(c.object.GetOwnerReferences()) && equality.Semantic.DeepEqual(c.spec, t.spec)
}

func includes(have, want map[string]string) bool {
	for key, value := range want {
		if held, ok := have[key]; !ok || held != value {
			return false
		}
	}
	return true
}

// owned tells whether the owners of an object are as the deletion policy wants them.
func (t template) owned(refs []metav1.OwnerReference) bool {
	ours := slices.IndexFunc(refs, func(ref metav1.OwnerReference) bool { return ref.Kind == "ClusterVaultSecret" })
	if t.owner == nil {
		return ours < 0
	}
	return ours >= 0 && refs[ours].UID == t.owner.UID
}

// plan is what is to be done.
type plan struct {
	chosen []string // namespaces
	apply  []string // those whose object is not as the template has it
	letGo  []child  // objects that are not wanted any more
}

// planFor compares the children that carry the label with what is wanted. If anew is
// set, every object is applied: the template may have lost a label, which only the
// API server knows to be ours.
func planFor(t template, chosen []string, children []child, anew bool) plan {
	p := plan{chosen: chosen}
	fine := map[string]bool{}
	for _, c := range children {
		at := c.name()
		wanted := c.kind == t.kind && at.Name == t.name && slices.Contains(chosen, at.Namespace)
		if !wanted {
			p.letGo = append(p.letGo, c)
		}
		fine[at.Namespace] = fine[at.Namespace] || wanted && !anew && c.is(t)
	}
	for _, namespace := range chosen {
		if !fine[namespace] {
			p.apply = append(p.apply, namespace)
		}
	}
	return p
}

// judged is what the status tells of the objects.
type judged struct {
	ready  int
	failed []v1beta1.FailedNamespace // sorted, all of them
}

// judge looks at the objects of the chosen namespaces. What went wrong while they
// were made comes first.
func judge(t template, chosen []string, children []child, problems map[string]v1beta1.FailedNamespace) judged {
	found := map[string]child{}
	for _, c := range children {
		if at := c.name(); c.kind == t.kind && at.Name == t.name {
			found[at.Namespace] = c
		}
	}
	var j judged
	for _, namespace := range chosen {
		c, exists := found[namespace]
		problem, failed := problems[namespace]
		switch {
		case failed:
			j.failed = append(j.failed, problem)
		case exists && c.ready():
			j.ready++
		default:
			j.failed = append(j.failed, c.complaint(namespace))
		}
	}
	return j
}

// ready tells whether the object is so for the spec that it has now.
func (c child) ready() bool {
	r := status.Ready(c.object)
	return r.Status == metav1.ConditionTrue && r.ObservedGeneration == c.object.GetGeneration()
}

// complaint is what an object says that is not ready.
func (c child) complaint(namespace string) v1beta1.FailedNamespace {
	r := status.Ready(c.object)
	if r.Status == "" || r.Status == metav1.ConditionTrue {
		return v1beta1.FailedNamespace{Namespace: namespace, Reason: reasonPending, Message: "the object was not looked at yet"}
	}
	return v1beta1.FailedNamespace{Namespace: namespace, Reason: r.Reason, Message: r.Message}
}

// Reasons in the list of failed namespaces, beside those of the objects.
const (
	reasonPending = "Pending"
	reasonForeign = "NotOwner" // an object of the name is there already
)

// pending tells whether all that are not ready were only not looked at yet.
func (j judged) pending() bool {
	return !slices.ContainsFunc(j.failed, func(f v1beta1.FailedNamespace) bool { return f.Reason != reasonPending })
}

// summary says how many are not ready, and names the first ones.
func (j judged) summary() string {
	const shown = 3
	var names []string
	for _, f := range j.failed[:min(shown, len(j.failed))] {
		names = append(names, fmt.Sprintf("%s (%s)", f.Namespace, f.Reason))
	}
	text := fmt.Sprintf("%d of %d namespaces are not ready: %s", len(j.failed), len(j.failed)+j.ready, strings.Join(names, ", "))
	if len(j.failed) > shown {
		text += fmt.Sprintf(" and %d more", len(j.failed)-shown)
	}
	return text
}
