package render

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"dario.cat/mergo"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// listFunctions work on lists and maps.
func listFunctions() []function {
	return []function{
		{name: "contains", arguments: "VALUE LIST", summary: "tells whether a list holds a value, or a text a part", plain: func(v, l any) bool { return in(l, v) }},
		{name: "in", arguments: "LIST VALUE", summary: "is contains with its arguments turned round", plain: in},
		{name: "containsAll", arguments: "WANTED LIST", summary: "tells whether a list holds all of the wanted", plain: containing(func(_, all bool) bool { return all })},
		{name: "containsAny", arguments: "WANTED LIST", summary: "tells whether a list holds one of the wanted", plain: containing(func(some, _ bool) bool { return some })},
		{name: "containsNone", arguments: "WANTED LIST", summary: "tells whether a list holds none of the wanted", plain: containing(func(some, _ bool) bool { return !some })},
		{name: "containsNotAll", arguments: "WANTED LIST", summary: "tells whether a list lacks one of the wanted", plain: containing(func(_, all bool) bool { return !all })},
		{name: "join", arguments: "SEPARATOR LIST", summary: "the texts of a list as one", plain: join},
		{name: "splitToMap", arguments: "SEPARATOR1 SEPARATOR2 TEXT", summary: "the map of a text such as \"a:1,b:2\"; parts without the second separator are left out", plain: splitToMap},
		{name: "explodeMap", arguments: "MAP", summary: "a map with slashes in its keys as nested maps", plain: explodeMap},
		{name: "mergeMap", arguments: "MAP1 MAP2", summary: "adds to the first map what it lacks, also in nested maps, and returns it", plain: merger()},
		{name: "mergeMapWithOverride", arguments: "MAP1 MAP2", summary: "sets in the first map all of the second, also in nested maps, and returns it", plain: merger(mergo.WithOverride)},
		{name: "loop", arguments: "[FIRST] END", summary: "the numbers from FIRST, or 0, up to END, without END itself", plain: loop},
	}
}

// in tells whether a list holds a value of the same kind, or a text a part.
func in(l, v any) bool {
	list, value := reflect.ValueOf(l), reflect.ValueOf(v)
	switch list.Kind() {
	case reflect.String:
		return value.Kind() == reflect.String && strings.Contains(list.String(), value.String())
	case reflect.Slice, reflect.Array:
		for _, item := range list.Seq2() {
			if sameScalar(indirect(item), value) {
				return true
			}
		}
	}
	return false
}

// sameScalar compares texts and numbers of one kind. Other values are never the same.
func sameScalar(a, b reflect.Value) bool {
	switch {
	case a.Kind() == reflect.String && b.Kind() == reflect.String:
		return a.String() == b.String()
	case a.CanInt() && b.CanInt():
		return a.Int() == b.Int()
	case a.CanUint() && b.CanUint():
		return a.Uint() == b.Uint()
	case a.CanFloat() && b.CanFloat():
		return a.Float() == b.Float()
	}
	return false
}

func indirect(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Interface {
		return v.Elem()
	}
	return v
}

// containing makes a function of a judgment on whether some and all were found.
// Of no wanted values, all are found and none is.
func containing(judge func(some, all bool) bool) func(wanted, l any) (bool, error) {
	return func(wanted, l any) (bool, error) {
		list := reflect.ValueOf(wanted)
		if list.Kind() != reflect.Slice && list.Kind() != reflect.Array {
			return false, fail("the wanted values are of type %T, must be a list", wanted)
		}
		some, all := false, true
		for _, item := range list.Seq2() {
			found := in(l, item.Interface())
			some, all = some || found, all && found
		}
		return judge(some, all), nil
	}
}

// join takes the lists of a secret or of JSON as well, as long as they hold texts.
func join(separator string, l any) (string, error) {
	switch list := l.(type) {
	case []string:
		return strings.Join(list, separator), nil
	case []any:
		texts := make([]string, len(list))
		for i, item := range list {
			v := reflect.ValueOf(item)
			if v.Kind() != reflect.String {
				return "", fail("item %d of the list is of type %T, must be a text", i, item)
			}
			texts[i] = v.String()
		}
		return strings.Join(texts, separator), nil
	default:
		return "", fail("the list is of type %T, must be a list of texts", l)
	}
}

func splitToMap(outer, inner, s string) map[string]string {
	m := map[string]string{}
	for _, part := range split(outer, s) {
		if key, value, ok := strings.Cut(part, inner); ok {
			m[key] = value
		}
	}
	return m
}

// explodeMap goes by sorted keys, so that "a" comes before "a/b" and the same
// map fails in the same way each time.
func explodeMap(m map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if err := explodeKey(out, strings.Split(key, "/"), secret.CopyTree(m[key])); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// explodeKey sets one value. A key that ends with a slash makes an empty map.
func explodeKey(out map[string]any, parts []string, value any) error {
	last := len(parts) - 1
	for _, part := range parts[:last] {
		if out[part] == nil {
			out[part] = map[string]any{}
		}
		below, ok := out[part].(map[string]any)
		if !ok {
			return fail("a key is a value and has others below it")
		}
		out = below
	}
	if parts[last] != "" {
		out[parts[last]] = value
	}
	return nil
}

// merger makes a function that changes the first map. Of the second it takes a
// copy, so that the two stay apart afterwards.
func merger(options ...func(*mergo.Config)) func(dst, src map[string]any) (map[string]any, error) {
	return func(dst, src map[string]any) (map[string]any, error) {
		if dst == nil {
			dst = map[string]any{}
		}
		if err := mergo.Merge(&dst, secret.CopyMap(src), options...); err != nil {
			return nil, err
		}
		return dst, checkMerged(dst)
	}
}

// maxLoop bounds the numbers of one loop. They lie in memory, 8 bytes each: 8 MiB.
const maxLoop = 1 << 20

// loop returns the numbers in a channel that is full and closed: no goroutine
// is left behind by a template that stops half way.
func loop(bounds ...any) (<-chan int64, error) {
	if len(bounds) == 0 || len(bounds) > 2 {
		return nil, fail("takes one or two numbers, not %d", len(bounds))
	}
	var ends [2]int64
	for i, bound := range bounds {
		n, err := wholeNumber(bound)
		if err != nil {
			return nil, err
		}
		ends[2-len(bounds)+i] = n
	}
	count := uint64(0)
	if ends[1] > ends[0] {
		count = uint64(ends[1]) - uint64(ends[0]) // right also where the signed difference overflows
	}
	if count > maxLoop {
		return nil, fail("of %d numbers is too long: at most %d", count, maxLoop)
	}
	numbers := make(chan int64, count)
	for n := ends[0]; n < ends[1]; n++ {
		numbers <- n
	}
	close(numbers)
	return numbers, nil
}

// wholeNumber takes whole numbers and texts of them; an empty text is 0.
func wholeNumber(bound any) (int64, error) {
	v := reflect.ValueOf(bound)
	switch {
	case v.CanInt():
		return v.Int(), nil
	case v.CanUint():
		return int64(v.Uint()), nil
	case v.Kind() == reflect.String && v.Len() == 0:
		return 0, nil
	case v.Kind() == reflect.String:
		return strconv.ParseInt(v.String(), 10, 64)
	default:
		return 0, fail("the bound is of type %T, must be a whole number", bound)
	}
}
