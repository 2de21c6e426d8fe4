package push

import (
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
)

// markKey is the custom metadata that says whose a path is.
const markKey = "managed-by"

// What a person has to decide.
var (
	errForeign  = errors.New("somebody else's path")
	errConflict = errors.New("somebody else has written to the path")
)

// held is what a path holds.
type held struct {
	exists  bool              // there is, or was, a secret
	version int64             // of KV version 2: the newest
	data    map[string]any    // nil: it is deleted, or was never there
	marks   map[string]string // custom metadata
}

// wish is what an object wants of a path.
type wish struct {
	spec   *v1beta1.VaultPushSecretSpec
	status *v1beta1.VaultPushSecretStatus
	mark   string // of the object
	data   values
	key    mac.Key
}

// decision is what is to be written; nil parts stay as they are.
type decision struct {
	data  map[string]any
	check int64 // version that the write is checked against
	marks map[string]string
}

// versioned tells whether the engine keeps versions.
func (w wish) versioned() bool { return w.spec.Type == v1beta1.KVV2 }

// decide compares what is wanted with what there is.
func (w wish) decide(h held) (decision, error) {
	d := decision{check: h.version}
	if w.versioned() {
		d.marks = w.marks(h)
	}
	next := w.next(h)
	switch {
	case !h.exists:
		d.data = next
		return d, nil
	case !w.owns(h) && !w.spec.Overwrite:
		return decision{}, fmt.Errorf("%w: there is a secret at the path that this object has not written: set overwrite to take it over", errForeign)
	case h.data != nil && same(next, h.data):
		return d, nil
	case w.touched(h) && w.spec.ConflictPolicy != v1beta1.PushConflictOverwrite:
		return decision{}, fmt.Errorf("%w since this object has: set conflictPolicy to overwrite, or make both equal", errConflict)
	}
	d.data = next
	return d, nil
}

// next is what the path is to hold.
func (w wish) next(h held) map[string]any {
	next := map[string]any{}
	if w.spec.MergePolicy == v1beta1.DestinationMerge {
		maps.Copy(next, h.data)
	}
	for key, text := range w.data {
		next[key] = text
	}
	return next
}

// owns tells whether the object has written the path before. Version 1 of the
// engine has no metadata, so only the status can tell.
func (w wish) owns(h held) bool {
	if w.versioned() {
		return h.marks[markKey] == w.mark
	}
	return w.status.SecretMAC != ""
}

// touched tells whether somebody else has written since the object has, and not only
// beside it. An object that has lost its status goes on where it was.
func (w wish) touched(h held) bool {
	if w.status.SecretMAC == "" || h.data == nil {
		return false
	}
	if w.versioned() && h.version == w.status.SecretVersion {
		return false
	}
	return !w.key.Is(w.status.SecretMAC, w.ours(h).bytes())
}

// ours is the part of what a path holds that the object has written: with replace
// all of it. What is no text was not written by the object, and stands for itself.
func (w wish) ours(h held) values {
	out := values{}
	for key, value := range h.data {
		if _, wanted := w.data[key]; !wanted && w.spec.MergePolicy == v1beta1.DestinationMerge {
			continue
		}
		text, ok := value.(string)
		if !ok {
			text = "\x00"
		}
		out[key] = text
	}
	return out
}

// marks are the custom metadata as they are to be; nil where they are so.
func (w wish) marks(h held) map[string]string {
	marks := map[string]string{}
	maps.Copy(marks, h.marks)
	maps.Copy(marks, w.spec.Metadata)
	marks[markKey] = w.mark
	if maps.Equal(marks, h.marks) {
		return nil
	}
	return marks
}

// same tells whether two secrets are equal. What is no text comes from the path
// itself.
func same(a, b map[string]any) bool {
	return maps.EqualFunc(a, b, reflect.DeepEqual)
}
