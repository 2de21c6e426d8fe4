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

// removable tells whether our next server-side apply removes a key that it does not
// name: it does what its entry has, unless another entry has it too. With merge
// that is meant to save what others have written; what we have written in another
// way has to be claimed in either case.
func (f fields) removable(p part, key string, merge bool) bool {
	mine := false
	for _, e := range f.entries {
		switch {
		case !e.has(p, key):
		case e.applied():
			mine = true
		case !merge || e.ours():
			return false
		}
	}
	return mine
}

// claimed returns managed fields in which our server-side apply has written what is
// ours, every key of the parts that are taken as a whole, and some owners.
func (f fields) claimed(s *corev1.Secret, whole [parts]bool, refs []metav1.OwnerReference, now metav1.Time) []metav1.ManagedFieldsEntry {
	tree := map[string]any{}
	for p := range parts {
		for _, key := range p.keys(s) {
			if whole[p] || f.ours(p, key) {
				put(tree, append(p.path(), "f:"+key)...)
			}
		}
	}
	for _, ref := range refs {
		put(tree, refPath(ref)...)
	}
	return append(f.others(whole, refs), metav1.ManagedFieldsEntry{
		Manager: Manager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "v1", Time: &now,
		FieldsType: "FieldsV1", FieldsV1: encode(tree),
	})
}

// refPath is where an owner lies among the fields of a manager.
func refPath(ref metav1.OwnerReference) []string {
	id, _ := json.Marshal(map[string]string{"uid": string(ref.UID)}) // texts always encode
	return []string{"f:metadata", "f:ownerReferences", "k:" + string(id)}
}

// others returns the entries of other managers without what is taken from them.
func (f fields) others(whole [parts]bool, refs []metav1.OwnerReference) []metav1.ManagedFieldsEntry {
	var rest []metav1.ManagedFieldsEntry
	for _, e := range f.entries {
		if e.ours() {
			continue
		}
		tree := maps.Clone(e.tree)
		for p := range parts {
			if whole[p] {
				cut(tree, p.path()...)
			}
		}
		for _, ref := range refs {
			cut(tree, refPath(ref)...)
		}
		if len(tree) > 0 {
			e.raw.FieldsV1 = encode(tree)
			rest = append(rest, e.raw)
		}
	}
	return rest
}

func encode(tree map[string]any) *metav1.FieldsV1 {
	encoded, _ := json.Marshal(tree) // maps of maps always encode
	return metav1.NewFieldsV1(string(encoded))
}

// put makes a way of maps.
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

// cut removes the end of a way of maps, and those on it that are empty then. The
// maps below the first are copied.
func cut(tree map[string]any, path ...string) {
	if len(path) == 1 {
		delete(tree, path[0])
		return
	}
	below, ok := tree[path[0]].(map[string]any)
	if !ok {
		return
	}
	below = maps.Clone(below)
	cut(below, path[1:]...)
	tree[path[0]] = below
	if len(below) == 0 || len(below) == 1 && hasSelf(below) {
		delete(tree, path[0])
	}
}

// hasSelf tells whether the map itself is among what a manager has written.
func hasSelf(tree map[string]any) bool {
	_, ok := tree["."]
	return ok
}
