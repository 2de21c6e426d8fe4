package rollout

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// place is where in a workload the stamp stands, as the keys on the way.
type place []string

func templateAnnotation(key string) place {
	return place{"spec", "template", "metadata", "annotations", key}
}

// parsePlace reads a field path as the downward API writes it: names that are
// separated by dots, and keys with other characters in brackets and single quotes.
func parsePlace(path string) (place, error) {
	fail := func(why string) (place, error) { return nil, fmt.Errorf("fieldPath %q: %s", path, why) }
	var keys place
	for rest := path; ; {
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if !isName(rest[:end]) {
			return fail("a name of letters, digits, '-' and '_' is expected between the dots")
		}
		keys, rest = append(keys, rest[:end]), rest[end:]
		for strings.HasPrefix(rest, "[") {
			key, after, found := strings.Cut(strings.TrimPrefix(rest, "['"), "']")
			if !found || !strings.HasPrefix(rest, "['") || key == "" {
				return fail("a key in brackets is written as ['key']")
			}
			keys, rest = append(keys, key), after
		}
		if rest == "" {
			return keys, nil
		}
		if rest[0] != '.' {
			return fail("a dot or a bracket is expected after a bracket")
		}
		rest = rest[1:]
	}
}

func isName(s string) bool {
	for _, c := range s {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}

// read returns the text at the place; "" where there is none. Something that is
// neither text nor nothing is no place for a stamp.
func (p place) read(object *unstructured.Unstructured) (string, error) {
	var at any = object.Object
	for _, key := range p {
		if at == nil {
			return "", nil
		}
		fields, ok := at.(map[string]any)
		if !ok {
			return "", p.occupied()
		}
		at = fields[key]
	}
	if at == nil {
		return "", nil
	}
	text, ok := at.(string)
	if !ok {
		return "", p.occupied()
	}
	return text, nil
}

func (p place) occupied() error {
	return errors.New("the field " + strings.Join(p, ".") + " holds no text and cannot be set to one")
}

// patch is a merge patch that sets the place, and is refused by the API server when
// the workload is not the one any more that was read.
func (p place) patch(version, value string) map[string]any {
	var at any = value
	for i := len(p) - 1; i >= 0; i-- {
		at = map[string]any{p[i]: at}
	}
	patch, _ := at.(map[string]any)
	metadata, _ := patch["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		patch["metadata"] = metadata
	}
	metadata["resourceVersion"] = version
	return patch
}
