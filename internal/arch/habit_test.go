package arch

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestHabits(t *testing.T) {
	sources := repository(t)
	t.Run("Names", func(t *testing.T) { report(t, checkPackageNames(sources)) })
	t.Run("Init", func(t *testing.T) { report(t, checkInit(sources)) })
	t.Run("Start", func(t *testing.T) { report(t, checkStart(sources, []string{"cmd/...", "pkg/..."})) })
	t.Run("Skips", func(t *testing.T) { report(t, checkSkips(sources)) })
}

// nameless are package names that say nothing: the noun is missing.
func nameless() []string {
	return []string{"base", "common", "helper", "helpers", "misc", "shared", "types", "util", "utils"}
}

func checkPackageNames(t *tree) []violation {
	var found []violation
	for _, dir := range t.dirs() {
		if slices.Contains(nameless(), path.Base(dir)) {
			found = append(found, broken(dir, "a package needs a noun that says what is in it"))
		}
	}
	for _, f := range t.files {
		name := strings.TrimSuffix(f.syntax.Name.Name, "_test")
		if slices.Contains(nameless(), name) && name != path.Base(f.dir) {
			found = append(found, broken(f.path, "a package needs a noun that says what is in it, not %q", name))
		}
	}
	return found
}

// checkInit refuses init functions: they run in every pod, for every mode, and
// out of sight.
func checkInit(t *tree) []violation {
	var found []violation
	for _, f := range t.files {
		for _, d := range functions(f) {
			if d.Recv == nil && d.Name.Name == "init" {
				found = append(found, broken(t.at(f, d), "an init function works before main does"))
			}
		}
	}
	return found
}

// cheap lists calls that package variables may make; conversions are free, too.
func cheap() []string {
	return []string{
		"errors.New", "new", "sync.OnceFunc", "sync.OnceValue", "sync.OnceValues",
		"time.Duration", "fs.FileMode", "os.FileMode",
		"string", "int", "int32", "int64", "uint", "uint32", "uint64", "float64", "byte", "rune", "len",
	}
}

// checkStart refuses work at package level: a map is built, a pattern compiled,
// a template parsed at the start of every process that links the package,
// whether it is used or not. Functions and sync.OnceValue do it when needed.
func checkStart(t *tree, patterns []string) []violation {
	var found []violation
	for _, f := range t.files {
		if f.test || !withinAny(f.dir, patterns) || f.dir == "pkg/startup" { // that is what it is for
			continue
		}
		for _, v := range variables(f) {
			for _, what := range work(v) {
				found = append(found, broken(t.at(f, v), "package variable %s works at start: %s", v.Names[0].Name, what))
			}
		}
	}
	return found
}

func variables(f *file) []*ast.ValueSpec {
	var found []*ast.ValueSpec
	for _, d := range f.syntax.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			if v, ok := s.(*ast.ValueSpec); ok {
				found = append(found, v)
			}
		}
	}
	return found
}

// work describes what the values of a variable do when the program starts. The
// bodies of function literals do nothing yet.
func work(v *ast.ValueSpec) []string {
	var found []string
	for _, value := range v.Values {
		ast.Inspect(value, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.CallExpr:
				if name := called(n); name != "" && !slices.Contains(cheap(), name) {
					found = append(found, "a call of "+name)
				}
			case *ast.CompositeLit:
				if _, isMap := n.Type.(*ast.MapType); isMap && len(n.Elts) > 0 {
					found = append(found, "a map is filled")
				}
			}
			return true
		})
	}
	return found
}

// called names the function of a call; "" for conversions like (*T)(nil) and
// []byte("x").
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
		return f.Sel.Name
	case *ast.FuncLit:
		return "a function literal"
	case *ast.IndexExpr: // a generic function, as atomic.Pointer's kin or sync.OnceValue[T]
		return called(&ast.CallExpr{Fun: f.X})
	}
	return ""
}

// checkSkips refuses skipped tests: what a test needs is there, or it fails.
func checkSkips(t *tree) []violation {
	var found []violation
	for _, f := range t.files {
		if !f.test && localName(f, "testing") == "" {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := c.Fun.(*ast.SelectorExpr)
			if ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
				found = append(found, broken(t.at(f, c), "a test is never skipped: what it needs is there, or it fails"))
			}
			return true
		})
	}
	return found
}

func TestPackageNamesFindsViolations(t *testing.T) {
	s := sources{
		"pkg/util/a.go":         pkg("util"),
		"pkg/auth/helpers/a.go": pkg("auth"),
		"pkg/lease/common.go":   pkg("common"),
		"pkg/lease/types.go":    pkg("lease"),
		"pkg/base/a_test.go":    pkg("base_test"),
	}
	diffViolations(t, []violation{
		"pkg/auth/helpers: a package needs a noun that says what is in it",
		"pkg/base: a package needs a noun that says what is in it",
		`pkg/lease/common.go: a package needs a noun that says what is in it, not "common"`,
		"pkg/util: a package needs a noun that says what is in it",
	}, checkPackageNames(s.tree(t)))
}

func TestInitFindsViolations(t *testing.T) {
	s := sources{
		"pkg/a/a.go":      "package a\ntype t int\nfunc (t) init() {}\nfunc init() {}\n",
		"pkg/a/a_test.go": "package a\nfunc initialize() {}\nfunc init() {}\n",
	}
	diffViolations(t, []violation{
		"pkg/a/a.go:4: an init function works before main does",
		"pkg/a/a_test.go:3: an init function works before main does",
	}, checkInit(s.tree(t)))
}

func TestStartFindsViolations(t *testing.T) {
	s := sources{
		"pkg/a/good.go": `package a
var (
	errA = errors.New("a")
	b    = []byte("b")
	_    i = (*t)(nil)
	c    = []string{"x", "y"}
	d    = func() int { return work() }
	e    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("x") })
	f    = 5 * time.Duration(3)
	g    map[string]int
	h    = map[string]int{}
	j    = sync.OnceValue[int](compute)
)
`,
		"pkg/a/bad.go": `package a
var k = regexp.MustCompile("x")
var l = map[string]int{"a": 1}
var m = []*T{newT(), {}}
var n = func() int { return 1 }()
var o, p = 1, big.NewInt(1).String()
`,
		"pkg/a/a_test.go":   "package a\nvar q = regexp.MustCompile(\"x\")\n",
		"internal/b/bbb.go": "package b\nvar r = flag.Bool(\"x\", false, \"\")\n",
	}
	diffViolations(t, []violation{
		"pkg/a/bad.go:2: package variable k works at start: a call of regexp.MustCompile",
		"pkg/a/bad.go:3: package variable l works at start: a map is filled",
		"pkg/a/bad.go:4: package variable m works at start: a call of newT",
		"pkg/a/bad.go:5: package variable n works at start: a call of a function literal",
		"pkg/a/bad.go:6: package variable o works at start: a call of String",
		"pkg/a/bad.go:6: package variable o works at start: a call of big.NewInt",
	}, checkStart(s.tree(t), []string{"cmd/...", "pkg/..."}))
}

func TestSkipsFindsViolations(t *testing.T) {
	s := sources{
		"pkg/a/a_test.go": "package a\nfunc TestA(t *testing.T) {\n\tt.Skip()\n\tt.Run(\"\", func(t *testing.T) { t.Skipf(\"\") })\n\t_ = fs.SkipDir\n}\n",
		"test/lab/use.go": "package lab\nimport \"testing\"\nfunc Use(tb testing.TB) { tb.SkipNow() }\n",
		"pkg/a/reader.go": "package a\nfunc f(r *reader) { r.Skip() }\n",
	}
	diffViolations(t, []violation{
		"pkg/a/a_test.go:3: a test is never skipped: what it needs is there, or it fails",
		"pkg/a/a_test.go:4: a test is never skipped: what it needs is there, or it fails",
		"test/lab/use.go:3: a test is never skipped: what it needs is there, or it fails",
	}, checkSkips(s.tree(t)))
}
