package arch

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
)

// module is the import path of the repository's root.
const module = "github.com/vaultk8s/vaultk8s"

// tree is the Go source of one module, for every platform.
type tree struct {
	fset  *token.FileSet
	files []*file
}

// file is one source file of package directory dir.
type file struct {
	path      string // from the root, with slashes
	dir       string // "." for the root
	test      bool
	generated bool
	lines     int
	syntax    *ast.File
	imports   []*ast.ImportSpec
}

// violation is one broken rule, as "PLACE: WHAT".
type violation string

func broken(place, format string, args ...any) violation {
	return violation(place + ": " + fmt.Sprintf(format, args...))
}

// at names the line of a node.
func (t *tree) at(f *file, n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, t.fset.Position(n.Pos()).Line)
}

// load parses every Go file below the root that belongs to its module.
func load(root fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(root, name)
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		return t.parse(root, name)
	})
	return t, err
}

// enter leaves out what the go command leaves out: hidden folders, test data and
// modules inside the module.
func enter(root fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	base := path.Base(dir)
	if base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	_, err := fs.Stat(root, path.Join(dir, "go.mod"))
	if err == nil {
		return fs.SkipDir
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (t *tree) parse(root fs.FS, name string) error {
	src, err := fs.ReadFile(root, name)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(t.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	t.files = append(t.files, &file{
		path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
		generated: ast.IsGenerated(syntax), lines: strings.Count(string(src), "\n"),
		syntax: syntax, imports: syntax.Imports,
	})
	return nil
}

// imported returns the path that a spec imports.
func imported(s *ast.ImportSpec) string {
	p, err := strconv.Unquote(s.Path.Value)
	if err != nil {
		return s.Path.Value // the parser has accepted it, so it is quoted
	}
	return p
}

// ours returns the folder of a package of this module.
func ours(importPath string) (dir string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// within reports whether a folder or file is covered by a pattern: the folder
// itself or, with "/..." at the end, everything below it too. "..." covers all,
// and [tests] every test file.
func within(name, pattern string) bool {
	switch pattern {
	case "...":
		return true
	case tests:
		return strings.HasSuffix(name, "_test.go")
	}
	top, deep := strings.CutSuffix(pattern, "/...")
	return name == top || deep && strings.HasPrefix(name, top+"/")
}

func withinAny(name string, patterns []string) bool {
	for _, p := range patterns {
		if within(name, p) {
			return true
		}
	}
	return false
}

// repository parses the real sources.
func repository(t *testing.T) *tree {
	t.Helper()
	sources, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(sources.files) < 20 {
		t.Fatalf("found only %d files: the tests look at the wrong folder", len(sources.files))
	}
	return sources
}

func TestWithin(t *testing.T) {
	cases := map[string]struct {
		name, pattern string
		want          bool
	}{
		"Itself":        {"pkg/lease", "pkg/lease", true},
		"Below":         {"pkg/lease/heap", "pkg/lease", false},
		"ItselfOfDeep":  {"pkg/lease", "pkg/lease/...", true},
		"BelowDeep":     {"pkg/lease/heap", "pkg/lease/...", true},
		"SameBeginning": {"pkg/leasehold", "pkg/lease/...", false},
		"Above":         {"pkg", "pkg/lease/...", false},
		"All":           {"anything", "...", true},
		"TestFile":      {"pkg/lease/lease_test.go", tests, true},
		"OtherFile":     {"pkg/lease/lease.go", tests, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := within(tc.name, tc.pattern); got != tc.want {
				t.Errorf("within(%q, %q) = %v", tc.name, tc.pattern, got)
			}
		})
	}
}
