package pages

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = "# A page\n\n    tool one --text 'two words' \\\n      > file   \n    not a line of tool's\n\n```sh\nkubectl get x | bin/tool two -f - \"$VARIABLE\"\nothertool x\n```\n\n" +
	"```yaml\na: b\n```\n\n    tool three 'of a fence\n\n```yaml\nc: d\n```\n"

func TestFenced(t *testing.T) {
	p := Page{Name: "a.md", Text: page}
	if diff := cmp.Diff([]string{"a: b\n", "c: d\n"}, p.Fenced("yaml")); diff != "" {
		t.Error(diff)
	}
}

func TestCalls(t *testing.T) {
	p := Page{Name: "a.md", Text: page}
	if _, err := p.Calls("tool"); err == nil || err.Error() != "read the commands of a.md: a.md:1:12: reached EOF without closing quote `'`" {
		t.Errorf("got %v", err)
	}
	p.Text = p.Text[:len(p.Text)-len("    tool three 'of a fence\n\n```yaml\nc: d\n```\n")]
	got, err := p.Calls("tool")
	want := [][]string{{"two", "-f", "-", ""}, {"one", "--text", "two words"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestRead(t *testing.T) {
	all, err := Read("../..")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, p := range all {
		found[p.Name] = p.Text != ""
	}
	for _, name := range []string{"README.md", "docs/install.md", "docs/migration/csi.md"} {
		if !found[name] {
			t.Errorf("%s is not among the pages", name)
		}
	}
	if _, err := Read("testdata/nowhere"); err == nil {
		t.Error("no error for a folder that is not there")
	}
}
