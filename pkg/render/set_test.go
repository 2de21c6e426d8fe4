package render_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/render"
)

// allowed are the functions of sprig that users of the older operator had.
const allowed = `abbrev abbrevboth add add1 add1f addf adler32sum ago all any append atoi b32dec b32enc b64dec b64enc base bcrypt
	biggest buildCustomCert camelcase cat ceil chunk clean coalesce compact concat contains deepCopy deepEqual default
	dict dig dir div divf duration durationRound empty ext fail first float64 floor fromJson get has hasKey hasPrefix
	hasSuffix htpasswd indent initial initials int int64 isAbs join kebabcase keys kindIs kindOf last list lower max
	maxf merge mergeOverwrite min minf mod mul mulf mustAppend mustChunk mustCompact mustDeepCopy mustFirst mustFromJson
	mustHas mustInitial mustLast mustMerge mustMergeOverwrite mustPrepend mustPush mustRegexFind mustRegexFindAll
	mustRegexMatch mustRegexReplaceAll mustRegexReplaceAllLiteral mustRegexSplit mustRest mustReverse mustSlice
	mustToDate mustToJson mustToPrettyJson mustToRawJson mustUniq mustWithout nindent nospace omit osBase osClean osDir
	osExt osIsAbs pick pluck plural prepend push quote randInt regexFind regexFindAll regexMatch regexQuoteMeta
	regexReplaceAll regexReplaceAllLiteral regexSplit repeat replace rest reverse round semver semverCompare seq set
	sha1sum sha256sum sha512sum shuffle slice snakecase sortAlpha split splitList splitn squote sub subf substr swapcase
	ternary title toDecimal toJson toPrettyJson toRawJson toString toStrings trim trimAll trimPrefix trimSuffix trimall
	trunc tuple typeIs typeIsLike typeOf uniq unset until untilStep untitle upper urlJoin urlParse values without wrap
	wrapWith`

func parseSet(t *testing.T, pairs ...string) *render.Set {
	t.Helper()
	var templates []render.SetTemplate
	for i := 0; i < len(pairs); i += 2 {
		templates = append(templates, render.SetTemplate{Name: pairs[i], Text: pairs[i+1]})
	}
	s, err := render.ParseSet(templates)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSetExecute(t *testing.T) {
	data := map[string]any{"user": "app", "n": 5, "list": []any{"a", "b"}, "nested": map[string]any{"x": "y"}}
	cases := map[string]struct {
		text string
		want string
	}{
		"Text":         {`hello`, "hello"},
		"Empty":        {``, ""},
		"Field":        {`{{ .user }}-{{ .nested.x }}`, "app-y"},
		"Missing":      {`{{ .nothing }}`, "<no value>"},
		"Sprig":        {`{{ get . "user" | b64enc | upper }}`, "YXBW"},
		"SprigWins":    {`{{ trim " a " }}|{{ contains "b" "abc" }}|{{ (split "," "a,b")._1 }}`, "a|true|b"},
		"Prefixed":     {`{{ sprig_upper .user }}`, "APP"},
		"Dialect":      {`{{ base64Encode .user }} {{ toYAML .list }} {{ parseJSON "[1]" }}`, "YXBw - a\n- b [1]"},
		"Helper":       {`{{ template "helper" . }}`, "<app>"},
		"HelperAsText": {`{{ executeTemplate "helper" . | upper }}`, "<APP>"},
		"Defined":      {`{{ template "within" }}`, "in"},
		"Scratch":      {`{{ scratch.Set "a" 1 }}{{ scratch.Get "a" }}`, "1"},
		"Builtin":      {`{{ printf "%d" .n }}{{ len .list }}{{ slice .list 1 }}`, "52[b]"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := parseSet(t, "main", tc.text, "helper", `{{ define "within" }}in{{ end }}<{{ .user }}>`)
			got, err := s.Execute("main", data, data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSetFunctions(t *testing.T) {
	var names []string
	for _, doc := range render.SetFunctions() {
		names = append(names, doc.Name)
		if doc.Summary == "" || !strings.HasPrefix(doc.Signature+" ", doc.Name+" ") {
			t.Errorf("%s has signature %q and summary %q", doc.Name, doc.Signature, doc.Summary)
		}
	}
	if !slices.IsSorted(names) {
		t.Error("the names are not sorted")
	}
	for name := range strings.FieldsSeq(allowed) {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range strings.FieldsSeq("secret secrets pkiCert file writeToFile env mustEnv envOrDefault sockaddr timestamp plugin key sprig_env expandenv now getHostByName") {
		if slices.Contains(names, name) {
			t.Errorf("%s reaches outside of the data", name)
		}
		_, err := render.ParseSet([]render.SetTemplate{{Name: "t", Text: "{{ " + name + " }}"}})
		if want := `template "t", line 1, column 4: function "` + name + `" not defined`; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestParseSetErrors(t *testing.T) {
	cases := map[string]struct {
		templates []render.SetTemplate
		want      string
	}{
		"Several": {
			[]render.SetTemplate{{"a", "x\n{{ .b"}, {"b", "{{ nope }}"}, {"c", "fine"}},
			"template \"a\", line 2: unclosed action\ntemplate \"b\", line 1, column 4: function \"nope\" not defined",
		},
		"Twice": {
			[]render.SetTemplate{{"a", "1"}, {"a", "2"}},
			`template "a": the name "a" is taken: template "a" defines it`,
		},
		"DefinedTwice": {
			[]render.SetTemplate{{"a", `{{ define "h" }}1{{ end }}`}, {"b", `{{ define "h" }}2{{ end }}`}},
			`template "b": the name "h" is taken: template "a" defines it`,
		},
		"DefinesOther": {
			[]render.SetTemplate{{"b", "2"}, {"a", `{{ define "b" }}1{{ end }}`}},
			`template "a": the name "b" is taken: template "b" defines it`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := render.ParseSet(tc.templates)
			if err == nil || err.Error() != tc.want {
				t.Errorf("error\n%v, want\n%s", err, tc.want)
			}
		})
	}
}

func TestSetExecErrors(t *testing.T) {
	secrets := map[string]any{"password": canary, "tree": map[string]any{"x": canary}}
	cases := map[string]struct {
		text string
		want string
	}{
		"Place":      {"a\n {{ fromJson .password }}{{ mustFromJson .password }}", `template "main", line 2, column 29: function "mustFromJson": invalid JSON at byte 1`},
		"Fail":       {`{{ fail (printf "no %s" .password) }}`, `template "main", line 1, column 4: function "fail": no [redacted]`},
		"Range":      {`{{ range .password }}{{ end }}`, `template "main", line 1, column 10: range can't iterate over a value of this type`},
		"Helper":     {"{{ template \"helper\" . }}", `template "helper", line 2, column 4: function "mustRegexMatch": invalid pattern: missing closing )`},
		"Unknown":    {`{{ template "nope" }}`, `template "main", line 1, column 13: template "nope" not defined`},
		"ByText":     {`{{ executeTemplate "nope" }}`, `template "main", line 1, column 4: function "executeTemplate": template "nope" is not defined`},
		"Field":      {`{{ .password.x }}`, `template "main", line 1, column 13: can't evaluate field x in type interface {}`},
		"Itself":     {`{{ executeTemplate "main" . }}`, `template "main", line 1, column 4: function "executeTemplate": more than 100 templates within each other`},
		"BadCompare": {`{{ eq .password 5 }}`, `template "main", line 1, column 4: function "eq": incompatible types for comparison: string and int`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := parseSet(t, "main", tc.text, "helper", "\n{{ mustRegexMatch \"(\" .password }}")
			out, err := s.Execute("main", secrets, secrets)
			if err == nil {
				t.Fatalf("no error, but %d bytes", len(out))
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), canary) || out != nil {
				t.Error("a value shows")
			}
		})
	}
}

// TestSetConcurrent finds state that executions share; the race detector looks on.
func TestSetConcurrent(t *testing.T) {
	s := parseSet(t, "main", `{{ scratch.Set "v" .v }}{{ scratch.Get "v" }}`)
	done := make(chan string)
	for _, v := range []string{"a", "b", "c", "d"} {
		go func() {
			out, _ := s.Execute("main", map[string]any{"v": v}, nil)
			done <- string(out)
		}()
	}
	got := []string{<-done, <-done, <-done, <-done}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"a", "b", "c", "d"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzSet(f *testing.F) {
	for _, seed := range []string{"", "{{ .a }}", `{{ define "x" }}{{ end }}`, "{{ template \"t\" }}", "{{ fail .a }}", "{{ range .a }}{{ end }}", "{{ .a.b.c }}", "{{ toJson . }}", "{{ index .a 5 }}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "emplate") || strings.Contains(text, "ntil") || strings.Contains(text, "range") || strings.Contains(text, "repeat") {
			return // it may loop without end, or print without end
		}
		s, err := render.ParseSet([]render.SetTemplate{{Name: "t", Text: text}})
		if err != nil {
			return
		}
		data := map[string]any{"a": canary}
		if _, err := s.Execute("t", data, data); err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("a value shows: %v", err)
		}
	})
}
