package injector

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// field is one that the JSON of a struct has.
type field struct {
	name      string
	key       string // the name in quotes, with a colon
	shape     *shape
	index     int
	embedded  bool // its fields stand in for it
	omitEmpty bool
	omitZero  bool
}

// omits tells whether the JSON leaves the field out, by the rules of
// encoding/json.
func (f *field) omits(v reflect.Value) bool {
	if f.omitZero && v.IsZero() {
		return true
	}
	if !f.omitEmpty {
		return false
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String, reflect.Array:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}

// shape is what the JSON of a type is like.
type shape struct {
	leaf   bool // compared as a whole
	own    bool // makes its own JSON
	fields []field
	name   []int  // index of the field Name, a text; nil: there is none
	inner  *shape // of what a pointer, list or map holds; nil: it is none of them
}

// podShape is made when the first patch is.
var podShape = sync.OnceValue(func() *shape { return shapes{}.of(reflect.TypeFor[corev1.Pod]()) })

// shapes are those of the types that were seen.
type shapes map[reflect.Type]*shape

func (known shapes) of(t reflect.Type) *shape {
	if s, ok := known[t]; ok {
		return s
	}
	s := &shape{own: makesJSON(t)}
	known[t] = s
	switch kind := t.Kind(); {
	case s.own:
		s.leaf = true
	case kind == reflect.Pointer, kind == reflect.Map, kind == reflect.Slice:
		s.inner = known.of(t.Elem())
	case kind == reflect.Struct:
		s.fields = known.fields(t)
		if f, ok := t.FieldByName("Name"); ok && f.Type.Kind() == reflect.String {
			s.name = f.Index
		}
	default:
		s.leaf = true
	}
	return s
}

// makesJSON tells types that make their own JSON, and bytes, which are one text
// there.
func makesJSON(t reflect.Type) bool {
	marshaler := reflect.TypeFor[json.Marshaler]()
	return t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler) || t == reflect.TypeFor[[]byte]()
}

func (known shapes) fields(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		embedded := name == "" && f.Anonymous && f.Type.Kind() == reflect.Struct
		if name == "" {
			name = f.Name
		}
		fields = append(fields, field{
			name: name, key: strconv.Quote(name) + ":", shape: known.of(f.Type), index: i, embedded: embedded,
			omitEmpty: strings.Contains(options, "omitempty"), omitZero: strings.Contains(options, "omitzero"),
		})
	}
	return fields
}
