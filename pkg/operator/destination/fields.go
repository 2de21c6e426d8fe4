package destination

import (
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// formerManager is the field manager of the operator that was there before, which
// is the name of its program.
const formerManager = "vault-secrets-operator"

// part is one of the maps of a Secret.
type part int

const (
	partData part = iota
	partLabels
	partAnnotations
	parts // how many there are
)

// path is where a part lies among the fields of a manager.
func (p part) path() []string {
	switch p {
	case partData:
		return []string{"f:data"}
	case partLabels:
		return []string{"f:metadata", "f:labels"}
	default:
		return []string{"f:metadata", "f:annotations"}
	}
}

// keys returns those of a part of a Secret, sorted.
func (p part) keys(s *corev1.Secret) []string {
	switch p {
	case partData:
		return slices.Sorted(maps.Keys(s.Data))
	case partLabels:
		return slices.Sorted(maps.Keys(s.Labels))
	default:
		return slices.Sorted(maps.Keys(s.Annotations))
	}
}

// fields tells who has written what of a Secret.
type fields struct{ entries []entry }

// entry is what one manager has written in one way.
type entry struct {
	raw  metav1.ManagedFieldsEntry
	tree map[string]any
}

// parseFields reads managed fields; what it cannot read belongs to nobody.
func parseFields(managed []metav1.ManagedFieldsEntry) fields {
	var f fields
	for _, raw := range managed {
		e := entry{raw: raw, tree: map[string]any{}}
		if raw.FieldsV1 != nil {
			_ = json.Unmarshal(raw.FieldsV1.GetRawBytes(), &e.tree)
		}
		f.entries = append(f.entries, e)
	}
	return f
}

// has tells whether a key is among what the manager has written.
func (e entry) has(p part, key string) bool {
	at := e.tree
	for _, step := range p.path() {
		at, _ = at[step].(map[string]any)
	}
	_, ok := at["f:"+key]
	return ok
}

// applied tells whether an entry is of our server-side apply, which removes what it
// does not name any more.
func (e entry) applied() bool {
	return e.raw.Manager == Manager && e.raw.Operation == metav1.ManagedFieldsOperationApply && e.raw.Subresource == ""
}

// ours tells whether an entry is of this operator or of the one before.
func (e entry) ours() bool { return e.raw.Manager == Manager || e.raw.Manager == formerManager }

// ours tells whether a key was written by us.
func (f fields) ours(p part, key string) bool {
	return slices.ContainsFunc(f.entries, func(e entry) bool { return e.ours() && e.has(p, key) })
}

// strip tells whether a key that is to go has to be removed by name: server-side
// apply removes what its entry has, unless another entry has it too. With merge,
// what others have written as well stays.
func (f fields) strip(p part, key string, merge bool) bool {
	applied, written, foreign := false, false, false
	for _, e := range f.entries {
		switch {
		case !e.has(p, key):
		case e.applied():
			applied = true
		case e.ours():
			written = true
		default:
			foreign = true
		}
	}
	if merge {
		return written && !foreign
	}
	return written || foreign || !applied
}
