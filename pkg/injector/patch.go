package injector

import (
	"encoding/json"
	"fmt"
	"reflect"

	apply "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"
)

// maxCopied bounds what "copy" operations of a user's patch may add, in bytes: a
// short patch could otherwise double a document without end. A whole pod is not
// stored above 1.5 MiB.
const maxCopied = 1 << 20

// Patch returns the JSON patch (RFC 6902) that makes one pod of the other, nil
// if they are equal. It fits the JSON that the first one was decoded from, also
// where that holds fields which this program does not know.
func Patch(before, after *corev1.Pod) ([]byte, error) {
	return AppendPatch(nil, before, after)
}

// AppendPatch is [Patch] into a slice that is there; it appends nothing if the
// pods are equal.
func AppendPatch(out []byte, before, after *corev1.Pod) ([]byte, error) {
	d := difference{jsonWriter: jsonWriter{out: out}}
	d.compare(podShape(), reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem())
	if d.err != nil {
		return nil, fmt.Errorf("encode injected pod: %w", d.err)
	}
	if len(d.out) == len(out) {
		return out, nil
	}
	d.out[len(out)] = '[' // in place of the comma before the first operation
	return append(d.out, ']'), nil
}

// misfitError is a JSON patch that does not fit its container.
type misfitError struct {
	key string
	err error
}

func (e *misfitError) Error() string {
	return fmt.Sprintf("%sfailed to apply JSON patch: %s: %v", atPatch, e.key, e.err)
}

func (e *misfitError) Unwrap() error { return e.err }

func misfit(key string, err error) error { return &misfitError{key, err} }

// applyPatch changes a container as the annotation says.
func applyPatch(c corev1.Container, patch, key string) (corev1.Container, error) {
	if patch == "" {
		return c, nil
	}
	operations, err := apply.DecodePatch([]byte(patch))
	if err != nil {
		return c, misfit(key, err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		return c, misfit(key, err)
	}
	options := apply.NewApplyOptions()
	options.AccumulatedCopySizeLimit = maxCopied
	changed, err := operations.ApplyWithOptions(text, options)
	if err != nil {
		return c, misfit(key, err)
	}
	var patched corev1.Container
	if err := json.Unmarshal(changed, &patched); err != nil {
		return c, misfit(key, err)
	}
	return patched, nil
}
