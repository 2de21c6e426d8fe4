package injector

import (
	"cmp"
	"encoding/json"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/api/resource"
)

// jsonWriter writes the types of Kubernetes as encoding/json does, but straight to
// where they belong, and from what is known of their shapes already.
type jsonWriter struct {
	out []byte
	err error // of the first value that has no JSON
}

func (w *jsonWriter) value(s *shape, v reflect.Value) {
	switch kind := v.Kind(); {
	case s.own:
		w.marshal(v)
	case kind == reflect.String:
		w.text(v.String())
	case kind == reflect.Bool:
		w.out = strconv.AppendBool(w.out, v.Bool())
	case v.CanInt():
		w.out = strconv.AppendInt(w.out, v.Int(), 10)
	case s.leaf:
		w.marshal(v)
	case kind == reflect.Struct:
		w.object(s, v)
	case v.IsNil():
		w.out = append(w.out, "null"...)
	case kind == reflect.Pointer:
		w.value(s.inner, v.Elem())
	case kind == reflect.Map:
		w.mapping(s.inner, v)
	default:
		w.list(s.inner, v)
	}
}

func (w *jsonWriter) text(text string) {
	// The error is about letters that are no UTF-8: they are written as U+FFFD.
	w.out, _ = jsontext.AppendQuote(w.out, text)
}

// marshal leaves a value to encoding/json, except for quantities, of which each
// container has some.
func (w *jsonWriter) marshal(v reflect.Value) {
	if q, ok := v.Interface().(resource.Quantity); ok {
		w.text(q.String())
		return
	}
	text, err := json.Marshal(v.Interface())
	w.out, w.err = append(w.out, text...), cmp.Or(w.err, err)
}

func (w *jsonWriter) object(s *shape, v reflect.Value) {
	w.out = append(w.out, '{')
	w.members(s, v)
	w.end('}')
}

func (w *jsonWriter) members(s *shape, v reflect.Value) {
	for i := range s.fields {
		f := &s.fields[i]
		inner := v.Field(f.index)
		switch {
		case f.embedded:
			w.members(f.shape, inner)
		case !f.omits(inner):
			w.out = append(w.out, f.key...)
			w.value(f.shape, inner)
			w.out = append(w.out, ',')
		}
	}
}

func (w *jsonWriter) mapping(inner *shape, v reflect.Value) {
	w.out = append(w.out, '{')
	for _, key := range sortedKeys(v.MapKeys()) {
		w.text(key.String())
		w.out = append(w.out, ':')
		w.value(inner, v.MapIndex(key))
		w.out = append(w.out, ',')
	}
	w.end('}')
}

func (w *jsonWriter) list(inner *shape, v reflect.Value) {
	w.out = append(w.out, '[')
	for i := range v.Len() {
		w.value(inner, v.Index(i))
		w.out = append(w.out, ',')
	}
	w.end(']')
}

// end takes the last comma away.
func (w *jsonWriter) end(bracket byte) {
	if last := len(w.out) - 1; w.out[last] == ',' {
		w.out = w.out[:last]
	}
	w.out = append(w.out, bracket)
}
