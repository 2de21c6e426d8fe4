package injector

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// difference compares two values of one type as their JSON would be compared,
// without making that JSON: a pod is large, and an injection touches little of it.
//
// Where both values share memory (one pointer, one map, one list of one length)
// they are taken for equal without being looked at, so whoever changes a copy has
// to give it memory of its own.
type difference struct {
	jsonWriter        // what the operations are written to
	path       []byte // to what is compared now, a JSON pointer
}

// add notes an operation (RFC 6902).
func (d *difference) add(op string, s *shape, v reflect.Value) {
	d.out = append(d.out, `,{"op":"`+op+`","path":`...)
	d.text(string(d.path))
	if op != "remove" {
		d.out = append(d.out, `,"value":`...)
		d.value(s, v)
	}
	d.out = append(d.out, '}')
}

// within compares what is at a step further down.
func (d *difference) within(step string, compare func()) {
	above := len(d.path)
	d.path = append(append(d.path, '/'), step...)
	compare()
	d.path = d.path[:above]
}

// compare notes how b differs from a, both of one shape and present in the JSON.
func (d *difference) compare(s *shape, a, b reflect.Value) {
	if shared(a, b) {
		return
	}
	switch kind := a.Kind(); {
	case s.leaf:
		d.compareLeaf(s, a, b)
	case kind == reflect.Struct:
		for i := range s.fields {
			f := &s.fields[i]
			d.compareField(f, a.Field(f.index), b.Field(f.index))
		}
	case a.IsNil() || b.IsNil(): // one of them: both would be shared
		d.add("replace", s, b)
	case kind == reflect.Pointer:
		d.compare(s.inner, a.Elem(), b.Elem())
	case kind == reflect.Map:
		d.compareMap(s.inner, a, b)
	default:
		d.compareList(s, a, b)
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

func (d *difference) compareLeaf(s *shape, a, b reflect.Value) {
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return
	}
	old, _ := json.Marshal(a.Interface()) // what has no JSON differs
	changed, err := json.Marshal(b.Interface())
	if err != nil || !bytes.Equal(old, changed) {
		d.add("replace", s, b)
	}
}

func (d *difference) compareField(f *field, a, b reflect.Value) {
	if f.embedded {
		d.compare(f.shape, a, b)
		return
	}
	was, is := !f.omits(a), !f.omits(b)
	if !was && !is || shared(a, b) && was == is {
		return
	}
	d.within(f.name, func() {
		switch {
		case was && is:
			d.compare(f.shape, a, b)
		case was:
			d.add("remove", f.shape, b)
		default:
			d.add("add", f.shape, b)
		}
	})
}

// compareMap compares maps whose keys are texts, as those of all JSON objects.
func (d *difference) compareMap(inner *shape, a, b reflect.Value) {
	for _, key := range sortedKeys(slices.Concat(a.MapKeys(), b.MapKeys())) {
		old, changed := a.MapIndex(key), b.MapIndex(key)
		d.within(strings.ReplaceAll(strings.ReplaceAll(key.String(), "~", "~0"), "/", "~1"), func() {
			switch {
			case !changed.IsValid():
				d.add("remove", inner, changed)
			case !old.IsValid():
				d.add("add", inner, changed)
			default:
				d.compare(inner, old, changed)
			}
		})
	}
}

// sortedKeys sorts texts and leaves out what is there twice.
func sortedKeys(keys []reflect.Value) []reflect.Value {
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return slices.CompactFunc(keys, func(a, b reflect.Value) bool { return a.String() == b.String() })
}

// compareList takes out what is gone, puts in what is new, and compares what
// stays in its order. A list of the same length of which nothing stays is replaced.
func (d *difference) compareList(s *shape, a, b reflect.Value) {
	same := sameElement(s.inner.name, a, b)
	kept := keptElements(a, b, same)
	if kept == nil && a.Len() > 0 && b.Len() > 0 && a.Len() == b.Len() {
		d.add("replace", s, b)
		return
	}
	stays := make([]bool, a.Len())
	for _, pair := range kept {
		stays[pair[0]] = true
	}
	for i := a.Len() - 1; i >= 0; i-- {
		if !stays[i] {
			d.within(strconv.Itoa(i), func() { d.add("remove", s, a) })
		}
	}
	for j, next := 0, 0; j < b.Len(); j++ {
		d.within(strconv.Itoa(j), func() {
			if next < len(kept) && kept[next][1] == j {
				d.compare(s.inner, a.Index(kept[next][0]), b.Index(j))
				next++
				return
			}
			d.add("add", s.inner, b.Index(j))
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
func sameElement(name []int, a, b reflect.Value) func(x, y reflect.Value) bool {
	if name != nil && distinct(a, name) && distinct(b, name) {
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
