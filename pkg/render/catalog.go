package render

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"text/template"
)

// FunctionDoc describes one function for the reference of the language.
type FunctionDoc struct {
	Name      string
	Signature string // name and arguments: "indent N TEXT"
	Summary   string
	Group     string
}

// function is one entry of the catalog: either plain, the same for every
// template, or bind, which makes the function of one pass.
type function struct {
	name      string
	arguments string
	summary   string
	group     string
	plain     any
	bind      func(*run) any
}

func (f *function) doc() FunctionDoc {
	return FunctionDoc{Name: f.name, Signature: strings.TrimSpace(f.name + " " + f.arguments), Summary: f.summary, Group: f.group}
}

// Functions describes every function of the language except those that
// text/template has built in, sorted by group and name.
func Functions() []FunctionDoc {
	var docs []FunctionDoc
	for _, table := range []map[string]any{dialect(), sprigFunctions()} {
		for _, f := range table {
			if own, ok := f.(*function); ok {
				docs = append(docs, own.doc())
			}
		}
	}
	slices.SortFunc(docs, func(a, b FunctionDoc) int {
		return strings.Compare(a.Group+" "+a.Name, b.Group+" "+b.Name)
	})
	return docs
}

// dialect is the catalog without sprig, by name. It is made at its first use,
// once for all templates of the process. The values are *function; the type is
// the one that the parser takes.
var dialect = sync.OnceValue(func() map[string]any {
	table := map[string]any{}
	for _, group := range []struct {
		name      string
		functions []function
	}{
		{"data", dataFunctions()},
		{"environment", environmentFunctions()},
		{"text", textFunctions()},
		{"lists and maps", listFunctions()},
		{"numbers", numberFunctions()},
		{"encoding", encodingFunctions()},
		{"hashes", hashFunctions()},
		{"debugging", debugFunctions()},
		{"not supported", refusedFunctions()},
	} {
		for _, f := range group.functions {
			f.group = group.name
			table[f.name] = &f
		}
	}
	return table
})

// builtins are the functions that text/template brings. Only the names matter.
var builtins = sync.OnceValue(func() map[string]any {
	table := map[string]any{}
	for name := range strings.FieldsSeq("and call eq ge gt html index js le len lt ne not or print printf println slice urlquery") {
		table[name] = true
	}
	return table
})

// lookup finds the functions of one template.
type lookup struct {
	extra map[string]any
	sprig map[string]any // nil where the text cannot name any
}

// newLookup leaves sprig aside where its prefix does not occur, so that the
// process of a plain template does not pay for 194 functions.
func newLookup(text string, extra map[string]any) lookup {
	l := lookup{extra: extra}
	if strings.Contains(text, sprigPrefix) {
		l.sprig = sprigFunctions()
	}
	return l
}

// tables returns everything that a template may name, for the parser.
func (l lookup) tables() []map[string]any {
	return []map[string]any{l.extra, dialect(), l.sprig, builtins()}
}

// bound is a function under the name that a template uses.
type bound struct {
	name  string
	plain any
	make  func(*run) any // used where plain is nil
	extra bool           // one of Options.Extra
}

// value returns the function for one pass.
func (b bound) value(r *run) any {
	if b.make != nil {
		return b.make(r)
	}
	return b.plain
}

// bind resolves names. Built-in functions are left to text/template, and cannot be denied.
func (l lookup) bind(names map[string]bool, denylist []string) ([]bound, error) {
	var all []bound
	for _, name := range slices.Sorted(maps.Keys(names)) {
		b, ok, err := l.find(name)
		if err != nil {
			return nil, err
		}
		denied, err := isDenied(name, denylist)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if denied {
			b = bound{name: name, plain: refuse(fail("function is disabled"))}
		}
		all = append(all, b)
	}
	return all, nil
}

// find returns the function of a name that the parser has found known; false
// where it is one of text/template's own.
func (l lookup) find(name string) (bound, bool, error) {
	if f, ok := l.extra[name]; ok {
		return bound{name: name, plain: f, extra: true}, true, checkFunction(name, f)
	}
	for _, table := range []map[string]any{dialect(), l.sprig} {
		if f, ok := table[name].(*function); ok {
			return bound{name: name, plain: f.plain, make: f.bind}, true, nil
		}
	}
	return bound{}, false, nil
}

// checkFunction tells early what text/template would panic about.
func checkFunction(name string, f any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("function %q of type %s cannot be called by a template", name, reflect.TypeOf(f))
		}
	}()
	template.New("").Funcs(template.FuncMap{name: f})
	return nil
}

// isDenied matches a name with exact names and globs.
func isDenied(name string, denylist []string) (bool, error) {
	for _, pattern := range denylist {
		match, err := path.Match(pattern, name)
		if err != nil {
			return false, fmt.Errorf("denied functions: malformed pattern %q", pattern)
		}
		if match {
			return true, nil
		}
	}
	return false, nil
}

// refuse makes a function that takes anything and fails.
func refuse(err error) func(...any) (any, error) {
	return func(...any) (any, error) { return nil, err }
}
