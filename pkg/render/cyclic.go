package render

import "reflect"

// A map that contains itself could neither be printed nor compared: that
// recursion would exhaust the stack, and so end the process and not just the
// template. The functions that change a map in place see to it that there is none.
var errCyclic = &callError{text: "a map must not contain itself"}

// checkSet is called before a value is set in a map. Of the map only its
// identity matters, so the cost is that of the value.
func checkSet(m map[string]any, value any) error {
	if cyclic(reflect.ValueOf(value), map[uintptr]bool{reflect.ValueOf(m).Pointer(): true}) {
		return errCyclic
	}
	return nil
}

// checkMerged is called after maps were merged into one.
func checkMerged(m map[string]any) error {
	if cyclic(reflect.ValueOf(m), map[uintptr]bool{}) {
		return errCyclic
	}
	return nil
}

// cyclic walks down. Of the maps it has seen, open tells those above from those
// that are done with.
func cyclic(v reflect.Value, open map[uintptr]bool) bool {
	switch v.Kind() {
	case reflect.Interface:
		return cyclic(v.Elem(), open)
	case reflect.Slice, reflect.Array:
		return anyCyclic(v, open)
	case reflect.Map:
		above, seen := open[v.Pointer()]
		if seen {
			return above
		}
		open[v.Pointer()] = true
		found := anyCyclic(v, open)
		open[v.Pointer()] = false
		return found
	default:
		return false
	}
}

func anyCyclic(v reflect.Value, open map[uintptr]bool) bool {
	for _, item := range v.Seq2() {
		if cyclic(item, open) {
			return true
		}
	}
	return false
}
