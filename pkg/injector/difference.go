package injector

import (
	"bytes"
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// difference compares two values of one type as their JSON would be compared,
// without making that JSON: a pod is large, and an injection touches little of it.
//
// Where both values share memory (one pointer, one map, one list of one length)
// they are taken for equal without being looked at, so whoever changes a copy has
// to give it memory of its own.
type difference struct {
	patch bytes.Buffer // the operations (RFC 6902), each behind a comma
	path  []string     // to what is compared now; joined only where something differs
	err   error        // of the first value that has no JSON
}

// operations returns the JSON patch, nil where nothing differs.
func (d *difference) operations() []byte {
	if d.patch.Len() == 0 {
		return nil
	}
	d.patch.WriteByte(']')
	text := d.patch.Bytes()
	text[0] = '['
	return text
}

func (d *difference) add(op string, v reflect.Value) {
	if d.patch.Len() == 0 {
		d.patch.Grow(usualPatch)
	}
	d.patch.WriteString(`,{"op":"` + op + `","path":`)
	d.write("/" + strings.Join(d.path, "/"))
	if op != "remove" {
		d.patch.WriteString(`,"value":`)
		d.write(v.Interface())
	}
	d.patch.WriteByte('}')
}

// usualPatch is room for what an agent beside a pod takes: two containers with a
// document of 2 KiB each, and what is around them.
const usualPatch = 12 << 10

// write adds the JSON of a value.
func (d *difference) write(v any) {
	if err := json.NewEncoder(&d.patch).Encode(v); err != nil {
		d.err = cmp.Or(d.err, err)
		return
	}
	d.patch.Truncate(d.patch.Len() - 1) // the line break
}

// within compares what is at a step further down.
func (d *difference) within(step string, compare func()) {
	d.path = append(d.path, step)
	compare()
	d.path = d.path[:len(d.path)-1]
}

// compare notes how b differs from a, both of one type and present in the JSON.
func (d *difference) compare(a, b reflect.Value) {
	if shared(a, b) {
		return
	}
	s := shapeOf(a.Type())
	switch kind := a.Kind(); {
	case s.leaf:
		d.compareLeaf(a, b)
	case kind == reflect.Struct:
		for i := range s.fields {
			d.compareField(&s.fields[i], a.FieldByIndex(s.fields[i].index), b.FieldByIndex(s.fields[i].index))
		}
	case a.IsNil() || b.IsNil(): // one of them: both would be shared
		d.add("replace", b)
	case kind == reflect.Pointer:
		d.compare(a.Elem(), b.Elem())
	case kind == reflect.Map:
		d.compareMap(a, b)
	default:
		d.compareList(a, b)
	}
}

// shared tells values that are one in memory.
func shared(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Slice:
		return a.UnsafePointer() == b.UnsafePointer() && a.Len() == b.Len()
	case reflect.Pointer, reflect.Map:
		return a.UnsafePointer() == b.UnsafePointer()
	case reflect.String:
		return a.String() == b.String()
	default:
		return false
	}
}

func (d *difference) compareLeaf(a, b reflect.Value) {
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return
	}
	old, _ := json.Marshal(a.Interface()) // what has no JSON differs
	changed, err := json.Marshal(b.Interface())
	if err != nil || !bytes.Equal(old, changed) {
		d.add("replace", b)
	}
}

func (d *difference) compareField(f *field, a, b reflect.Value) {
	was, is := !f.omits(a), !f.omits(b)
	if !was && !is || shared(a, b) && was == is {
		return
	}
	d.within(f.name, func() {
		switch {
		case was && is:
			d.compare(a, b)
		case was:
			d.add("remove", b)
		default:
			d.add("add", b)
		}
	})
}

// compareMap compares maps whose keys are texts, as those of all JSON objects.
func (d *difference) compareMap(a, b reflect.Value) {
	keys := map[string]reflect.Value{}
	for _, k := range slices.Concat(a.MapKeys(), b.MapKeys()) {
		keys[k.String()] = k
	}
	for _, name := range slices.Sorted(mapKeys(keys)) {
		old, changed := a.MapIndex(keys[name]), b.MapIndex(keys[name])
		d.within(strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1"), func() {
			switch {
			case !changed.IsValid():
				d.add("remove", changed)
			case !old.IsValid():
				d.add("add", changed)
			default:
				d.compare(old, changed)
			}
		})
	}
}

func mapKeys(m map[string]reflect.Value) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// compareList takes out what is gone, puts in what is new, and compares what
// stays in its order. A list of the same length of which nothing stays is replaced.
func (d *difference) compareList(a, b reflect.Value) {
	same := sameElement(a, b)
	kept := keptElements(a, b, same)
	if kept == nil && a.Len() > 0 && b.Len() > 0 && a.Len() == b.Len() {
		d.add("replace", b)
		return
	}
	stays := make([]bool, a.Len())
	for _, pair := range kept {
		stays[pair[0]] = true
	}
	for i := a.Len() - 1; i >= 0; i-- {
		if !stays[i] {
			d.within(strconv.Itoa(i), func() { d.add("remove", a) })
		}
	}
	for j, next := 0, 0; j < b.Len(); j++ {
		d.within(strconv.Itoa(j), func() {
			if next < len(kept) && kept[next][1] == j {
				d.compare(a.Index(kept[next][0]), b.Index(j))
				next++
				return
			}
			d.add("add", b.Index(j))
		})
	}
}

// keptElements pairs the elements of two lists that are the same, in the order of
// both: each of b with the first of a behind the pair before.
func keptElements(a, b reflect.Value, same func(x, y reflect.Value) bool) [][2]int {
	var kept [][2]int
	from := 0
	for j := range b.Len() {
		for i := from; i < a.Len(); i++ {
			if same(a.Index(i), b.Index(j)) {
				kept = append(kept, [2]int{i, j})
				from = i + 1
				break
			}
		}
	}
	return kept
}

// sameElement tells elements apart by their names, where each list has every name
// once (containers, volumes, variables), else by all that they are.
func sameElement(a, b reflect.Value) func(x, y reflect.Value) bool {
	if name := shapeOf(a.Type().Elem()).name; name != nil && distinct(a, name) && distinct(b, name) {
		return func(x, y reflect.Value) bool { return x.FieldByIndex(name).String() == y.FieldByIndex(name).String() }
	}
	return func(x, y reflect.Value) bool { return reflect.DeepEqual(x.Interface(), y.Interface()) }
}

// distinct tells whether no two elements of a list have the same name.
func distinct(list reflect.Value, name []int) bool {
	seen := make(map[string]bool, list.Len())
	for i := range list.Len() {
		seen[list.Index(i).FieldByIndex(name).String()] = true
	}
	return len(seen) == list.Len()
}

// field is one that the JSON of a struct has.
type field struct {
	name      string
	index     []int
	omitEmpty bool
	omitZero  bool
}

// omits tells whether the JSON leaves the field out, by the rules of
// encoding/json.
func (f field) omits(v reflect.Value) bool {
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
	fields []field
	name   []int // index of the field Name, a text; nil: there is none
}

// known keeps the shapes of the types that were seen.
var known sync.Map // of reflect.Type to *shape

func shapeOf(t reflect.Type) *shape {
	if held, ok := known.Load(t); ok {
		s, _ := held.(*shape)
		return s
	}
	s := &shape{leaf: leaf(t)}
	if !s.leaf && t.Kind() == reflect.Struct {
		s.fields = fieldsOf(t)
		if f, ok := t.FieldByName("Name"); ok && f.Type.Kind() == reflect.String {
			s.name = f.Index
		}
	}
	known.Store(t, s)
	return s
}

// leaf tells types that are compared as a whole: those that make their own JSON,
// and bytes, which are one text there, and what has no parts.
func leaf(t reflect.Type) bool {
	marshaler := reflect.TypeFor[json.Marshaler]()
	if t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler) || t == reflect.TypeFor[[]byte]() {
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Pointer, reflect.Map, reflect.Slice:
		return false
	default:
		return true
	}
}

func fieldsOf(t reflect.Type) []field {
	var fields []field
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name == "" && f.Anonymous && f.Type.Kind() == reflect.Struct:
			for _, inner := range fieldsOf(f.Type) {
				inner.index = slices.Concat(f.Index, inner.index)
				fields = append(fields, inner)
			}
		default:
			if name == "" {
				name = f.Name
			}
			fields = append(fields, field{
				name: name, index: f.Index, omitEmpty: strings.Contains(options, "omitempty"), omitZero: strings.Contains(options, "omitzero"),
			})
		}
	}
	return fields
}
