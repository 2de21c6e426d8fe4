package render_test

import (
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/render"
)

// expensive functions would make the fuzzer slow or read this machine.
var expensive = []string{"file", "loop", "indent", "sprig_gen*", "sprig_bcrypt", "sprig_htpasswd", "sprig_derivePassword", "sprig_repeat", "sprig_until*", "sprig_seq", "sprig_*indent"}

func addTemplates(f *testing.F) {
	f.Helper()
	for _, cases := range allCases() {
		for _, c := range cases {
			f.Add(c.text)
		}
	}
	for _, text := range leaks {
		f.Add(`{{ $d := (secret "secret/app").Data.data }}{{ $p := $d.password }}` + text)
	}
	for _, text := range []string{"", "{{", "{{ if }}", "{{/*", "{{ nofunc }}", "{{define \"\"}}x{{end}}", "{{break}}", "{{ \"%s%\" | parseInt }}", "\n\n{{ $x }}", "{{ template \"a\" }}", "{{ >: }}"} {
		f.Add(text)
	}
}

func FuzzParse(f *testing.F) {
	addTemplates(f)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := render.Parse(text, render.Options{Name: "fuzz"})
		if err != nil && !strings.HasPrefix(err.Error(), `template "fuzz"`) {
			t.Errorf("Parse(%q): the error does not name the template: %v", text, err)
		}
		// Other delimiters must not change whether it can be read without a panic.
		_, _ = render.Parse(text, render.Options{LeftDelim: "<", RightDelim: ">", Denylist: []string{text}})
	})
}

func FuzzExecute(f *testing.F) {
	addTemplates(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, strict := range []bool{false, true} {
			template, err := render.Parse(text, render.Options{Name: "fuzz", ErrorOnMissingKey: strict, Denylist: expensive, LookupEnv: environment})
			if err != nil {
				return
			}
			result, err := template.Execute(held())
			if err == nil {
				if (result.Output == nil) != (len(result.Missing) > 0) {
					t.Errorf("Execute(%q) gives %q with %d missing", text, result.Output, len(result.Missing))
				}
				continue
			}
			if !strings.HasPrefix(err.Error(), `template "fuzz"`) {
				t.Errorf("Execute(%q): the error does not name the template: %v", text, err)
			}
			if strings.Contains(err.Error(), canary) && !strings.Contains(text, canary) {
				t.Errorf("Execute(%q): the error shows a value: %v", text, err)
			}
		}
	})
}

func FuzzParsePEMBundle(f *testing.F) {
	for _, text := range []string{
		"", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
		"x-----BEGIN X-----\nA: b\n\naGVsbG8=\n-----END X-----\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := render.ParsePEMBundle([]byte(text))
		if (err == nil) != (b.Cert != "") {
			t.Errorf("bundle with certificate %q, error %v", b.Cert, err)
		}
	})
}

func FuzzParseYAML(f *testing.F) {
	for _, text := range []string{"", "a: 1", "- x\n- yes", "a: &x [1]\nb: *x", "<<: {a: 1}", "? [a]\n: b", "a: !!binary aGk=", "a: 2020-01-01\na: on", "%YAML 1.1\n---\nx", "a: |\n b", "\"", "{a: 1, a: 2}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := render.Options{Name: "fuzz", LookupEnv: func(string) (string, bool) { return text, true }}
		template, err := render.Parse(`{{ env "x" | parseYAML | toYAML }}`, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := template.Execute(held()); err != nil && !strings.HasPrefix(err.Error(), `template "fuzz"`) {
			t.Errorf("error = %v", err)
		}
	})
}
