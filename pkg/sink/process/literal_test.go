package process

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

func TestLiteralWords(t *testing.T) {
	cases := map[string]struct {
		line string
		want []string // nil: it needs the interpreter
	}{
		"Plain":         {line: "/bin/app --port 80", want: []string{"/bin/app", "--port", "80"}},
		"Blanks":        {line: "  app\t a  ", want: []string{"app", "a"}},
		"Quotes":        {line: `app 'a b' "c d" e'f'"g" ''`, want: []string{"app", "a b", "c d", "efg", ""}},
		"Exec":          {line: "exec app a", want: []string{"app", "a"}},
		"Comma":         {line: "app a,b=c:d@e%f+g#h", want: []string{"app", "a,b=c:d@e%f+g#h"}},
		"Comment":       {line: "app a # b", want: []string{"app", "a"}},
		"Json":          {line: `app '{"a": [1, "$x"]}'`, want: []string{"app", `{"a": [1, "$x"]}`}},
		"Semicolon":     {line: "app; app"},
		"And":           {line: "app && app"},
		"Pipe":          {line: "app | app"},
		"Background":    {line: "app &"},
		"Not":           {line: "! app"},
		"Redirect":      {line: "app > x"},
		"Assignment":    {line: "A=1 app"},
		"AssignOnly":    {line: "A=1"},
		"Variable":      {line: "app $A"},
		"Quoted":        {line: `app "$A"`},
		"Substitution":  {line: "app $(x)"},
		"Backquotes":    {line: "app `x`"},
		"Arithmetic":    {line: "app $((1))"},
		"Escape":        {line: `app a\ b`},
		"EscapeQuoted":  {line: `app "a\"b"`},
		"DollarQuoted":  {line: `app $'a'`},
		"DollarDouble":  {line: `app $"a"`},
		"Pattern":       {line: "app *.pem"},
		"QuotedPattern": {line: "app '*.pem'", want: []string{"app", "*.pem"}},
		"Braces":        {line: "app {a,b}"},
		"Home":          {line: "app ~/x"},
		"ExtGlob":       {line: "app @(a|b)"},
		"Keyword":       {line: "if app; then x; fi"},
		"Group":         {line: "{ app; }"},
		"Subshell":      {line: "(app)"},
		"Builtin":       {line: "echo a"},
		"ExecBuiltin":   {line: "exec echo a"},
		"ExecOption":    {line: "exec -a x app"},
		"ExecAlone":     {line: "exec"},
		"EmptyName":     {line: "'' a"},
		"Empty":         {line: " "},
		"Wrong":         {line: "app 'a"},
		"Lines":         {line: "app a\napp b"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := literalWords(tc.line)
			if !ok {
				got = nil
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A line with a blank in the name of the program stays a line.
func TestProgramWithBlank(t *testing.T) {
	s, err := NewSupervisor(SupervisorOptions{Argv: []string{"'my app'"}})
	must(t, err)
	if diff := cmp.Diff([]string{"'my app'"}, s.o.Argv); diff != "" {
		t.Error(diff)
	}
}

// FuzzLiteralWords asks the interpreter what it would have run.
func FuzzLiteralWords(f *testing.F) {
	for _, seed := range []string{
		"app", "app 'a b' \"c\" d", "exec app x", "app a\\ b", "app {a,b} ~ * ?", "app a#b # c", "app \"a\\$b\" $'x'", "app 'a'b\"c\"", "-x", "app !x =y",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, ok := literalWords(line)
		if !ok {
			return
		}
		file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(line), "")
		must(t, err)
		var ran []string
		r, err := interp.New(interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
			return func(_ context.Context, args []string) error {
				ran = args
				return nil
			}
		}))
		must(t, err)
		must(t, r.Run(t.Context(), file))
		if diff := cmp.Diff(ran, words); diff != "" {
			t.Errorf("%q (-interpreter +words):\n%s", line, diff)
		}
	})
}
