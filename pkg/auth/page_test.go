package auth

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPage compares docs/auth-methods.md with the code: every option that is read
// stands in a table, and no table has one that is not read; every method has its
// section.
func TestPage(t *testing.T) {
	content, err := os.ReadFile("../../docs/auth-methods.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	if diff := cmp.Diff(optionsOfCode(t), optionsOfPage(page)); diff != "" {
		t.Errorf("options (-code +page):\n%s", diff)
	}
	for _, method := range served() {
		if !strings.Contains(page, "\n## "+method+"\n") || !strings.Contains(page, `method "`+method+`" {`) {
			t.Errorf("the page lacks a section with an example of %q", method)
		}
	}
	for _, method := range unserved() {
		if !strings.Contains(page, "`"+method+"`") {
			t.Errorf("the page does not say that %q is not supported", method)
		}
	}
}

// optionsOfCode finds the names that are handed to the readers of options.
func optionsOfCode(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	readers := []string{"text", "required", "truth", "period"}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			reader, isMethod := call.Fun.(*ast.SelectorExpr)
			name, isText := call.Args[0].(*ast.BasicLit)
			if isMethod && isText && name.Kind == token.STRING && slices.Contains(readers, reader.Sel.Name) {
				unquoted, err := strconv.Unquote(name.Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, unquoted)
			}
			return true
		})
	}
	// One is chosen by the method in WatchInterval, the other one has no effect.
	names = append(names, "credential_poll_interval", "project")
	slices.Sort(names)
	return slices.Compact(names)
}

// optionsOfPage finds the names in the first columns of tables with options.
func optionsOfPage(page string) []string {
	name := regexp.MustCompile("`([a-z_]+)`")
	var names []string
	inTable := false
	for line := range strings.Lines(page) {
		switch {
		case strings.HasPrefix(line, "| key |"):
			inTable = true
		case !strings.HasPrefix(line, "|"):
			inTable = false
		case inTable:
			for _, found := range name.FindAllStringSubmatch(strings.Split(line, "|")[1], -1) {
				names = append(names, found[1])
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
