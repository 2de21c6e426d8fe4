package arch

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestImports checks the real sources against every rule of rules_test.go.
func TestImports(t *testing.T) {
	sources := repository(t)
	checks := map[string]func(*tree) []violation{
		"Rooms":        func(s *tree) []violation { return checkRooms(s, rooms()) },
		"Names":        func(s *tree) []violation { return checkNames(s, narrowed()) },
		"Libraries":    func(s *tree) []violation { return checkLibraries(s, libraries()) },
		"Distances":    func(s *tree) []violation { return checkDistances(s, distances()) },
		"StandardOnly": func(s *tree) []violation { return checkStandardOnly(s, standardOnly()) },
	}
	for name, check := range checks {
		t.Run(name, func(t *testing.T) { report(t, check(sources)) })
	}
}

func report(t *testing.T, found []violation) {
	t.Helper()
	for _, v := range found {
		t.Error(v)
	}
}

// short is an import path as it is printed: ours without the module.
func short(importPath string) string {
	if dir, ok := ours(importPath); ok {
		return dir
	}
	return importPath
}

// graph maps each folder to what its files import, tests aside.
type graph map[string][]string

func (t *tree) graph() graph {
	g := graph{}
	for _, f := range t.files {
		if f.test {
			continue
		}
		for _, s := range f.imports {
			if p := short(imported(s)); !slices.Contains(g[f.dir], p) {
				g[f.dir] = append(g[f.dir], p)
			}
		}
	}
	for _, to := range g {
		slices.Sort(to)
	}
	return g
}

// chain returns the shortest way from a folder to the first import that stop
// accepts; nil if there is none.
func (g graph) chain(from string, stop func(string) bool) []string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g[queue[0]] {
			if _, seen := before[next]; seen {
				continue
			}
			before[next] = queue[0]
			if stop(next) {
				return walkBack(before, next)
			}
			queue = append(queue, next)
		}
	}
	return nil
}

func walkBack(before map[string]string, end string) []string {
	way := []string{end}
	for at := before[end]; at != ""; at = before[at] {
		way = append(way, at)
	}
	slices.Reverse(way)
	return way
}

// story prints an import together with how a command gets there.
func (g graph) story(dir, imported string) string {
	for _, command := range g.commands() {
		if way := g.chain(command, func(p string) bool { return p == dir }); way != nil {
			return strings.Join(append(way, imported), " -> ")
		}
	}
	return dir + " -> " + imported
}

func (g graph) commands() []string {
	var found []string
	for dir := range g {
		if strings.HasPrefix(dir, "cmd/") {
			found = append(found, dir)
		}
	}
	slices.Sort(found)
	return found
}

// roomOf returns the row of a folder; the longest pattern that covers it counts.
func roomOf(dir string, all []room) *room {
	var best *room
	for i := range all {
		if within(dir, all[i].dir) && (best == nil || len(all[i].dir) > len(best.dir)) {
			best = &all[i]
		}
	}
	return best
}

func checkRooms(t *tree, all []room) []violation {
	var found []violation
	g, homeless := t.graph(), map[string]bool{}
	for _, f := range t.files {
		r := roomOf(f.dir, all)
		if r == nil && !homeless[f.dir] {
			homeless[f.dir] = true
			found = append(found, broken(f.dir, "the package has no row in rooms of internal/arch/rules_test.go"))
		}
		if r == nil || f.test {
			continue
		}
		for _, s := range f.imports {
			dir, own := ours(imported(s))
			if own && !r.mayUse(dir) {
				found = append(found, broken(t.at(f, s), "%s may not import %s: %s", f.dir, dir, g.story(f.dir, dir)))
			}
		}
	}
	return found
}

func (r *room) mayUse(dir string) bool {
	return within(dir, r.dir) || withinAny(dir, r.use)
}

func checkNames(t *tree, rules []names) []violation {
	var found []violation
	for _, f := range t.files {
		for _, r := range rules {
			if !f.test && withinAny(f.dir, r.dirs) {
				found = append(found, r.check(t, f)...)
			}
		}
	}
	return found
}

func (r names) check(t *tree, f *file) []violation {
	local := localName(f, r.use)
	if local == "" {
		return nil
	}
	var found []violation
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if ok && x.Name == local && ast.IsExported(sel.Sel.Name) && !slices.Contains(r.allowed, sel.Sel.Name) {
			found = append(found, broken(t.at(f, sel), "%s may use only %s of %s, not %s",
				f.dir, strings.Join(r.allowed, ", "), short(r.use), sel.Sel.Name))
		}
		return true
	})
	return found
}

// localName is what a file calls an imported package; "" if it does not import it.
func localName(f *file, importPath string) string {
	for _, s := range f.imports {
		switch {
		case imported(s) != importPath:
		case s.Name != nil:
			return s.Name.Name
		default:
			return path.Base(importPath)
		}
	}
	return ""
}

// below reports whether an import path is a prefix's own or under it.
func below(importPath, prefix string) bool {
	return importPath == prefix || strings.HasPrefix(importPath, prefix+"/")
}

// libraryOf returns the row with the longest prefix; nil for a free import.
func libraryOf(importPath string, all []library) *library {
	var best *library
	for i := range all {
		if below(importPath, all[i].prefix) && (best == nil || len(all[i].prefix) > len(best.prefix)) {
			best = &all[i]
		}
	}
	return best
}

func checkLibraries(t *tree, all []library) []violation {
	var found []violation
	g := t.graph()
	for _, f := range t.files {
		for _, s := range f.imports {
			p := imported(s)
			l := libraryOf(p, all)
			if l == nil || withinAny(f.dir, l.by) || withinAny(f.path, l.by) {
				continue
			}
			found = append(found, broken(t.at(f, s), "may not import %s, %s: %s", short(p), l.why, g.story(f.dir, short(p))))
		}
	}
	return found
}

func checkDistances(t *tree, all []distance) []violation {
	var found []violation
	g := t.graph()
	dirs := t.dirs()
	for _, d := range all {
		for _, dir := range dirs {
			if !within(dir, d.from) {
				continue
			}
			way := g.chain(dir, func(p string) bool { return below(p, short(d.to)) })
			if way != nil {
				found = append(found, broken(dir, "may not reach %s, %s: %s", short(d.to), d.why, strings.Join(way, " -> ")))
			}
		}
	}
	return found
}

// dirs lists the folders with Go files, in order.
func (t *tree) dirs() []string {
	var dirs []string
	for _, f := range t.files {
		if !slices.Contains(dirs, f.dir) {
			dirs = append(dirs, f.dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

func checkStandardOnly(t *tree, patterns []string) []violation {
	var found []violation
	for _, f := range t.files {
		if f.test || !withinAny(f.dir, patterns) {
			continue
		}
		for _, s := range f.imports {
			// Only paths of the standard library have no dot in their first word.
			first, _, _ := strings.Cut(imported(s), "/")
			if strings.Contains(first, ".") {
				found = append(found, broken(t.at(f, s), "%s uses the standard library only, not %s", f.dir, short(imported(s))))
			}
		}
	}
	return found
}
