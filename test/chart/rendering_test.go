package chart

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// rendering is what helm made of some arguments. Tests share it, and change nothing.
type rendering struct {
	manifest  string
	documents []document
}

// document is one object of a manifest, as it is written and as it is read.
type document struct {
	text   string
	object *unstructured.Unstructured // empty for one with nothing but comments
}

// shelf keeps what was made, by what it was made of.
type shelf[T any] struct {
	mu   sync.Mutex
	made map[string]func() (T, error)
}

// get returns what do makes for a key, now or earlier.
func (s *shelf[T]) get(key string, do func() (T, error)) (T, error) {
	s.mu.Lock()
	if s.made == nil {
		s.made = make(map[string]func() (T, error))
	}
	once, found := s.made[key]
	if !found {
		once = sync.OnceValues(do)
		s.made[key] = once
	}
	s.mu.Unlock()
	return once()
}

// To read two dozen definitions takes seconds with the race detector, and they are the
// same in every manifest.
var (
	renderings shelf[*rendering]
	parsed     shelf[*unstructured.Unstructured]
)

// rendered renders a release in the namespace vault.
func rendered(t testing.TB, release string, args ...string) (*rendering, error) {
	t.Helper()
	all := append([]string{"template", release, chartFolder, "--namespace", "vault"}, args...)
	return renderings.get(fmt.Sprintf("%q", all), func() (*rendering, error) {
		out, problems, err := helm(t, all...)
		if err != nil {
			problems, _, _ = strings.Cut(problems, "\n\nUse --debug flag")
			return nil, fmt.Errorf("%w: %s", err, problems)
		}
		if problems != "" {
			return nil, fmt.Errorf("helm warns: %s", problems)
		}
		return read(out)
	})
}

func read(manifest string) (*rendering, error) {
	r := &rendering{manifest: manifest}
	for text := range strings.SplitSeq(manifest, "\n---\n") {
		o, err := parsed.get(text, func() (*unstructured.Unstructured, error) {
			o := &unstructured.Unstructured{}
			return o, yaml.Unmarshal([]byte(text), &o.Object)
		})
		if err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, text)
		}
		r.documents = append(r.documents, document{text: text, object: o})
	}
	return r, nil
}

// objects are those of the manifest, in its order.
func (r *rendering) objects() objects {
	var all objects
	for _, d := range r.documents {
		if len(d.object.Object) > 0 {
			all = append(all, d.object)
		}
	}
	return all
}

// reviewed is the manifest as golden files keep it: without the definitions and
// dashboards, which other files hold and other tests look at.
func (r *rendering) reviewed() []byte {
	// The chart makes roles for each kind; those of one kind are enough to look at.
	roleOfUsers := regexp.MustCompile(`-([^v]|vaultauthg|vault[^a])\w+-(viewer|editor)-role$`)
	var b bytes.Buffer
	for _, d := range r.documents {
		kind, name, text := d.object.GetKind(), d.object.GetName(), strings.TrimPrefix(d.text, "---\n")
		if kind == "CustomResourceDefinition" || strings.Contains(name, "-dashboard-") || roleOfUsers.MatchString(name) {
			text = fmt.Sprintf("# %s %s\n", kind, name)
		}
		b.WriteString(strings.TrimSpace(text) + "\n---\n")
	}
	return b.Bytes()
}
