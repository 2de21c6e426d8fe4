package rollout

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParsePlace(t *testing.T) {
	const name = "a name of letters, digits, '-' and '_' is expected between the dots"
	cases := map[string]struct {
		want place
		err  string
	}{
		"spec.restartAt": {want: place{"spec", "restartAt"}},
		"spec.template.metadata.annotations['example.com/at']": {want: place{"spec", "template", "metadata", "annotations", "example.com/at"}},
		"spec['a.b']['c'].d": {want: place{"spec", "a.b", "c", "d"}},
		"":                   {err: name},
		"spec.":              {err: name},
		".spec":              {err: name},
		"spec.a b":           {err: name},
		"['a']":              {err: name},
		"spec[0]":            {err: "a key in brackets is written as ['key']"},
		"spec['']":           {err: "a key in brackets is written as ['key']"},
		"spec['a":            {err: "a key in brackets is written as ['key']"},
		"spec['a']b":         {err: "a dot or a bracket is expected after a bracket"},
	}
	for path, tc := range cases {
		t.Run(path, func(t *testing.T) {
			got, err := parsePlace(path)
			want := ""
			if tc.err != "" {
				want = `fieldPath "` + path + `": ` + tc.err
			}
			if (err == nil && want != "") || (err != nil && err.Error() != want) {
				t.Errorf("error %v, want %s", err, want)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParsePlace(f *testing.F) {
	f.Add("spec.template['a/b'].c")
	f.Add("spec[")
	f.Fuzz(func(t *testing.T, path string) {
		keys, err := parsePlace(path)
		if err != nil {
			return
		}
		for _, key := range keys {
			if key == "" || !strings.Contains(path, key) {
				t.Errorf("%q has key %q", path, key)
			}
		}
		if keys.patch("1", "x")["metadata"] == nil {
			t.Error("the patch has no version")
		}
	})
}
