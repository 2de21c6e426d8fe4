package v1beta1_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/golden"
)

// line is one property as text: KIND PATH TYPE ATTRIBUTES.
func line(kind, path string, p *property, required bool) string {
	text := kind + " " + path + " " + typeName(p)
	if required {
		text += " required"
	}
	add := func(name string, value any, is bool) {
		if is {
			text += fmt.Sprintf(" %s=%v", name, value)
		}
	}
	add("format", p.Format, p.Format != "")
	add("default", p.Default, p.Default != nil)
	for _, bound := range []struct {
		name  string
		value *int64
	}{
		{"minimum", p.Minimum},
		{"maximum", p.Maximum},
		{"minLength", p.MinLength},
		{"maxLength", p.MaxLength},
		{"maxItems", p.MaxItems},
	} {
		if bound.value != nil {
			add(bound.name, *bound.value, true)
		}
	}
	add("enum", strings.Join(p.Enum, "|"), p.Enum != nil)
	add("pattern", p.Pattern, p.Pattern != "")
	return text
}

func typeName(p *property) string {
	if p.AdditionalProperties != nil {
		return "map"
	}
	return p.Type
}

// surface is every property of every kind, sorted.
func surface(t testing.TB) []string {
	t.Helper()
	var lines []string
	for _, d := range definitions(t) {
		d.walk(func(path string, p *property, required bool) {
			lines = append(lines, line(d.kind(), path, p, required))
		})
	}
	slices.Sort(lines)
	return lines
}

// older is what the older operator had, from its reference.
func older(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/older.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "#") })
}

// place is the kind and path of a line.
func place(line string) string {
	words := strings.SplitN(line, " ", 3)
	return words[0] + " " + words[1]
}

// parent is the place that a place is in; "" for spec and status.
func parent(place string) string {
	if cut := strings.TrimSuffix(strings.TrimSuffix(place, "[]"), "{}"); cut != place {
		return cut
	}
	i := strings.LastIndexByte(place, '.')
	return place[:max(i, 0)]
}

// loosened lists what takes more than before: the rest of each old line, and of
// each new one.
func loosened(line string) string {
	const methods = "enum=kubernetes|jwt|appRole|aws|gcp"
	switch {
	case strings.HasSuffix(line, ".rolloutRestartTargets[].kind string required enum=Deployment|DaemonSet|StatefulSet|argo.Rollout"):
		// A rule asks any other kind for its API version.
		return place(line) + " string required maxLength=63"
	case strings.HasSuffix(line, ".rolloutRestartTargets[].name string required"):
		// A rule asks for a name or a selector.
		return place(line) + " string"
	case strings.HasSuffix(line, methods):
		return line + "|cert|azure|token|ldap|userpass"
	}
	return line
}

// TestOlderSurface wants each property of the older operator as it was.
func TestOlderSurface(t *testing.T) {
	ours := map[string]string{}
	for _, l := range surface(t) {
		ours[place(l)] = l
	}
	for _, l := range older(t) {
		if diff := cmp.Diff(loosened(l), ours[place(l)]); diff != "" {
			t.Errorf("%s (-older +ours):\n%s", place(l), diff)
		}
	}
}

// TestNewSurface wants each new property of an old object to be absent unless it
// is asked for: not required, and without a default.
func TestNewSurface(t *testing.T) {
	known := map[string]bool{}
	kinds := map[string]bool{}
	for _, l := range older(t) {
		known[place(l)] = true
		kinds[strings.Fields(l)[0]] = true
	}
	for _, l := range surface(t) {
		isNew := !known[place(l)] && kinds[strings.Fields(l)[0]]
		if isNew && known[parent(place(l))] && regexp.MustCompile(` required| default=`).MatchString(l) {
			t.Errorf("an old manifest is not left alone by %s", l)
		}
	}
}

// TestRules wants rules at old objects only where they cannot refuse what was
// accepted: those of restart targets stand in for an enum and a required mark.
func TestRules(t *testing.T) {
	known := map[string]bool{}
	for _, l := range older(t) {
		known[place(l)] = true
	}
	for _, d := range definitions(t) {
		d.walk(func(path string, p *property, _ bool) {
			allowed := !known[d.kind()+" "+path] || strings.HasSuffix(path, ".rolloutRestartTargets[]")
			if len(p.Rules) > 0 && !allowed {
				t.Errorf("%s %s has the rule %q", d.kind(), path, p.Rules[0].Rule)
			}
			for _, r := range p.Rules {
				if r.Message == "" {
					t.Errorf("%s %s has a rule without a message: %q", d.kind(), path, r.Rule)
				}
			}
		})
	}
}

// TestSurface compares every property with a list that was reviewed.
func TestSurface(t *testing.T) {
	golden.Compare(t, []byte(strings.Join(surface(t), "\n")+"\n"), "testdata/surface.txt")
}

// TestDescriptions wants a text at every property. That of an optional setting
// says what its absence means, and that of a duration shows one.
func TestDescriptions(t *testing.T) {
	absence := regexp.MustCompile(`Default: |It is needed at login|Either this or selector`)
	length := regexp.MustCompile(`\b[0-9.]+[smhd]\b`)
	for _, d := range definitions(t) {
		if d.root().Description == "" {
			t.Errorf("%s has no description", d.kind())
		}
		d.walk(func(path string, p *property, required bool) {
			name := d.kind() + " " + path
			scalar := slices.Contains([]string{"string", "integer", "boolean"}, p.Type)
			element := strings.HasSuffix(path, "[]") || strings.HasSuffix(path, "{}")
			text := strings.Join(strings.Fields(p.Description), " ")
			switch {
			case text == "" && (!element || !scalar):
				t.Errorf("%s has no description", name)
			case element || strings.HasPrefix(path, "status") || strings.Contains(path, "atchExpressions"):
			case scalar && !required && p.Default == nil && !absence.MatchString(text):
				t.Errorf("%s does not say what its absence means: %s", name, text)
			case p.Default == nil && strings.Contains(p.Pattern, "(s|m|h") && !length.MatchString(text):
				t.Errorf("%s shows no length of time: %s", name, text)
			}
		})
	}
}
