package render

import (
	"errors"
	"strings"
	"testing"
	"text/template/parse"

	"github.com/google/go-cmp/cmp"
)

func TestCyclic(t *testing.T) {
	tree := func() map[string]any { return map[string]any{} }
	shared := map[string]any{"x": 1}
	cases := map[string]struct {
		value  func(m map[string]any) any
		cyclic bool
	}{
		"scalar":            {func(map[string]any) any { return "x" }, false},
		"nil":               {func(map[string]any) any { return nil }, false},
		"another map":       {func(map[string]any) any { return tree() }, false},
		"shared twice":      {func(map[string]any) any { return []any{shared, shared} }, false},
		"itself":            {func(m map[string]any) any { return m }, true},
		"in a list":         {func(m map[string]any) any { return []any{1, m} }, true},
		"in a list of such": {func(m map[string]any) any { return [][]any{{m}} }, true},
		"in an array":       {func(m map[string]any) any { return [1]any{m} }, true},
		"two levels down":   {func(m map[string]any) any { return map[string]any{"a": map[any]any{1: m}} }, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := tree()
			value := c.value(m)
			if got := checkSet(m, value) != nil; got != c.cyclic {
				t.Errorf("checkSet finds a cycle: %t", got)
			}
			m["k"] = value
			if got := checkMerged(m) != nil; got != c.cyclic {
				t.Errorf("checkMerged finds a cycle: %t", got)
			}
		})
	}
}

// Each level holds the one below twice: a walk that forgets where it has been
// would take 2^60 steps.
func TestCyclicOfSharedMaps(t *testing.T) {
	m := map[string]any{}
	for range 60 {
		m = map[string]any{"a": m, "b": m}
	}
	if checkMerged(m) != nil {
		t.Error("a cycle was found where there is none")
	}
}

func TestIdentifiers(t *testing.T) {
	text := `{{ a }}{{ b | c (d (e).x) }}{{ if f }}{{ g }}{{ else if h }}{{ i }}{{ else }}{{ j }}{{ end }}` +
		`{{ range $x := k }}{{ l }}{{ else }}{{ m }}{{ end }}{{ with n }}{{ o }}{{ else }}{{ p }}{{ end }}` +
		`{{ define "x" }}{{ q }}{{ end }}{{ template "x" r }}{{ template "x" }}{{ $y := s }}{{ $y = t.u }}{{ block "z" v }}{{ w }}{{ end }}`
	funcs := map[string]any{}
	for name := range strings.FieldsSeq("a b c d e f g h i j k l m n o p q r s t v w") {
		funcs[name] = true
	}
	trees, err := parse.Parse("", text, "", "", funcs)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	for name := range identifiers(trees) {
		got[name] = true
	}
	if diff := cmp.Diff(funcs, got); diff != "" {
		t.Error(diff)
	}
}

func TestColumn(t *testing.T) {
	for name, c := range map[string]struct {
		text, reason string
		line, want   int
	}{
		"found":       {"ab\nx foo y", `function "foo" not defined`, 2, 3},
		"twice":       {"foo foo", `function "foo" not defined`, 1, 0},
		"not there":   {"bar", `function "foo" not defined`, 1, 0},
		"no quotes":   {"bar", "unexpected EOF", 1, 0},
		"one quote":   {"bar", `unexpected "`, 1, 0},
		"empty word":  {"bar", `unexpected ""`, 1, 0},
		"beyond":      {"bar", `unexpected "bar"`, 2, 0},
		"before":      {"bar", `unexpected "bar"`, 0, 0},
		"other lines": {"foo\nfoo", `unexpected "foo"`, 2, 1},
	} {
		if got := column(c.text, c.line, c.reason); got != c.want {
			t.Errorf("%s: column = %d, want %d", name, got, c.want)
		}
	}
}

func TestParseErrorOfAnotherForm(t *testing.T) {
	for _, text := range []string{"something else", "template: :x: y", "template: :5"} {
		got := newParseError("name", "", errors.New(text))
		if diff := cmp.Diff(&ParseError{Template: "name", Reason: text}, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestPanicError(t *testing.T) {
	known := errors.New("known")
	if got := panicError(known); !errors.Is(got, known) {
		t.Errorf("error = %v", got)
	}
	if got := panicError("with a value"); got.Error() != "panic" {
		t.Errorf("error = %v", got)
	}
}

// A source that panics within a pass fails that pass only.
func TestExplainWithoutAPlace(t *testing.T) {
	r := &run{t: &Template{name: "x"}}
	if got, want := r.explain(errors.New("anything")).Error(), `template "x": it failed; its message is left out because it may show a value`; got != want {
		t.Errorf("error = %s", got)
	}
	if got, want := r.explain(fail("known")).Error(), `template "x": known`; got != want {
		t.Errorf("error = %s", got)
	}
}

func TestReasonsThatPrintValues(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"template: :1:2: executing \"\" at <.x>: range can't iterate over >: secret", "range can't iterate over a value of this type"},
		{"template: :1:2: executing \"\" at <.x>: can't use >: secret iterate over more than one variable", "can't iterate over a value of this type with two variables"},
		{"template: :1:2: executing \"\" at <.x>: if/with can't use >: secret", "if/with can't use a value of this type"},
		{"template: :1:2: executing \"\" at <print \">: \">: anything else", "anything else"},
		{"template: : no place", "no place"},
	} {
		if got := reasonOf(c.text); got != c.want {
			t.Errorf("reasonOf(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestOldTruth(t *testing.T) {
	for _, word := range strings.Fields("y Y yes Yes YES on On ON n N no No NO off Off OFF") {
		want := strings.ContainsAny(word[:1], "yY") || strings.EqualFold(word, "on")
		if truth, ok := oldTruth(word); !ok || truth != want {
			t.Errorf("oldTruth(%q) = %t, %t", word, truth, ok)
		}
	}
	for _, word := range []string{"", "yEs", "nO", "oFF", "OfF", "true", "yesterday", "ono"} {
		if _, ok := oldTruth(word); ok {
			t.Errorf("oldTruth(%q) takes it for a truth value", word)
		}
	}
}
