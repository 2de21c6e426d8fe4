package arch

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

func TestDocumentation(t *testing.T) {
	sources := repository(t)
	t.Run("Packages", func(t *testing.T) { report(t, checkPackageDocs(sources)) })
	t.Run("Exported", func(t *testing.T) { report(t, checkExportedDocs(sources, "pkg/...")) })
}

// checkPackageDocs wants exactly one file of a package to describe it, with the
// first words that godoc expects.
func checkPackageDocs(t *tree) []violation {
	docs := map[string][]string{}
	var found []violation
	for _, f := range t.files {
		if f.test {
			continue
		}
		paths := docs[f.dir]
		if f.syntax.Doc != nil {
			paths = append(paths, f.path)
			if want := docBeginning(f); !strings.HasPrefix(f.syntax.Doc.Text(), want) {
				found = append(found, broken(f.path, "the package comment must begin with %q", want))
			}
		}
		docs[f.dir] = paths
	}
	for dir, paths := range docs {
		switch len(paths) {
		case 0:
			found = append(found, broken(dir, "the package has no doc comment"))
		case 1:
		default:
			slices.Sort(paths)
			found = append(found, broken(dir, "the package has doc comments in %s", strings.Join(paths, " and ")))
		}
	}
	slices.Sort(found)
	return found
}

func docBeginning(f *file) string {
	name := f.syntax.Name.Name
	if name == "main" {
		return "Command " + f.dir[strings.LastIndexByte(f.dir, '/')+1:] + " "
	}
	return "Package " + name + " "
}

// checkExportedDocs wants a comment at every exported name below dir. In a group
// of constants or variables the group's comment, or one at the line, is enough.
func checkExportedDocs(t *tree, dir string) []violation {
	var found []violation
	for _, f := range t.files {
		if f.test || f.generated || !within(f.dir, dir) {
			continue
		}
		for _, d := range f.syntax.Decls {
			for _, name := range undocumented(d) {
				found = append(found, broken(t.at(f, name), "exported %s has no doc comment", name.Name))
			}
		}
	}
	return found
}

func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		return undocumentedSpecs(d)
	}
	return nil
}

// exportedReceiver is false for methods that godoc does not show.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	receiver := d.Recv.List[0].Type
	for {
		switch x := receiver.(type) {
		case *ast.StarExpr:
			receiver = x.X
		case *ast.IndexExpr: // of one type parameter
			receiver = x.X
		case *ast.IndexListExpr:
			receiver = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

func undocumentedSpecs(d *ast.GenDecl) []*ast.Ident {
	var found []*ast.Ident
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			// The comment of a single type stands above the word "type".
			if s.Name.IsExported() && s.Doc == nil && s.Comment == nil && (d.Lparen.IsValid() || d.Doc == nil) {
				found = append(found, s.Name)
			}
		case *ast.ValueSpec:
			if s.Doc == nil && s.Comment == nil && d.Doc == nil {
				found = append(found, exported(s.Names)...)
			}
		}
	}
	return found
}

func exported(ids []*ast.Ident) []*ast.Ident {
	return slices.DeleteFunc(slices.Clone(ids), func(id *ast.Ident) bool { return !token.IsExported(id.Name) })
}

func TestPackageDocsFindsViolations(t *testing.T) {
	s := sources{
		"cmd/x/main.go":      "// Command x does it.\npackage main\n",
		"cmd/y/main.go":      "// The y command.\npackage main\n",
		"pkg/a/a.go":         "// Package a is described.\npackage a\n",
		"pkg/a/b.go":         "package a\n",
		"pkg/b/b.go":         "// A detached comment.\n\npackage b\n",
		"pkg/b/b_test.go":    "// Package b is described at the wrong place.\npackage b\n",
		"pkg/c/c.go":         "// Package c once.\npackage c\n",
		"pkg/c/d.go":         "// Package c twice.\npackage c\n",
		"pkg/only_test/t.go": "// Package wrong is called otherwise.\npackage right\n",
	}
	diffViolations(t, []violation{
		`cmd/y/main.go: the package comment must begin with "Command y "`,
		"pkg/b: the package has no doc comment",
		"pkg/c: the package has doc comments in pkg/c/c.go and pkg/c/d.go",
		`pkg/only_test/t.go: the package comment must begin with "Package right "`,
	}, checkPackageDocs(s.tree(t)))
}

func TestExportedDocsFindsViolations(t *testing.T) {
	s := sources{
		"pkg/a/good.go": `package a

// A is.
type A struct{}

// B does.
func (a *A) B() {}

func (a A) c() {}

type d[T any] struct{}

func (d *d[T]) Public() {}

type dd[T, U any] struct{}

func (d dd[T, U]) Public() {}

const e = 1

// F and G are.
const (
	F = 1
	G = 2
)

var (
	H = 1 // H is
	// I is.
	I = 2
)

type (
	// J is.
	J int
	K int // K is
)
`,
		"pkg/a/bad.go": `package a

type L struct{}

func (l *L) M() {}

type N[T any] struct{}

// O does.
func O() {}
func P() {}

const q, R = 1, 2

// Group.
type (
	S int
)

func (n N[T]) U() {}
`,
		"pkg/a/a_test.go":  "package a\nfunc V() {}\n",
		"internal/b/bb.go": "package b\nfunc W() {}\n",
	}
	diffViolations(t, []violation{
		"pkg/a/bad.go:11: exported P has no doc comment",
		"pkg/a/bad.go:13: exported R has no doc comment",
		"pkg/a/bad.go:17: exported S has no doc comment",
		"pkg/a/bad.go:20: exported U has no doc comment",
		"pkg/a/bad.go:3: exported L has no doc comment",
		"pkg/a/bad.go:5: exported M has no doc comment",
		"pkg/a/bad.go:7: exported N has no doc comment",
	}, checkExportedDocs(s.tree(t), "pkg/..."))
}
