package destination

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// formerManager is the field manager of the operator that was there before, which
// is the name of its program.
const formerManager = "vault-secrets-operator"

// part is one of the maps of a Secret.
type part int

const (
	data part = iota
	labels
	annotations
	parts // how many there are
)

// path is where a part lies among the fields of a manager.
func (p part) path() []string {
	switch p {
	case data:
		return []string{"f:data"}
	case labels:
		return []string{"f:metadata", "f:labels"}
	default:
		return []string{"f:metadata", "f:annotations"}
	}
}

// of returns the keys of a part.
func (p part) of(s *corev1.Secret) []string {
	switch p {
	case data:
		return slices.Sorted(maps.Keys(s.Data))
	case labels:
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
	keys [parts]map[string]bool
}

// parseFields reads managed fields; what it does not understand belongs to nobody.
func parseFields(managed []metav1.ManagedFieldsEntry) fields {
	var f fields
	for _, raw := range managed {
		e := entry{raw: raw}
		var tree map[string]any
		if raw.FieldsV1 != nil && json.Unmarshal(raw.FieldsV1.GetRawBytes(), &tree) == nil {
			for p := range parts {
				e.keys[p] = keysAt(tree, p.path())
			}
		}
		f.entries = append(f.entries, e)
	}
	return f
}

func keysAt(tree map[string]any, path []string) map[string]bool {
	for _, step := range path {
		tree, _ = tree[step].(map[string]any)
	}
	keys := map[string]bool{}
	for name := range tree {
		if key, ok := strings.CutPrefix(name, "f:"); ok {
			keys[key] = true
		}
	}
	return keys
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
	return slices.ContainsFunc(f.entries, func(e entry) bool { return e.ours() && e.keys[p][key] })
}

// alone tells whether a key belongs to our server-side apply and to nobody else, so
// that the next one removes it.
func (f fields) alone(p part, key string) bool {
	mine := false
	for _, e := range f.entries {
		if !e.keys[p][key] {
			continue
		}
		if !e.applied() {
			return false
		}
		mine = true
	}
	return mine
}

// claimed returns managed fields in which our server-side apply has written what it
// is to remove: all of the Secret, or only what is ours already.
func (f fields) claimed(s *corev1.Secret, everything bool, now metav1.Time) []metav1.ManagedFieldsEntry {
	var rest []metav1.ManagedFieldsEntry
	tree := map[string]any{}
	for p := range parts {
		for _, key := range p.of(s) {
			if everything || f.ours(p, key) {
				put(tree, append(p.path(), "f:"+key)...)
			}
		}
	}
	for _, ref := range s.OwnerReferences {
		if everything || marked(s.Labels) {
			id, _ := json.Marshal(map[string]string{"uid": string(ref.UID)}) // texts always encode
			put(tree, "f:metadata", "f:ownerReferences", "k:"+string(id))
		}
	}
	for _, e := range f.entries {
		if !everything && !e.ours() {
			rest = append(rest, e.raw)
		}
	}
	encoded, _ := json.Marshal(tree) // as do maps of them
	return append(rest, metav1.ManagedFieldsEntry{
		Manager: Manager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "v1", Time: &now,
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(encoded)),
	})
}

func put(tree map[string]any, path ...string) {
	for _, step := range path {
		next, ok := tree[step].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[step] = next
		}
		tree = next
	}
}
