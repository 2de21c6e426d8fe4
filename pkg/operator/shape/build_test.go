package shape_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
)

func templates(pairs ...string) map[string]v1beta1.Template {
	out := map[string]v1beta1.Template{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = v1beta1.Template{Text: pairs[i+1]}
	}
	return out
}

func TestBuild(t *testing.T) {
	const source = `{"user":"app","pass":"<p&q>","port":5432,"big":12345678901234567890,"on":true,"none":null,"list":["a",1.50],"map":{"b":1,"a":"<"}}`
	all := map[string]string{
		"user": "app", "pass": "<p&q>", "port": "5432", "big": "12345678901234567890", "on": "true", "none": "null",
		"list": `["a",1.50]`, "map": `{"a":"\u003c","b":1}`,
	}
	cases := map[string]struct {
		t      v1beta1.Transformation
		global bool
		want   map[string]string
		reason string
	}{
		"Plain": {t: v1beta1.Transformation{ExcludeRaw: true}, want: all, reason: "texts stay, everything else is compact JSON"},
		"GlobalOption": {
			global: true, t: v1beta1.Transformation{Includes: []string{"^user$"}},
			want: map[string]string{"user": "app"},
		},
		"Raw": {
			t: v1beta1.Transformation{Includes: []string{"^user$"}},
			want: map[string]string{
				"user": "app",
				"_raw": `{"data":{"big":12345678901234567890,"list":["a",1.50],"map":{"a":"\u003c","b":1},"none":null,"on":true,"pass":"\u003cp\u0026q\u003e","port":5432,"user":"app"},"metadata":{"version":3}}`,
			},
		},
		"Unanchored":    {t: v1beta1.Transformation{ExcludeRaw: true, Includes: []string{"s"}}, want: map[string]string{"user": "app", "pass": "<p&q>", "list": `["a",1.50]`}},
		"ExcludesFirst": {t: v1beta1.Transformation{ExcludeRaw: true, Includes: []string{"user", "pass"}, Excludes: []string{"^p"}}, want: map[string]string{"user": "app"}},
		"TemplatedOnly": {
			t:    v1beta1.Transformation{ExcludeRaw: true, Excludes: []string{".*"}, Templates: templates("url", `{{ .Secrets.user }}@{{ .Secrets.port }}/{{ .Metadata.version }}`)},
			want: map[string]string{"url": "app@5432/3"}, reason: "filters never apply to templated keys",
		},
		"TemplateWins": {
			t:    v1beta1.Transformation{ExcludeRaw: true, Includes: []string{"user"}, Templates: templates("user", `{{ get .Secrets "user" | upper }}`)},
			want: map[string]string{"user": "APP"},
		},
		"Metadata": {
			t:    v1beta1.Transformation{ExcludeRaw: true, Excludes: []string{"."}, Templates: templates("m", `{{ index .Annotations "a/b" }} {{ .Labels.app }} {{ .Labels.nope }} {{ .WrapData }}`)},
			want: map[string]string{"m": "note shop <no value> <no value>"},
		},
		"NamedHelper": {
			t: v1beta1.Transformation{ExcludeRaw: true, Excludes: []string{"."}, Templates: map[string]v1beta1.Template{
				"a": {Name: "greet", Text: `hi {{ .Secrets.user }}`}, "b": {Text: `{{ template "greet" . }}!`}, "c": {Text: `{{ template "apps/db/b" . }}?`},
			}},
			want: map[string]string{"a": "hi app", "b": "hi app!", "c": "hi app!?"},
		},
		"EmptyTemplate": {t: v1beta1.Transformation{ExcludeRaw: true, Excludes: []string{"."}, Templates: templates("a", "")}, want: map[string]string{"a": ""}},
		"Isolated": {
			t: v1beta1.Transformation{ExcludeRaw: true, Includes: []string{"user"}, Templates: templates(
				"a", `{{ $_ := set .Secrets "user" "changed" }}{{ .Secrets.user }}`, "b", `{{ .Secrets.user }}`)},
			want: map[string]string{"user": "app", "a": "changed", "b": "app"}, reason: "no template sees what another did",
		},
		"KeyTemplate": {
			t:    v1beta1.Transformation{Includes: []string{"user", "port"}, ExcludeRaw: true, KeyTemplate: `DB_{{ upper .Key }}`, Templates: templates("DB_USER", "t")},
			want: map[string]string{"DB_USER": "t", "DB_PORT": "5432"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := plan(t, shape.Options{Transformation: tc.t, ExcludeRaw: tc.global})
			out, err := p.Build(kv2(t, source), shape.Object{Annotations: map[string]string{"a/b": "note"}, Labels: map[string]string{"app": "shop"}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, shown(out.Data)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if p.Keyed() != (len(tc.t.Templates) > 0) {
				t.Errorf("keyed is %t", p.Keyed())
			}
		})
	}
}

func TestBuildErrors(t *testing.T) {
	secret := `{"password":"` + canary + `","a":"1","b":"2"}`
	cases := map[string]struct {
		o      shape.Options
		source string
		want   string
	}{
		"Exec": {
			o: shape.Options{Transformation: v1beta1.Transformation{Templates: templates("x", "\n{{ range .Secrets.password }}{{ end }}", "y", "{{ fail .Secrets.password }}")}},
			want: "template \"apps/db/x\", line 2, column 18: range can't iterate over a value of this type\n" +
				"template \"apps/db/y\", line 1, column 4: function \"fail\": [redacted]",
		},
		"RawInSource": {source: `{"_raw":"` + canary + `"}`, want: `the secret has a key "_raw", which is that of the whole answer: set excludeRaw`},
		"BadKey":      {source: `{"a b":"` + canary + `","c/d":"x"}`, want: "\"a b\" cannot be a key of a Secret: only letters, digits, '-', '_' and '.' can; exclude it, or rename it by a template\n\"c/d\" cannot be a key of a Secret: only letters, digits, '-', '_' and '.' can; exclude it, or rename it by a template"},
		"SameName":    {o: shape.Options{Transformation: v1beta1.Transformation{KeyTemplate: "x"}}, want: "keyTemplate: the keys \"a\" and \"b\" both become \"x\"\nkeyTemplate: the keys \"a\" and \"password\" both become \"x\""},
		"BadName":     {o: shape.Options{Transformation: v1beta1.Transformation{KeyTemplate: "{{ fail .Key }}", Includes: []string{"^a$"}}}, want: `template "keyTemplate", line 1, column 4: function "fail": a`},
		"BadLabel":    {o: shape.Options{Labels: map[string]string{"l": "{{ .Secrets.password }} "}}, want: `labelTemplates: the template of "l" gives no valid value of a label`},
		"EmptyKey":    {o: shape.Options{Transformation: v1beta1.Transformation{KeyTemplate: "{{ if ne .Key \"a\" }}{{ .Key }}{{ end }}"}}, want: "\"\" cannot be a key of a Secret: only letters, digits, '-', '_' and '.' can; exclude it, or rename it by a template"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.source == "" {
				tc.source = secret
			}
			out, err := plan(t, tc.o).Build(kv2(t, tc.source), shape.Object{})
			if diff := cmp.Diff(tc.want, text(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if out != nil || strings.Contains(text(err), canary) {
				t.Error("something was made, or a value shows")
			}
		})
	}
}

func TestBuildMetadata(t *testing.T) {
	p := plan(t, shape.Options{
		Transformation: v1beta1.Transformation{Excludes: []string{"."}, ExcludeRaw: true, Templates: map[string]v1beta1.Template{"k": {Name: "who", Text: "app"}}},
		Labels:         map[string]string{"team": `{{ template "who" . }}-{{ .Metadata.version }}`},
		Annotations:    map[string]string{"note": `{{ .Labels.tier }} any text`},
	})
	out, err := p.Build(kv2(t, `{"a":"b"}`), shape.Object{Labels: map[string]string{"tier": "gold"}})
	if err != nil {
		t.Fatal(err)
	}
	want := &shape.Output{
		Data: map[string][]byte{"k": []byte("app")}, Labels: map[string]string{"team": "app-3"}, Annotations: map[string]string{"note": "gold any text"},
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzBuild(f *testing.F) {
	f.Add("a", "a", "{{ .Secrets.k }}", `{"k":"v"}`)
	f.Add("(", "", "", `{"_raw":1}`)
	f.Add("", ".*", "{{ fail .Secrets.k }}", `{"k":"`+canary+`"}`)
	f.Add("^$", "x{2,1}", "{{", `{"":null}`)
	f.Fuzz(func(t *testing.T, include, exclude, template, data string) {
		if len(template) > 100 || strings.ContainsAny(template, "(|") || strings.Contains(template, "template") {
			return // it may print without end
		}
		p, err := shape.NewPlan(shape.Options{Object: object(), Transformation: v1beta1.Transformation{
			Includes: []string{include}, Excludes: []string{exclude}, Templates: templates("t", template), ExcludeRaw: true,
		}})
		if err != nil {
			return
		}
		a, err := shape.FromKV1(tree(t, `{"k":"`+canary+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Build(a, shape.Object{})
		if err == nil && out.Data["t"] == nil {
			t.Error("the templated key is not there")
		}
		if strings.Contains(text(err), canary) {
			t.Errorf("a value shows: %v", err)
		}
	})
}
