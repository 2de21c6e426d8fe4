package destination

import (
	"bytes"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// step is what makes a Secret as it is wanted.
type step int

const (
	stepNone     step = iota
	stepCreate        // there is none
	stepApply         // fields are changed in place
	stepRecreate      // what cannot be changed in place differs
)

// decision is a step, and the keys that have to be removed by name after it, because
// server-side apply leaves them to others.
type decision struct {
	step  step
	strip map[string]any // a merge patch; nil: none
}

// decide compares the Secret that is there with the wanted one. It may keep the
// wanted one immutable.
func (f *Found) decide(want *corev1.Secret) (decision, error) {
	switch {
	case f.live == nil && !f.want.Create:
		return decision{}, fail(ErrMissing, "secret %s does not exist, and destination.create is false", f.key())
	case f.live == nil:
		return decision{step: stepCreate}, nil
	case f.want.Create && f.live.Type != want.Type:
		return f.recreate("secret %s is of type %q instead of %q", f.key(), f.live.Type, want.Type)
	}
	data := f.dataDiffers(want)
	if fixed := f.live.Immutable != nil && *f.live.Immutable; fixed {
		if data {
			return f.recreate("secret %s is immutable", f.key())
		}
		if f.want.Create {
			want.Immutable = f.live.Immutable
		}
	}
	if !data && !f.metadataDiffers(want) {
		return decision{}, nil
	}
	return decision{step: stepApply, strip: f.strip(want)}, nil
}

// recreate is allowed for a Secret that is the object's alone.
func (f *Found) recreate(format string, args ...any) (decision, error) {
	switch {
	case !f.want.Create:
		return decision{}, fail(ErrInvalid, format+", and destination.create is false", args...)
	case f.merges():
		return decision{}, fail(ErrInvalid, format+", and with mergePolicy merge it is not made anew", args...)
	}
	return decision{step: stepRecreate}, nil
}

func (f *Found) merges() bool { return policy(f.want) == v1beta1.DestinationMerge }

func (f *Found) dataDiffers(want *corev1.Secret) bool {
	for key, value := range want.Data {
		if held, ok := f.live.Data[key]; !ok || !bytes.Equal(held, value) {
			return true
		}
	}
	return len(f.surplus(partData, want)) > 0
}

// metadataDiffers leaves out what others have added: it is removed at the next
// write, but does not cause one.
func (f *Found) metadataDiffers(want *corev1.Secret) bool {
	if !f.want.Create {
		// It was made by the object once, and is not the object's any more.
		return f.owner.owns(f.live)
	}
	for _, p := range []part{partLabels, partAnnotations} {
		if slices.ContainsFunc(f.surplus(p, want), func(key string) bool { return f.fields.ours(p, key) }) {
			return true
		}
	}
	return lacks(f.live.Labels, want.Labels) || lacks(f.live.Annotations, want.Annotations) ||
		f.refsDiffer(want) || want.Immutable != nil && f.live.Immutable == nil
}

// lacks tells whether an entry is missing or different.
func lacks(have, want map[string]string) bool {
	for key, value := range want {
		if held, ok := have[key]; !ok || held != value {
			return true
		}
	}
	return false
}

// refsDiffer tells whether the owners for the garbage collector are not as wanted.
func (f *Found) refsDiffer(want *corev1.Secret) bool {
	mine := slices.ContainsFunc(f.live.OwnerReferences, f.owner.refersTo)
	if f.merges() || !f.want.Create {
		return mine
	}
	return len(f.live.OwnerReferences) != len(want.OwnerReferences) || mine != (len(want.OwnerReferences) > 0)
}

// surplus returns the keys of a part that are to go: with merge, and of metadata
// that is not the object's, only those that we have written.
func (f *Found) surplus(p part, want *corev1.Secret) []string {
	kept := p.keys(want)
	return slices.DeleteFunc(p.keys(f.live), func(key string) bool {
		return slices.Contains(kept, key) || !f.whole()[p] && !f.fields.ours(p, key)
	})
}

// whole tells which parts belong to the object as a whole.
func (f *Found) whole() [parts]bool {
	if f.merges() {
		return [parts]bool{}
	}
	return [parts]bool{partData: true, partLabels: f.want.Create, partAnnotations: f.want.Create}
}

// strip is the merge patch that removes what server-side apply would leave.
func (f *Found) strip(want *corev1.Secret) map[string]any {
	var gone [parts]map[string]any
	for p := range parts {
		gone[p] = map[string]any{}
		for _, key := range f.surplus(p, want) {
			if f.fields.strip(p, key, !f.whole()[p]) {
				gone[p][key] = nil
			}
		}
	}
	metadata := map[string]any{}
	if f.refsDiffer(want) && len(f.live.OwnerReferences) > 0 {
		// A list is replaced as a whole, so it must be the one that was looked at.
		metadata["ownerReferences"], metadata["resourceVersion"] = f.refs(want), f.live.ResourceVersion
	}
	patch := map[string]any{}
	add(patch, "data", gone[partData])
	add(metadata, "labels", gone[partLabels])
	add(metadata, "annotations", gone[partAnnotations])
	add(patch, "metadata", metadata)
	return patch
}

func add(to map[string]any, key string, part map[string]any) {
	if len(part) > 0 {
		to[key] = part
	}
}

// refs are the owners that stay: those that are wanted where the object is the only
// one, and else the others.
func (f *Found) refs(want *corev1.Secret) []metav1.OwnerReference {
	if f.whole()[partLabels] {
		return append([]metav1.OwnerReference{}, want.OwnerReferences...)
	}
	return slices.DeleteFunc(slices.Clone(f.live.OwnerReferences), f.owner.refersTo)
}
