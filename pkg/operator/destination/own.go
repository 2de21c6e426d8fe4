package destination

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// ownerLabels mark a Secret as one of the operator's.
func ownerLabels() map[string]string {
	return map[string]string{
		v1beta1.LabelName:      v1beta1.ValueName,
		v1beta1.LabelManagedBy: v1beta1.ValueManagedBy,
		v1beta1.LabelComponent: v1beta1.ValueComponent,
	}
}

// marked tells whether a Secret carries all labels of the operator's Secrets.
func marked(labels map[string]string) bool {
	for key, value := range ownerLabels() {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// Collected tells whether the garbage collector may delete the Secret after its
// object. It deletes whole Secrets, and asks nobody: neither is right for one that
// is to be retained, or that others have written to.
func Collected(d v1beta1.Destination) bool {
	return d.DeletionPolicy != v1beta1.DeletionRetain && policy(d) == v1beta1.DestinationReplace
}

// owns tells whether a Secret is the object's. The label with the UID decides
// where the Secret has no owner for the garbage collector.
func (o owner) owns(s *corev1.Secret) bool {
	if !marked(s.Labels) {
		return false
	}
	if len(s.OwnerReferences) == 0 {
		return s.Labels[v1beta1.LabelOwnerUID] == string(o.ref.UID)
	}
	return len(s.OwnerReferences) == 1 && o.refersTo(s.OwnerReferences[0])
}

// refersTo compares what identifies an object.
func (o owner) refersTo(ref metav1.OwnerReference) bool {
	return ref.APIVersion == o.ref.APIVersion && ref.Kind == o.ref.Kind && ref.Name == o.ref.Name && ref.UID == o.ref.UID
}

// owned tells whether a Secret is the object's as its policy has it: with merge,
// others may be its owners as well.
func (f *Found) owned() bool {
	if f.owner.owns(f.live) {
		return true
	}
	return policy(f.want) == v1beta1.DestinationMerge && marked(f.live.Labels) &&
		(f.live.Labels[v1beta1.LabelOwnerUID] == string(f.owner.ref.UID) || slices.ContainsFunc(f.live.OwnerReferences, f.owner.refersTo))
}

// permitted says why the Secret that is there must not be written.
func (f *Found) permitted() error {
	switch {
	case f.live == nil || !f.want.Create || f.owned():
		return nil
	case !marked(f.live.Labels):
		if f.want.Overwrite {
			return nil
		}
		return fail(ErrForeign, "secret %s exists, and %s is not its owner: set destination.overwrite to take it over", f.key(), f.owner)
	case len(f.live.OwnerReferences) > 0:
		return fail(ErrForeign, "secret %s exists, and %s is not its owner: %s is", f.key(), f.owner, names(f.live.OwnerReferences))
	default:
		return fail(ErrForeign, "secret %s exists, and %s is not its owner: its label %s is that of another object; remove the label if that object is gone, and set destination.overwrite",
			f.key(), f.owner, v1beta1.LabelOwnerUID)
	}
}

// names lists owners for an error.
func names(refs []metav1.OwnerReference) string {
	text := ""
	for i, ref := range refs {
		if i > 0 {
			text += ", "
		}
		text += ref.Kind + " " + ref.Name + " (UID " + string(ref.UID) + ")"
	}
	return text
}

// wanted is the Secret as it is to be, without the version and UID of the one that
// is there.
func (f *Found) wanted(d Data) *corev1.Secret {
	s := &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: f.owner.name.Namespace, Name: f.want.Name},
		Data:       d.Values,
	}
	if !f.want.Create {
		return s
	}
	s.Labels = union(f.want.Labels, d.Labels, ownerLabels(), map[string]string{v1beta1.LabelOwnerUID: string(f.owner.ref.UID)})
	s.Annotations = union(f.want.Annotations, d.Annotations)
	if Collected(f.want) {
		s.OwnerReferences = []metav1.OwnerReference{f.owner.ref}
	}
	s.Type = typeOf(f.want)
	if f.want.Immutable {
		s.Immutable = &f.want.Immutable
	}
	return s
}

// union joins maps; later ones win.
func union(parts ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}

func typeOf(d v1beta1.Destination) corev1.SecretType {
	if d.Type == "" {
		return corev1.SecretTypeOpaque
	}
	return corev1.SecretType(d.Type)
}
