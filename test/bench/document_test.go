package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const documentText = `# Title

<!-- bench steady: begin -->
old
<!-- bench steady: end -->

<!-- bench flat: begin -->
kept
<!-- bench flat: end -->
`

func TestReplaceSection(t *testing.T) {
	got, err := replaceSection(documentText, "steady", "\n| new |\n")
	want := strings.Replace(documentText, "old\n", "\n| new |\n\n", 1)
	if err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	again, err := replaceSection(got, "steady", "| new |")
	if err != nil || again != got {
		t.Errorf("the same content changed the text to %q, %v", again, err)
	}
}

func TestReplaceSectionErrors(t *testing.T) {
	cases := map[string]struct{ text, name, want string }{
		"NoBegin":  {documentText, "scale", `marker "<!-- bench scale: begin -->" is missing`},
		"NoEnd":    {"<!-- bench x: begin -->\n", "x", `marker "<!-- bench x: end -->" is missing after its begin`},
		"EndFirst": {"<!-- bench x: end -->\n<!-- bench x: begin -->\n", "x", `marker "<!-- bench x: end -->" is missing after its begin`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := replaceSection(tc.text, tc.name, "new"); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestWriteSection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.md")
	if err := writeSection(path, "steady", "x"); err == nil || err.Error() != "write results: open "+path+": no such file or directory" {
		t.Errorf("without the document: %v", err)
	}
	if err := os.WriteFile(path, []byte(documentText), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeSection(path, "scale", "x"); err == nil || !strings.HasPrefix(err.Error(), `write results to "`+path+`": marker`) {
		t.Errorf("without the marker: %v", err)
	}
	if err := writeSection(path, "steady", "fresh"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(content), "begin -->\n\nfresh\n\n<!--") || !strings.Contains(string(content), "\nkept\n") {
		t.Errorf("the document holds %q, %v", content, err)
	}
}

// Every measurement has its place in the real document, and no other has one.
func TestDocumentHasAllSections(t *testing.T) {
	content, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range measurementNames() {
		if _, err := replaceSection(string(content), name, "x"); err != nil {
			t.Error(err)
		}
	}
	if got, want := strings.Count(string(content), ": begin -->"), len(measurements()); got != want {
		t.Errorf("the document has %d sections, want %d", got, want)
	}
}
