package injector

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// difference compares two values of one type as their JSON would be compared,
// without making that JSON: a pod is large, and an injection touches little of it.
type difference struct {
	patch bytes.Buffer // the operations (RFC 6902), each behind a comma
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

func (d *difference) add(op, path string, v reflect.Value) {
	name, err := json.Marshal(path)
	d.patch.WriteString(`,{"op":"` + op + `","path":`)
	d.patch.Write(name)
	if op != "remove" && err == nil {
		var text []byte
		text, err = json.Marshal(v.Interface())
		d.patch.WriteString(`,"value":`)
		d.patch.Write(text)
	}
	d.patch.WriteByte('}')
	if d.err == nil {
		d.err = err
	}
}

// compare notes how b differs from a, both of one type and present in the JSON.
func (d *difference) compare(path string, a, b reflect.Value) {
	if leaf(a.Type()) {
		d.compareLeaf(path, a, b)
		return
	}
	switch a.Kind() {
	case reflect.Struct:
		for _, f := range fieldsOf(a.Type()) {
			d.compareField(path, f, a.FieldByIndex(f.index), b.FieldByIndex(f.index))
		}
	case reflect.Pointer, reflect.Map, reflect.Slice:
		switch {
		case a.IsNil() && b.IsNil():
		case a.IsNil() || b.IsNil():
			d.add("replace", path, b)
		case a.Kind() == reflect.Pointer:
			d.compare(path, a.Elem(), b.Elem())
		case a.Kind() == reflect.Map:
			d.compareMap(path, a, b)
		default:
			d.compareList(path, a, b)
		}
	default:
		d.compareLeaf(path, a, b)
	}
}

// leaf tells types that are compared as a whole: those that make their own JSON,
// and bytes, which are one text there.
func leaf(t reflect.Type) bool {
	marshaler := reflect.TypeFor[json.Marshaler]()
	return t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler) || t == reflect.TypeFor[[]byte]()
}

func (d *difference) compareLeaf(path string, a, b reflect.Value) {
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return
	}
	old, _ := json.Marshal(a.Interface()) // what has no JSON differs
	changed, err := json.Marshal(b.Interface())
	if err != nil || !bytes.Equal(old, changed) {
		d.add("replace", path, b)
	}
}

func (d *difference) compareField(path string, f field, a, b reflect.Value) {
	path += "/" + f.name
	was, is := !f.omits(a), !f.omits(b)
	switch {
	case was && is:
		d.compare(path, a, b)
	case was:
		d.add("remove", path, b)
	case is:
		d.add("add", path, b)
	}
}

// compareMap compares maps whose keys are texts, as those of all JSON objects.
func (d *difference) compareMap(path string, a, b reflect.Value) {
	keys := map[string]reflect.Value{}
	for _, k := range slices.Concat(a.MapKeys(), b.MapKeys()) {
		keys[k.String()] = k
	}
	for _, name := range slices.Sorted(mapKeys(keys)) {
		at := path + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		old, changed := a.MapIndex(keys[name]), b.MapIndex(keys[name])
		switch {
		case !changed.IsValid():
			d.add("remove", at, changed)
		case !old.IsValid():
			d.add("add", at, changed)
		default:
			d.compare(at, old, changed)
		}
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
func (d *difference) compareList(path string, a, b reflect.Value) {
	same := sameElement(a, b)
	kept := keptElements(a, b, same)
	if kept == nil && a.Len() > 0 && b.Len() > 0 && a.Len() == b.Len() {
		d.add("replace", path, b)
		return
	}
	stays := make([]bool, a.Len())
	for _, pair := range kept {
		stays[pair[0]] = true
	}
	for i := a.Len() - 1; i >= 0; i-- {
		if !stays[i] {
			d.add("remove", path+"/"+strconv.Itoa(i), a)
		}
	}
	for j, next := 0, 0; j < b.Len(); j++ {
		at := path + "/" + strconv.Itoa(j)
		if next < len(kept) && kept[next][1] == j {
			d.compare(at, a.Index(kept[next][0]), b.Index(j))
			next++
			continue
		}
		d.add("add", at, b.Index(j))
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
	if named(a) && named(b) {
		return func(x, y reflect.Value) bool { return x.FieldByName("Name").String() == y.FieldByName("Name").String() }
	}
	return func(x, y reflect.Value) bool { return reflect.DeepEqual(x.Interface(), y.Interface()) }
}

func named(list reflect.Value) bool {
	if list.Type().Elem().Kind() != reflect.Struct {
		return false
	}
	name, ok := list.Type().Elem().FieldByName("Name")
	if !ok || name.Type.Kind() != reflect.String {
		return false
	}
	seen := map[string]bool{}
	for i := range list.Len() {
		n := list.Index(i).FieldByIndex(name.Index).String()
		if seen[n] {
			return false
		}
		seen[n] = true
	}
	return true
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

// known keeps the fields of the types that were seen.
var known sync.Map // of reflect.Type to []field

func fieldsOf(t reflect.Type) []field {
	if all, ok := known.Load(t); ok {
		fields, _ := all.([]field)
		return fields
	}
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
	known.Store(t, fields)
	return fields
}
