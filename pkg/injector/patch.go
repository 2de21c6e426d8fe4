package injector

import (
	"encoding/json"
	"fmt"

	apply "github.com/evanphx/json-patch/v5"
	"gomodules.xyz/jsonpatch/v2"
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
	old, err := json.Marshal(before)
	if err != nil {
		return nil, fmt.Errorf("encode pod: %w", err)
	}
	changed, err := json.Marshal(after)
	if err != nil {
		return nil, fmt.Errorf("encode injected pod: %w", err)
	}
	operations, err := jsonpatch.CreatePatch(old, changed)
	if err != nil {
		return nil, fmt.Errorf("compare pods: %w", err)
	}
	if len(operations) == 0 {
		return nil, nil
	}
	return json.Marshal(operations)
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
