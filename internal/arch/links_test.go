package arch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// page is a document for people, by its path from the top.
type page struct{ path, text string }

// top is the folder of the project, seen from this one.
const top = "../.."

// link finds the target of a link of Markdown, without its title.
const link = `\]\(([^)\s]+)\)`

// TestLinks follows every link of the documents within the project.
func TestLinks(t *testing.T) {
	pages := map[string]page{}
	for _, p := range documents(t) {
		pages[p.path] = p
	}
	if len(pages) < 20 {
		t.Fatalf("only %d documents were found", len(pages))
	}
	for _, p := range pages {
		for _, broken := range brokenLinks(p, pages) {
			t.Error(broken)
		}
	}
}

// TestBrokenLinks sees what TestLinks is to find.
func TestBrokenLinks(t *testing.T) {
	p := page{"docs/a.md", "[x](b.md) [y](../README.md#two-words) [z](#none) [w](https://example.com/x.md) ![i](c.png)"}
	pages := map[string]page{"docs/a.md": p, "README.md": {"README.md", "## Two *words*!\n"}}
	got := strings.Join(brokenLinks(p, pages), "\n")
	want := "docs/a.md: b.md leads nowhere\ndocs/a.md: #none leads to no heading\ndocs/a.md: c.png leads nowhere"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func documents(t *testing.T) []page {
	t.Helper()
	var found []page
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "bin" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != top) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(top, path)
		found = append(found, page{name, string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func brokenLinks(p page, pages map[string]page) []string {
	var broken []string
	for _, found := range regexp.MustCompile(link).FindAllStringSubmatch(p.text, -1) {
		target := found[1]
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		file, anchor, _ := strings.Cut(target, "#")
		to := p.path
		if file != "" {
			to = filepath.Join(filepath.Dir(p.path), file)
		}
		other, known := pages[to]
		_, err := os.Stat(filepath.Join(top, to))
		switch {
		case !known && err != nil:
			broken = append(broken, fmt.Sprintf("%s: %s leads nowhere", p.path, target))
		case anchor != "" && !anchors(other.text)[anchor]:
			broken = append(broken, fmt.Sprintf("%s: %s leads to no heading", p.path, target))
		}
	}
	return broken
}

// anchors are the headings as links name them: lower case, without punctuation, with
// a dash for each blank.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			title = strings.ToLower(strings.TrimSpace(title))
			title = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(title, "")
			all[strings.ReplaceAll(title, " ", "-")] = true
		}
	}
	return all
}
