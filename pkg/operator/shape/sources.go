package shape

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// ErrConflict says that two sources have the same key, and that the resource does
// not say which of them counts.
var ErrConflict = errors.New("two sources have the same key")

// Source is one secret, or one folder of secrets, that goes into the data.
type Source struct {
	Name   string  // as errors show it: path, or sources[0]
	Folder *Folder // nil: Items has the one secret
	Items  []Item
	Keys   []v1beta1.KeySelection // none: all are taken
	Prefix string                 // of the keys
}

// Item is one secret of a source.
type Item struct {
	Path   string // below the folder
	Answer Answer
}

// Combine makes one answer of several. The metadata that templates see, and what
// _raw holds, are of the first source; where that is a folder there is no metadata,
// and _raw holds the data of its secrets by their paths. An error joins all that is
// wrong; it is ErrConflict when that is only keys which two sources have.
func Combine(sources []Source, policy v1beta1.ConflictPolicy) (Answer, error) {
	if len(sources) == 0 {
		return Answer{}, ErrMissing
	}
	out := frame(sources[0])
	m := merger{policy: policy, data: map[string]any{}, from: map[string]string{}}
	for _, s := range sources {
		m.add(s)
	}
	problems := m.problems
	if len(problems) == 0 {
		problems = m.conflicts
	}
	out.secrets = sensitive.NewData(m.data)
	return out, errors.Join(problems...)
}

// frame is the answer of a source without the keys.
func frame(s Source) Answer {
	if s.Folder == nil && len(s.Items) == 1 {
		first := s.Items[0].Answer
		return Answer{metadata: first.metadata, raw: first.raw}
	}
	raw := make(map[string]any, len(s.Items))
	for _, item := range s.Items {
		raw[item.Path] = item.Answer.secrets.Reveal()
	}
	return Answer{raw: sensitive.NewData(raw)}
}

// merger collects the keys of sources.
type merger struct {
	policy    v1beta1.ConflictPolicy
	data      map[string]any
	from      map[string]string // keys, to where they came from
	problems  []error
	conflicts []error
}

// add takes the keys of a source. What keys selects is looked for in all of it.
func (m *merger) add(s Source) {
	found := map[string]bool{}
	for _, item := range s.Items {
		where := s.Name
		if s.Folder != nil {
			where = fmt.Sprintf("%s (%s)", s.Name, item.Path)
		}
		values := item.Answer.secrets.Reveal()
		for _, key := range slices.Sorted(maps.Keys(values)) {
			name, err := s.Folder.key(item.Path, key)
			if err != nil {
				m.problems = append(m.problems, fmt.Errorf("%s: %w", s.Name, err))
				continue
			}
			found[name] = true
			for _, as := range s.names(name) {
				m.take(as, where, values[key])
			}
		}
	}
	for i, selected := range s.Keys {
		if !found[selected.Key] {
			m.problems = append(m.problems, fmt.Errorf("%s.keys[%d]: there is no key %q in Vault", s.Name, i, selected.Key))
		}
	}
}

// names are the names that a key gets: none when it is not selected.
func (s Source) names(key string) []string {
	if len(s.Keys) == 0 {
		return []string{s.Prefix + key}
	}
	var names []string
	for _, selected := range s.Keys {
		switch {
		case selected.Key != key:
		case selected.As != "":
			names = append(names, s.Prefix+selected.As)
		default:
			names = append(names, s.Prefix+key)
		}
	}
	return names
}

func (m *merger) take(key, where string, value any) {
	other, taken := m.from[key]
	switch {
	case taken && m.policy == v1beta1.ConflictFirst:
		return
	case taken && m.policy != v1beta1.ConflictLast:
		m.conflicts = append(m.conflicts, &conflict{fmt.Sprintf("%s and %s both have the key %q: set conflictPolicy, or keys or keyPrefix of a source", other, where, key)})
		return
	}
	m.data[key], m.from[key] = value, where
}

// conflict is an ErrConflict that says where.
type conflict struct{ text string }

func (c *conflict) Error() string { return c.text }

// Is makes errors.Is find ErrConflict.
func (c *conflict) Is(target error) bool { return target == ErrConflict }
