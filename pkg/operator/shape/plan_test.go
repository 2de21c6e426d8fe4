package shape_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
)

func shared() world {
	return world{
		"apps/one": {
			Templates:       map[string]v1beta1.Template{"a": {Name: "named", Text: "one-a"}, "b": {Text: `{{ template "helper" . }}`}},
			SourceTemplates: []v1beta1.SourceTemplate{{Name: "helper", Text: "from {{ .Secrets.user }}"}, {Text: `{{ define "deep" }}deep{{ end }}`}},
			Includes:        []string{"^user$"},
		},
		"apps/two":     {Templates: templates("b", "two-b", "c", `{{ template "deep" }}`), Excludes: []string{"pass"}},
		"other/one":    {Templates: templates("z", "other")},
		"apps/clash":   {Templates: map[string]v1beta1.Template{"q": {Name: "named", Text: "x"}}},
		"apps/invalid": {},
	}
}

func ref(name string, templates ...string) v1beta1.TransformationRef {
	r := v1beta1.TransformationRef{Name: name}
	for i := 0; i < len(templates); i += 2 {
		r.TemplateRefs = append(r.TemplateRefs, v1beta1.TemplateRef{Name: templates[i], KeyOverride: templates[i+1]})
	}
	return r
}

func TestReferences(t *testing.T) {
	ignoring := ref("one", "a", "")
	ignoring.IgnoreIncludes = true
	ignoringBoth := ref("two", "b", "")
	ignoringBoth.IgnoreExcludes = true
	ignoringAll := ref("two")
	ignoringAll.IgnoreExcludes = true
	foreign := ref("one")
	foreign.Namespace = "other"
	cases := map[string]struct {
		t      v1beta1.Transformation
		want   map[string]string
		reason string
	}{
		"All":         {t: v1beta1.Transformation{TransformationRefs: []v1beta1.TransformationRef{ref("one")}}, want: map[string]string{"a": "one-a", "b": "from app", "user": "app"}},
		"FirstWins":   {t: v1beta1.Transformation{TransformationRefs: []v1beta1.TransformationRef{ref("one"), ignoringAll}}, want: map[string]string{"a": "one-a", "b": "from app", "c": "deep", "user": "app"}},
		"InlineFirst": {t: v1beta1.Transformation{Templates: templates("b", "mine"), TransformationRefs: []v1beta1.TransformationRef{ref("one")}}, want: map[string]string{"a": "one-a", "b": "mine", "user": "app"}},
		"Selected":    {t: v1beta1.Transformation{TransformationRefs: []v1beta1.TransformationRef{ref("one", "b", "B")}}, want: map[string]string{"B": "from app", "user": "app"}},
		"IgnoreIncludes": {
			t: v1beta1.Transformation{TransformationRefs: []v1beta1.TransformationRef{ignoring}}, want: map[string]string{"a": "one-a", "user": "app", "pass": "p", "n": "1"},
		},
		"Excludes":       {t: v1beta1.Transformation{Includes: []string{"p", "n"}, TransformationRefs: []v1beta1.TransformationRef{ref("two", "b", "")}}, want: map[string]string{"b": "two-b", "n": "1"}},
		"IgnoreExcludes": {t: v1beta1.Transformation{Includes: []string{"p"}, TransformationRefs: []v1beta1.TransformationRef{ignoringBoth}}, want: map[string]string{"b": "two-b", "pass": "p"}},
		"Appended":       {t: v1beta1.Transformation{Includes: []string{"^n$"}, TransformationRefs: []v1beta1.TransformationRef{ref("one", "a", "")}}, want: map[string]string{"a": "one-a", "n": "1", "user": "app"}, reason: "patterns of the references come to those of the resource"},
		"Foreign":        {t: v1beta1.Transformation{Excludes: []string{"."}, TransformationRefs: []v1beta1.TransformationRef{foreign}}, want: map[string]string{"z": "other"}},
		"CallByDefault":  {t: v1beta1.Transformation{Excludes: []string{"."}, Templates: templates("x", `{{ template "other/one/z" }}`), TransformationRefs: []v1beta1.TransformationRef{foreign}}, want: map[string]string{"x": "other", "z": "other"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.t.ExcludeRaw = true
			p := plan(t, shape.Options{Transformation: tc.t, Lookup: shared().lookup})
			out, err := p.Build(kv2(t, `{"user":"app","pass":"p","n":1}`), shape.Object{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, shown(out.Data)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPlanErrors(t *testing.T) {
	cases := map[string]struct {
		o    shape.Options
		want string
	}{
		"Everything": {
			o: shape.Options{Transformation: v1beta1.Transformation{
				Templates: templates("x", "{{ nope }}", "", "y"), Includes: []string{"ok", "("}, Excludes: []string{"a{2,1}"},
				TransformationRefs: []v1beta1.TransformationRef{ref("gone"), ref("invalid"), ref("one", "q", "", "a", ""), ref("one")},
			}},
			want: "templates: a key is empty\n" +
				"transformationRefs[0]: SecretTransformation apps/gone does not exist\n" +
				"transformationRefs[1]: SecretTransformation apps/invalid is not valid: see its status\n" +
				"transformationRefs[2].templateRefs[0]: SecretTransformation apps/one has no template \"q\"\n" +
				"transformationRefs[3]: SecretTransformation apps/one is referred to twice\n" +
				"includes[1]: \"(\" is not a regular expression: missing closing )\n" +
				"excludes[0]: \"a{2,1}\" is not a regular expression: invalid repeat count\n" +
				"template \"apps/db/x\", line 1, column 4: function \"nope\" not defined",
		},
		"SameName": {
			o: shape.Options{Transformation: v1beta1.Transformation{Templates: map[string]v1beta1.Template{
				"a": {Name: "n", Text: "1"}, "b": {Name: "n", Text: "2"},
			}}},
			want: `template "n": there are two of this name`,
		},
		"NameOfReference": {
			o:    shape.Options{Transformation: v1beta1.Transformation{TransformationRefs: []v1beta1.TransformationRef{ref("one"), ref("clash")}}},
			want: `template "named": there are two of this name`,
		},
		"SameTemplateTwice": {
			o:    shape.Options{Transformation: v1beta1.Transformation{TransformationRefs: []v1beta1.TransformationRef{ref("one", "a", "", "a", "A")}}},
			want: `template "named": there are two of this name`,
		},
		"SameKey": {
			o:    shape.Options{Transformation: v1beta1.Transformation{Templates: templates("k", "1"), TransformationRefs: []v1beta1.TransformationRef{ref("two", "b", "k")}}},
			want: `template "apps/two/b": there is another for key "k"`,
		},
		"DefinedName": {
			o:    shape.Options{Transformation: v1beta1.Transformation{Templates: map[string]v1beta1.Template{"a": {Name: "n", Text: "1"}, "b": {Text: `{{ define "n" }}{{ end }}`}}}},
			want: `template "apps/db/b": the name "n" is taken: template "n" defines it`,
		},
		"Raw": {
			o:    shape.Options{Transformation: v1beta1.Transformation{Templates: templates("_raw", "x")}},
			want: `templates: the key "_raw" is that of the whole answer: set excludeRaw to use it`,
		},
		"KeyTemplate": {
			o:    shape.Options{Transformation: v1beta1.Transformation{KeyTemplate: "{{ .Key"}},
			want: `template "keyTemplate", line 1: unclosed action`,
		},
		"Labels": {
			o:    shape.Options{Labels: map[string]string{"a": "{{ end }}"}},
			want: `template "apps/db/labelTemplates/a", line 1: unexpected {{end}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.o.Object, tc.o.Lookup = object(), shared().lookup
			_, err := shape.NewPlan(tc.o)
			if diff := cmp.Diff(tc.want, text(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanWithoutLookup(t *testing.T) {
	_, err := shape.NewPlan(shape.Options{Object: object(), Transformation: v1beta1.Transformation{TransformationRefs: []v1beta1.TransformationRef{ref("one")}}})
	if want := "transformationRefs[0]: SecretTransformation apps/one does not exist"; text(err) != want {
		t.Errorf("error %q, want %q", text(err), want)
	}
}

func TestCheck(t *testing.T) {
	cases := map[string]struct {
		spec v1beta1.SecretTransformationSpec
		want string
	}{
		"Empty": {},
		"Good":  {spec: shared()["apps/one"]},
		"Raw":   {spec: v1beta1.SecretTransformationSpec{Templates: templates("_raw", "{{ .Secrets }}")}},
		"Bad": {
			spec: v1beta1.SecretTransformationSpec{
				Templates: templates("a", "{{ nope }}"), SourceTemplates: []v1beta1.SourceTemplate{{Text: "{{ if }}"}}, Includes: []string{"["}, Excludes: []string{"*"},
			},
			want: "includes[0]: \"[\" is not a regular expression: missing closing ]\n" +
				"excludes[0]: \"*\" is not a regular expression: missing argument to repetition operator\n" +
				"template \"apps/one/a\", line 1, column 4: function \"nope\" not defined\n" +
				"template \"apps/one/0\", line 1: missing value for if",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			object := &v1beta1.SecretTransformation{ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: "one"}, Spec: tc.spec}
			if diff := cmp.Diff(tc.want, text(shape.Check(object))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if object.Status.Valid {
				t.Error("the object was changed")
			}
		})
	}
}
