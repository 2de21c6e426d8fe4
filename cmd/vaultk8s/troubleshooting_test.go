package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// foreignTexts are those of others, in the tables of the page.
func foreignTexts() []string { return []string{"failed calling webhook"} }

// TestTroubleshooting wants each text that the page quotes in the code, so that
// whoever looks for the words of an error finds them.
func TestTroubleshooting(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(page), -1)
	if len(quoted) < 60 {
		t.Fatalf("only %d texts", len(quoted))
	}
	code := literals(t, "../../pkg")
	for _, q := range quoted {
		if strings.Contains(strings.Join(foreignTexts(), "\n"), q[1]) {
			continue
		}
		if !inCode(code, q[1]) {
			t.Errorf("nobody says %q", q[1])
		}
	}
	for _, anchor := range regexp.MustCompile(`check\.md#([a-z-]+)`).FindAllStringSubmatch(string(page), -1) {
		about, err := os.ReadFile("../../docs/check.md")
		if err != nil || !strings.Contains(string(about), "\n### "+anchor[1]+"\n") {
			t.Errorf("docs/check.md has no section %q: %v", anchor[1], err)
		}
	}
}

// inCode looks for a text whose parts between the marks stand in one literal, or
// each in one of its own where an error wraps another.
func inCode(code []string, text string) bool {
	for part := range strings.SplitSeq(text, "…") {
		part = strings.Trim(part, " :;,.\"")
		if len(part) < 4 {
			continue
		}
		found := false
		for _, literal := range code {
			found = found || strings.Contains(literal, part)
		}
		if !found {
			return false
		}
	}
	return true
}

// literals are all texts in the code below a folder, without tests.
func literals(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if l, is := n.(*ast.BasicLit); is && l.Kind == token.STRING {
				if text, err := strconv.Unquote(l.Value); err == nil {
					all = append(all, text)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestInCode(t *testing.T) {
	code := []string{"couldn't read %q: %w", "no key %q in it"}
	for text, want := range map[string]bool{"couldn't read …: …": true, "no key … in it": true, "couldn't write …": false, "… in that": false} {
		if inCode(code, text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
