package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// selection is what a format works on.
type selection struct {
	o      FormatOptions
	data   map[string]any // all of the secret; it is shared and must not be changed
	fields []entry        // what was asked for
}

// entry is a key with its value, as encoding/json decodes it.
type entry struct {
	name  string
	value any
}

// selectFrom takes the fields out of an answer.
func (f *Format) selectFrom(response *secret.Response) (*selection, error) {
	data := contentOf(response.Data.Reveal())
	if data == nil {
		return nil, fail("the answer to %q holds no data", f.o.Query)
	}
	s := &selection{o: f.o, data: data}
	names := f.o.Keys
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(data))
	}
	for _, name := range names {
		value, ok := find(data, name)
		if !ok {
			return nil, s.noKey(name)
		}
		s.fields = append(s.fields, entry{name: name, value: value})
	}
	return s, nil
}

func (s *selection) noKey(name string) error {
	return fail("%q has no key %q", s.o.Query, name)
}

// contentOf takes the entries of a KV version 2 secret out of their wrapping,
// which only that engine makes: data, and metadata with a version.
func contentOf(data map[string]any) map[string]any {
	inner, isMap := data["data"].(map[string]any)
	metadata, _ := data["metadata"].(map[string]any)
	if _, versioned := metadata["version"]; isMap && versioned && len(data) == 2 {
		return inner
	}
	return data
}

// find follows a name with dots into nested maps. A key that has the dots itself wins.
func find(data map[string]any, name string) (any, bool) {
	if value, ok := data[name]; ok {
		return value, true
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if inner, ok := data[name[:i]].(map[string]any); ok {
			if value, ok := find(inner, name[i+1:]); ok {
				return value, true
			}
		}
	}
	return nil, false
}

// textOf returns a value as a text: null is nothing, and what is nested is
// compact JSON.
func textOf(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		encoded, err := compactJSON(v)
		return string(encoded), err
	}
}

// compactJSON leaves <, > and & as they are: no browser reads this.
func compactJSON(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, errors.New("a value cannot be written as JSON")
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// object returns the fields as one map. Its values must not be changed.
func (s *selection) object() map[string]any {
	if len(s.o.Keys) == 0 {
		return s.data
	}
	m := make(map[string]any, len(s.fields))
	for _, f := range s.fields {
		m[f.name] = f.value
	}
	return m
}

// password returns the password of a keystore.
func (s *selection) password(r *Result) (string, error) {
	k := s.o.Keystore
	if k.PasswordFile != "" {
		return passwordFrom(k.PasswordFile, r)
	}
	value, ok := find(s.data, k.PasswordKey)
	if !ok {
		return "", s.noKey(k.PasswordKey)
	}
	text, isText := value.(string)
	if !isText || text == "" {
		return "", fail("the key %q of %q holds no password", k.PasswordKey, s.o.Query)
	}
	return text, nil
}

// passwordFrom reads a password file, to be watched as the files of a template.
func passwordFrom(path string, r *Result) (string, error) {
	r.Files = append(r.Files, path)
	f, err := openFile("", path)
	if err != nil {
		return "", fileError(path, err)
	}
	content, err := readRegular(f)
	if err != nil {
		return "", fileError(path, err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if text == "" {
		return "", fail("the file %q holds no password", path)
	}
	return text, nil
}
