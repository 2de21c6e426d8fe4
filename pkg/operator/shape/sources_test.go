package shape_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

func versioned(t *testing.T, version string, data map[string]any) shape.Answer {
	t.Helper()
	a, err := shape.FromKV2(sensitive.NewData(map[string]any{"data": data, "metadata": map[string]any{"version": json.Number(version)}}))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func one(name string, a shape.Answer) shape.Source {
	return shape.Source{Name: name, Items: []shape.Item{{Answer: a}}}
}

func folder(t *testing.T, l v1beta1.FolderList) *shape.Folder {
	t.Helper()
	f, err := shape.NewFolder("list", &l)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCombine(t *testing.T) {
	main := versioned(t, "3", map[string]any{"user": "a", "password": "p"})
	other := versioned(t, "9", map[string]any{"user": "b", "token": "t"})
	items := []shape.Item{{Path: "x", Answer: other}, {Path: "deep/y", Answer: other}}
	cases := map[string]struct {
		sources []shape.Source
		policy  v1beta1.ConflictPolicy
		want    map[string]string
		err     string
	}{
		"One":   {[]shape.Source{one("path", main)}, "", map[string]string{"user": "a", "password": "p", "version": "3"}, ""},
		"First": {[]shape.Source{one("path", main), one("sources[0]", other)}, v1beta1.ConflictFirst, map[string]string{"user": "a", "password": "p", "token": "t", "version": "3"}, ""},
		"Last":  {[]shape.Source{one("path", main), one("sources[0]", other)}, v1beta1.ConflictLast, map[string]string{"user": "b", "password": "p", "token": "t", "version": "3"}, ""},
		"Conflict": {
			[]shape.Source{one("path", main), one("sources[0]", other)},
			v1beta1.ConflictError, nil,
			`path and sources[0] both have the key "user": set conflictPolicy, or keys or keyPrefix of a source`,
		},
		"Prefix": {
			[]shape.Source{one("path", main), {Name: "sources[0]", Items: []shape.Item{{Answer: other}}, Prefix: "o."}},
			"",
			map[string]string{"user": "a", "password": "p", "o.user": "b", "o.token": "t", "version": "3"},
			"",
		},
		"KeysTwice": {
			[]shape.Source{{Name: "path", Items: []shape.Item{{Answer: main}}, Keys: []v1beta1.KeySelection{{Key: "user"}, {Key: "user", As: "name"}}, Prefix: "p_"}},
			"",
			map[string]string{"p_user": "a", "p_name": "a", "version": "3"},
			"",
		},
		"NoKey": {
			[]shape.Source{{Name: "sources[1]", Items: []shape.Item{{Answer: main}}, Keys: []v1beta1.KeySelection{{Key: "user"}, {Key: "none"}}}},
			"", nil,
			`sources[1].keys[1]: there is no key "none" in Vault`,
		},
		"Folder": {
			[]shape.Source{{Name: "path", Folder: folder(t, v1beta1.FolderList{}), Items: items}},
			"",
			map[string]string{"x.user": "b", "x.token": "t", "deep.y.user": "b", "deep.y.token": "t", "version": "<no value>"},
			"",
		},
		"FolderKeys": {
			[]shape.Source{{Name: "path", Folder: folder(t, v1beta1.FolderList{}), Items: items, Keys: []v1beta1.KeySelection{{Key: "deep.y.token", As: "token"}}}},
			"",
			map[string]string{"token": "t", "version": "<no value>"},
			"",
		},
		"FolderTemplate": {
			[]shape.Source{{Name: "path", Folder: folder(t, v1beta1.FolderList{KeyTemplate: "{{ .Name }}-{{ .Key }}"}), Items: items}},
			"",
			map[string]string{"x-user": "b", "x-token": "t", "y-user": "b", "y-token": "t", "version": "<no value>"},
			"",
		},
		"FolderConflict": {
			[]shape.Source{{Name: "path", Folder: folder(t, v1beta1.FolderList{KeyTemplate: "{{ .Key }}"}), Items: items}},
			"", nil,
			`path (x) and path (deep/y) both have the key "token": set conflictPolicy, or keys or keyPrefix of a source` + "\n" +
				`path (x) and path (deep/y) both have the key "user": set conflictPolicy, or keys or keyPrefix of a source`,
		},
		"None": {nil, "", nil, "there is no data at the path in Vault"},
	}
	plan, err := shape.NewPlan(shape.Options{
		Object: types.NamespacedName{Namespace: "shop", Name: "db"},
		Transformation: v1beta1.Transformation{
			ExcludeRaw: true, Templates: map[string]v1beta1.Template{"version": {Text: "{{ .Metadata.version }}"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			answer, err := shape.Combine(tc.sources, tc.policy)
			if err != nil {
				if err.Error() != tc.err {
					t.Errorf("error %q, want %q", err, tc.err)
				}
				if conflict := tc.policy == v1beta1.ConflictError || name == "FolderConflict"; errors.Is(err, shape.ErrConflict) != conflict {
					t.Errorf("conflict is not %t: %v", conflict, err)
				}
				return
			}
			out, err := plan.Build(answer, shape.Object{})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for key, value := range out.Data {
				got[key] = string(value)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || tc.err != "" {
				t.Errorf("data (-want +got), error %q wanted:\n%s", tc.err, diff)
			}
		})
	}
}

// TestCombineRaw: _raw is the answer about the first source, or a folder by paths.
func TestCombineRaw(t *testing.T) {
	main, other := versioned(t, "3", map[string]any{"a": "1"}), versioned(t, "9", map[string]any{"b": "2"})
	cases := map[string]struct {
		sources []shape.Source
		want    string
	}{
		"Secret": {[]shape.Source{one("path", main), one("sources[0]", other)}, `{"data":{"a":"1"},"metadata":{"version":3}}`},
		"Folder": {[]shape.Source{{Name: "path", Folder: folder(t, v1beta1.FolderList{}), Items: []shape.Item{{Path: "x/y", Answer: main}}}, one("sources[0]", other)}, `{"x/y":{"a":"1"}}`},
	}
	plan, err := shape.NewPlan(shape.Options{Object: types.NamespacedName{Namespace: "shop", Name: "db"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			answer, err := shape.Combine(tc.sources, "")
			if err != nil {
				t.Fatal(err)
			}
			out, err := plan.Build(answer, shape.Object{})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(out.Data["_raw"]); got != tc.want {
				t.Errorf("_raw is %s, want %s", got, tc.want)
			}
		})
	}
}

func TestFolder(t *testing.T) {
	f := folder(t, v1beta1.FolderList{Recursive: true, NamePattern: "^app/"})
	if !f.Recursive() || f.Most() != 100 || !f.Keeps("app/x") || f.Keeps("x") {
		t.Errorf("folder: recursive %t, most %d, keeps app/x %t, keeps x %t", f.Recursive(), f.Most(), f.Keeps("app/x"), f.Keeps("x"))
	}
	cases := map[string]struct {
		list v1beta1.FolderList
		want string
	}{
		"Pattern":  {v1beta1.FolderList{NamePattern: "["}, `sources[0].list.namePattern: "[" is not a regular expression: missing closing ]`},
		"Template": {v1beta1.FolderList{KeyTemplate: "{{ .Key"}, `template "sources[0].list.keyTemplate", line 1: unclosed action`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := shape.NewFolder("sources[0].list", &tc.list); err == nil || err.Error() != tc.want {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}
