package render

import (
	"maps"
	"slices"
)

// scratch is the notebook of one pass: a template keeps values in it from one
// place to another. The methods that set return an empty text, so that they can
// stand alone in a template.
type scratch struct {
	values map[string]any
}

// scratch returns the notebook of this pass.
func (r *run) scratch() *scratch {
	if r.pad == nil {
		r.pad = &scratch{values: map[string]any{}}
	}
	return r.pad
}

// Key tells whether a name is set.
func (s *scratch) Key(name string) bool {
	_, ok := s.values[name]
	return ok
}

// Get returns a value, nil where there is none.
func (s *scratch) Get(name string) any { return s.values[name] }

// Set sets a value.
func (s *scratch) Set(name string, value any) string {
	s.values[name] = value
	return ""
}

// SetX sets a value unless there is one.
func (s *scratch) SetX(name string, value any) string {
	if !s.Key(name) {
		s.Set(name, value)
	}
	return ""
}

// MapSet sets a value in a map, which is made where there is none.
func (s *scratch) MapSet(name, key string, value any) (string, error) {
	return s.mapSet(name, key, value, true)
}

// MapSetX sets a value in a map unless there is one.
func (s *scratch) MapSetX(name, key string, value any) (string, error) {
	return s.mapSet(name, key, value, false)
}

func (s *scratch) mapSet(name, key string, value any, replace bool) (string, error) {
	if !s.Key(name) {
		s.values[name] = map[string]any{}
	}
	m, ok := s.values[name].(map[string]any)
	if !ok {
		return "", fail("%q is not a map", name)
	}
	if _, exists := m[key]; exists && !replace {
		return "", nil
	}
	if err := checkSet(m, value); err != nil {
		return "", err
	}
	m[key] = value
	return "", nil
}

// MapValues returns the values of a map in the order of their keys.
func (s *scratch) MapValues(name string) []any {
	m, _ := s.values[name].(map[string]any)
	values := make([]any, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[key])
	}
	return values
}
