package migrate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/internal/golden"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func written(t *testing.T, n Notes) string {
	t.Helper()
	var b strings.Builder
	if err := n.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestValues(t *testing.T) {
	cases := map[string]struct {
		files  []string
		cannot int
		reason string
	}{
		"helm-defaults":       {files: []string{"helm-defaults"}, reason: "the default values of the old chart convert without a word from anybody"},
		"operator-defaults":   {files: []string{"operator-defaults"}},
		"production-injector": {files: []string{"production-injector"}},
		"production-operator": {files: []string{"production-operator"}},
		"both":                {files: []string{"production-injector", "production-operator"}, reason: "two releases become one"},
		"mistakes":            {files: []string{"mistakes"}, cannot: 4},
		"operator-csi":        {files: []string{"operator-csi"}, cannot: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var files [][]byte
			for _, f := range tc.files {
				files = append(files, read(t, "values/"+f+".yaml"))
			}
			made, notes, err := Values(files...)
			if err != nil {
				t.Fatal(err)
			}
			if n := notes.Count(Cannot); n != tc.cannot {
				t.Errorf("%d parts cannot be converted, want %d: %s", n, tc.cannot, tc.reason)
			}
			golden.Compare(t, made, "testdata/values/"+name+".converted")
			golden.Compare(t, []byte(written(t, notes)), "testdata/values/"+name+".report")
			converted(t, made)
		})
	}
}

// converted wants values that need no more conversion.
func converted(t *testing.T, made []byte) {
	t.Helper()
	again, notes, err := Values(made)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range notes {
		if n.Outcome != Kept && n.Outcome != Added && n.Key != "injector.agentImage" {
			t.Errorf("what was converted has %+v", n)
		}
	}
	var first, second map[string]any
	if err := yaml.Unmarshal(made, &first); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(again, &second); err != nil {
		t.Fatal(err)
	}
	delete(first, "injector") // an added switch
	delete(second, "injector")
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("another result for the result (-first +second):\n%s", diff)
	}
}

// Every row of the chart's table leads to a key that the chart has.
func TestTable(t *testing.T) {
	c, err := readChart()
	if err != nil || len(c.rows) < 50 {
		t.Fatalf("%d rows, %v", len(c.rows), err)
	}
	for from, r := range c.rows {
		if _, known := c.find(strings.Split(r.To, ".")); r.Gone == "" && !known {
			t.Errorf("%s goes to %q, which is not there", from, r.To)
		}
	}
}

func TestValuesErrors(t *testing.T) {
	_, _, err := Values([]byte("a: 1"), []byte("a: [1"))
	if err == nil || !strings.HasPrefix(err.Error(), "read values, file 2: yaml: line 1: ") {
		t.Error(err)
	}
	if made, notes, err := Values(nil); string(made) != "{}\n" || notes.Summary() != "nothing to convert" || err != nil {
		t.Errorf("%s %v %v", made, notes, err)
	}
}

func TestOneApart(t *testing.T) {
	cases := map[[2]string]bool{
		{"replicas", "replica"}: true, {"replicas", "replcias"}: true, {"replicas", "replicat"}: true,
		{"replicas", "replicas"}: false, {"replicas", "repli"}: false, {"abcd", "acbd"}: true, {"abcd", "badc"}: false,
	}
	for words, want := range cases {
		if oneApart(words[0], words[1]) != want || oneApart(words[1], words[0]) != want {
			t.Errorf("%v: %v", words, !want)
		}
	}
}

func FuzzValues(f *testing.F) {
	for _, name := range []string{"helm-defaults", "production-operator", "mistakes"} {
		f.Add(read(f, "values/"+name+".yaml"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		made, _, err := Values(text)
		var v map[string]any
		if err == nil && yaml.Unmarshal(made, &v) != nil {
			t.Errorf("the result cannot be read: %s", made)
		}
	})
}
