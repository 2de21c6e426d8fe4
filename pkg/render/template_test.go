package render_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/golden"
	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

func TestWholeDocuments(t *testing.T) {
	for _, name := range []string{"properties", "nested", "scratch", "yaml"} {
		t.Run(name, func(t *testing.T) {
			result := execute(t, readTestdata(t, name+".tmpl"), render.Options{LookupEnv: environment})
			golden.Compare(t, result.Output, "testdata/"+name+".golden")
		})
	}
}

func TestParseErrors(t *testing.T) {
	cases := map[string]struct {
		text string
		o    render.Options
		want string
	}{
		"unknown function":        {text: "a\n{{ nofunc }}", want: `template "app.conf", line 2, column 4: function "nofunc" not defined`},
		"unknown function, twice": {text: "{{ nofunc }}{{ nofunc }}", want: `template "app.conf", line 1: function "nofunc" not defined`},
		"unknown sprig function":  {text: `{{ sprig_env "x" }}`, want: `template "app.conf", line 1, column 4: function "sprig_env" not defined`},
		"sprig without prefix":    {text: `{{ upper "x" }}`, want: `template "app.conf", line 1, column 4: function "upper" not defined`},
		"undefined variable":      {text: "{{ $x }}", want: `template "app.conf", line 1, column 4: undefined variable "$x"`},
		"no condition":            {text: "{{ if }}", want: `template "app.conf", line 1: missing value for if`},
		"no end":                  {text: "{{ if true }}", want: `template "app.conf", line 1: unexpected EOF`},
		"unclosed action":         {text: "a\n{{ secret\n", want: `template "app.conf", line 3: unclosed action started at line 2`},
		"break outside":           {text: "{{ break }}", want: `template "app.conf", line 1: {{break}} outside {{range}}`},
		"defined twice":           {text: `{{define "a"}}x{{end}}{{define "a"}}y{{end}}`, want: `template "app.conf", line 1: template: multiple definition of template "a"`},
		"own delimiters":          {text: "[[ nofunc ]] {{ anything }}", o: render.Options{LeftDelim: "[[", RightDelim: "]]"}, want: `template "app.conf", line 1, column 4: function "nofunc" not defined`},
		"malformed pattern":       {text: `{{ env "x" }}`, o: render.Options{Denylist: []string{"e["}}, want: `template "app.conf": denied functions: malformed pattern "e["`},
		"no function":             {text: `{{ mine }}`, o: render.Options{Extra: map[string]any{"mine": 5}}, want: `template "app.conf": function "mine" of type int cannot be called by a template`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.o.Name = "app.conf"
			_, err := render.Parse(c.text, c.o)
			if err == nil {
				t.Fatal("no error")
			}
			if err.Error() != c.want {
				t.Errorf("error = %s\nwant    %s", err, c.want)
			}
		})
	}
}

func TestParseErrorIsTyped(t *testing.T) {
	_, err := render.Parse("\n{{ nofunc }}", render.Options{Name: "x"})
	var got *render.ParseError
	if !errors.As(err, &got) {
		t.Fatalf("error is a %T", err)
	}
	want := &render.ParseError{Template: "x", Line: 2, Column: 4, Reason: `function "nofunc" not defined`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMissing(t *testing.T) {
	nope := secret.NewQuery(secret.Read, "nope", nil)
	app := secret.NewQuery(secret.Read, "secret/app", nil)
	other := secret.NewQuery(secret.List, "other", nil)
	cases := map[string]struct {
		text          string
		errorOnMiss   bool
		used, missing []secret.Query
		reason        string
	}{
		"nothing asked": {text: "x"},
		"held":          {text: `{{ with secret "secret/app" }}{{ end }}`, used: []secret.Query{app}},
		"missing":       {text: `{{ with secret "nope" }}x{{ end }}`, used: []secret.Query{nope}, missing: []secret.Query{nope}},
		"asked twice":   {text: `{{ secret "nope" }}{{ secret "/nope/" }}`, used: []secret.Query{nope}, missing: []secret.Query{nope}},
		"some of several": {
			text: `{{ secret "nope" }}{{ secret "secret/app" }}{{ secrets "other" }}`,
			used: []secret.Query{nope, app, other}, missing: []secret.Query{nope, other},
		},
		"fields of what is missing": {
			text: `{{ (secret "nope").Data.data.x }}{{ range secrets "other" }}{{ end }}`,
			used: []secret.Query{nope, other}, missing: []secret.Query{nope, other},
			reason: "one pass finds all",
		},
		"fields of what is missing, strictly": {
			text: `{{ (secret "nope").Data.data.x }}{{ range secrets "other" }}{{ end }}`, errorOnMiss: true,
			used: []secret.Query{nope, other}, missing: []secret.Query{nope, other},
			reason: "a second, tolerant pass goes past the first absence",
		},
		"an error after what is missing": {
			text: `{{ (secret "nope").Data.x | base64Decode }}{{ secrets "other" }}`,
			used: []secret.Query{nope}, missing: []secret.Query{nope},
			reason: "whatever fails may be right when it is there",
		},
		"an error before what is missing": {
			text: `{{ range loop 1 }}{{ secret "nope" }}{{ end }}{{ sprig_fail "no" }}`,
			used: []secret.Query{nope}, missing: []secret.Query{nope},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			result, err := parse(t, c.text, render.Options{ErrorOnMissingKey: c.errorOnMiss}).Execute(held())
			if err != nil {
				t.Fatalf("error: %v", err)
			}
			queries := cmp.Comparer(func(a, b secret.Query) bool { return a == b })
			if diff := cmp.Diff(c.used, result.Used, queries); diff != "" {
				t.Errorf("used (%s): %s", c.reason, diff)
			}
			if diff := cmp.Diff(c.missing, result.Missing, queries); diff != "" {
				t.Errorf("missing (%s): %s", c.reason, diff)
			}
			if (result.Output == nil) != (len(c.missing) > 0) {
				t.Errorf("output = %q with %d missing", result.Output, len(c.missing))
			}
		})
	}
}

func TestNothingIsWrittenWhileMissing(t *testing.T) {
	result, err := parse(t, `{{ writeToFile "/x" "" "" "0600" "c" }}{{ secret "nope" }}`, render.Options{}).Execute(held())
	if err != nil || result.Writes != nil || result.Output != nil {
		t.Errorf("writes = %v, output = %q, error = %v", result.Writes, result.Output, err)
	}
}

func TestAbsentStateIsMissing(t *testing.T) {
	none := render.SourceFunc(func(secret.Query) *secret.State { return nil })
	result, err := parse(t, `{{ secret "x" }}`, render.Options{}).Execute(none)
	if err != nil || len(result.Missing) != 1 {
		t.Errorf("missing = %v, error = %v", result.Missing, err)
	}
}

func TestQueriesOfWrites(t *testing.T) {
	text := `{{ secret "pki/issue/app" "common_name=app.example.com" "" " ttl = 1h=x " }}{{ secret "transit/random" "" }}{{ pkiCert "pki/x" "a=b" }}`
	result, err := parse(t, text, render.Options{}).Execute(held())
	if err != nil {
		t.Fatal(err)
	}
	want := []secret.Query{
		secret.NewQuery(secret.Write, "pki/issue/app", map[string]any{"common_name": "app.example.com", "ttl": "1h=x"}),
		secret.NewQuery(secret.Write, "transit/random", nil),
		secret.NewQuery(secret.PKI, "pki/x", map[string]any{"a": "b"}),
	}
	if diff := cmp.Diff(want, result.Used, cmp.Comparer(func(a, b secret.Query) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestNestedLookupTakesTwoPasses(t *testing.T) {
	template := parse(t, `{{ range secrets "apps" }}{{ with secret (printf "apps/%s" .) }}{{ .Data.v }},{{ end }}{{ end }}`, render.Options{})
	have := store{}
	for pass, step := range []struct {
		missing int
		arrives string
		data    sensitive.Data
	}{
		{1, "list apps", tree(`{"keys":["b","a"]}`)},
		{2, "read apps/a", tree(`{"v":"1"}`)},
		{1, "read apps/b", tree(`{"v":"2"}`)},
	} {
		result, err := template.Execute(have)
		if err != nil || len(result.Missing) != step.missing {
			t.Fatalf("pass %d: missing %v, error %v", pass, result.Missing, err)
		}
		have[step.arrives] = &secret.Response{Data: step.data}
	}
	result, err := template.Execute(have)
	if err != nil || string(result.Output) != "1,2," {
		t.Errorf("output = %q, error = %v", result.Output, err)
	}
}

func TestMissingKeys(t *testing.T) {
	text := `{{ (secret "secret/app").Data.data.nope }}`
	if got := string(execute(t, text, render.Options{}).Output); got != "<no value>" {
		t.Errorf("output = %q", got)
	}
	got := failure(t, text, render.Options{ErrorOnMissingKey: true})
	if want := `template "app.conf", line 1, column 12: map has no entry for key "nope"`; got != want {
		t.Errorf("error = %s\nwant    %s", got, want)
	}
}

func TestDelimiters(t *testing.T) {
	result := execute(t, `{{ not ours }} <% (secret "secret/app").Data.data.username %>`, render.Options{LeftDelim: "<%", RightDelim: "%>"})
	if got, want := string(result.Output), "{{ not ours }} app"; got != want {
		t.Errorf("output = %q, want %q", got, want)
	}
}

func TestEmptyTemplates(t *testing.T) {
	for _, text := range []string{"", `{{ define "x" }}y{{ end }}`, "{{/* nothing */}}"} {
		if result := execute(t, text, render.Options{}); result.Output == nil || len(result.Output) != 0 {
			t.Errorf("%q gives %q, want an empty output that is not nil", text, result.Output)
		}
	}
}

func TestExtraFunctions(t *testing.T) {
	o := render.Options{Extra: map[string]any{
		"mine":    func() string { return "extra" },
		"toUpper": func(s string) string { return "mine:" + s },
		"failing": func() (string, error) { return "", errors.New("of its own with " + canary) },
	}}
	if got := string(execute(t, `{{ mine }} {{ toUpper "x" }}`, o).Output); got != "extra mine:x" {
		t.Errorf("output = %q", got)
	}
	got := failure(t, `{{ $x := secret "secret/app" }}{{ failing }}`, o)
	if want := `template "app.conf", line 1, column 35: function "failing": of its own with [redacted]`; got != want {
		t.Errorf("error = %s\nwant    %s", got, want)
	}
}

func TestOneVersionInOnePass(t *testing.T) {
	asked := 0
	changing := render.SourceFunc(func(q secret.Query) *secret.State {
		asked++
		return &secret.State{Response: &secret.Response{Data: sensitive.NewData(map[string]any{"v": asked})}}
	})
	result, err := parse(t, `{{ (secret "x").Data.v }}{{ (secret "x").Data.v }}`, render.Options{}).Execute(changing)
	if err != nil || string(result.Output) != "11" {
		t.Errorf("output = %q, error = %v", result.Output, err)
	}
}

func TestSourceIsNotChanged(t *testing.T) {
	have := held()
	before := fmt.Sprint(have["read secret/app"].Data.Reveal())
	text := `{{ $d := (secret "secret/app").Data }}{{ $x := mergeMapWithOverride $d.data (parseJSON "{\"username\":\"changed\"}") }}` +
		`{{ $x := sprig_set $d "num" 1 }}{{ scratch.Set "m" $d.data }}{{ scratch.MapSet "m" "added" 1 }}{{ $d.data.username }}`
	result, err := parse(t, text, render.Options{}).Execute(have)
	if err != nil || string(result.Output) != "changed" {
		t.Fatalf("output = %q, error = %v", result.Output, err)
	}
	if after := fmt.Sprint(have["read secret/app"].Data.Reveal()); after != before {
		t.Errorf("the source's data became %s, was %s", after, before)
	}
}

func TestConcurrentExecution(t *testing.T) {
	template := parse(t, `{{ scratch.Set "n" 1 }}{{ range loop 50 }}{{ scratch.Set "n" (add 1 (scratch.Get "n")) }}{{ end }}{{ scratch.Get "n" }} {{ (secret "secret/app").Data.data.username | sprig_upper }}`, render.Options{})
	have := held()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				result, err := template.Execute(have)
				if err != nil || string(result.Output) != "51 APP" {
					t.Errorf("output = %q, error = %v", result.Output, err)
				}
			}
		})
	}
	all.Wait()
}

func TestPanicsBecomeErrors(t *testing.T) {
	cases := map[string]struct {
		text string
		want string
	}{
		"in an extra function": {`{{ bad }}`, `template "app.conf", line 1, column 4: function "bad": on purpose`},
		"with a value":         {`{{ worse }}`, `template "app.conf", line 1, column 4: function "worse": [1 2]`},
		"of the runtime":       {`{{ index (sprig_list 1) 5 }}`, `template "app.conf", line 1, column 4: function "index": index out of range: 5`},
		"in sprig":             {`{{ sprig_repeat -1 "x" }}`, `template "app.conf", line 1, column 4: function "sprig_repeat": it failed; its message is left out because it may show a value`},
	}
	extra := map[string]any{
		"bad":   func() string { panic(errors.New("on purpose")) },
		"worse": func() string { panic([]int{1, 2}) },
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := failure(t, c.text, render.Options{Extra: extra}); got != c.want {
				t.Errorf("error = %s\nwant    %s", got, c.want)
			}
		})
	}
}

func TestDeepTemplates(t *testing.T) {
	got := failure(t, `{{ define "a" }}{{ executeTemplate "a" }}{{ end }}{{ executeTemplate "a" }}`, render.Options{})
	if want := `template "app.conf", line 1, column 20: function "executeTemplate": more than 100 templates within each other`; got != want {
		t.Errorf("error = %s\nwant    %s", got, want)
	}
}
