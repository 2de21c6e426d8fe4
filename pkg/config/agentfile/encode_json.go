package agentfile

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// appendValue appends what encoding/json would write of a value of a document's
// tree, byte for byte. The injector encodes two documents for each pod, and the
// few types of the tree need none of the reflection that encoding/json spends.
func appendValue(out []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendText(out, v)
	case bool:
		return strconv.AppendBool(out, v), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case fields:
		return appendObject(out, v)
	case map[string]string:
		return appendObject(out, v)
	case []fields:
		return appendList(out, v)
	case []string:
		return appendList(out, v)
	default:
		return appendOther(out, v)
	}
}

func appendObject[V any](out []byte, object map[string]V) ([]byte, error) {
	var held [32]string // a template has 28 keys at the most
	names := held[:0]
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	out = append(out, '{')
	var err error
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = appendText(out, name); err != nil {
			return out, err
		}
		out = append(out, ':')
		if out, err = appendValue(out, object[name]); err != nil {
			return out, err
		}
	}
	return append(out, '}'), nil
}

func appendList[V any](out []byte, list []V) ([]byte, error) {
	out = append(out, '[')
	var err error
	for i, one := range list {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = appendValue(out, one); err != nil {
			return out, err
		}
	}
	return append(out, ']'), nil
}

// appendText writes the texts of which most documents consist; those with other
// control characters or beyond ASCII are left to encoding/json.
func appendText(out []byte, text string) ([]byte, error) {
	start := len(out)
	out = append(out, '"')
	from := 0
	for i := range len(text) {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			out = append(append(out, text[from:i]...), '\\')
			from = i
		case c == '\n':
			out = append(append(out, text[from:i]...), `\n`...)
			from = i + 1
		case c < ' ' || c > '~':
			return appendOther(out[:start], text)
		}
	}
	return append(append(out, text[from:]...), '"'), nil
}

func appendOther(out []byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(out)
	encoder := json.NewEncoder(b)
	// Templates are full of angle brackets and ampersands, and the size of an
	// environment variable is bounded.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return out, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
