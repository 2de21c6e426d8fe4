package agentfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// jsonReader reads JSON token by token, because only that way the line of every
// key is known and a key that repeats is seen.
type jsonReader struct {
	src     []byte
	decoder *json.Decoder
	offset  int // up to here lines are counted
	line    int
}

func parseJSON(src []byte) (*node, error) {
	r := &jsonReader{src: src, decoder: json.NewDecoder(bytes.NewReader(src)), line: 1}
	r.decoder.UseNumber()
	n, err := r.value(0)
	if err != nil {
		return nil, r.fault(err)
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &syntaxError{line: r.here(), text: "something follows the end of the document"}
	}
	return n, nil
}

// here returns the line that the decoder has reached.
func (r *jsonReader) here() int { return r.lineAt(int(r.decoder.InputOffset())) }

func (r *jsonReader) lineAt(offset int) int {
	offset = min(offset, len(r.src))
	if offset > r.offset {
		r.line += bytes.Count(r.src[r.offset:offset], []byte("\n"))
		r.offset = offset
	}
	return r.line
}

func (r *jsonReader) fault(err error) error {
	var own *syntaxError
	if errors.As(err, &own) {
		return own
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return &syntaxError{line: r.lineAt(int(syntax.Offset)), text: syntax.Error()}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &syntaxError{line: r.lineAt(len(r.src)), text: "the document ends too early"}
	}
	return &syntaxError{line: r.here(), text: err.Error()}
}

func (r *jsonReader) value(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, &syntaxError{line: r.here(), text: fmt.Sprintf("values nest deeper than %d levels", maxDepth)}
	}
	t, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	n := &node{line: r.here()}
	switch v := t.(type) {
	case json.Delim:
		if v == '{' {
			return r.object(n, depth)
		}
		return r.list(n, depth)
	case string:
		n.kind, n.text = text, v
	case json.Number:
		n.kind, n.text = number, v.String()
	case bool:
		n.kind, n.text = boolean, fmt.Sprint(v)
	}
	return n, nil
}

func (r *jsonReader) object(n *node, depth int) (*node, error) {
	n.kind = object
	for r.decoder.More() {
		key, err := r.decoder.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, &syntaxError{line: r.here(), text: "a key must be a string"}
		}
		f := field{name: name, line: r.here()}
		if f.value, err = r.value(depth + 1); err != nil {
			return nil, err
		}
		n.fields = append(n.fields, f)
	}
	_, err := r.decoder.Token()
	return n, err
}

func (r *jsonReader) list(n *node, depth int) (*node, error) {
	n.kind = list
	for r.decoder.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, item)
	}
	_, err := r.decoder.Token()
	return n, err
}
