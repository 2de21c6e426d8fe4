package render

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// SetTemplate is one template of a [Set].
type SetTemplate struct {
	Name string // by which others call it, and errors too
	Text string
}

// Set is a group of templates that may call each other and work on data that
// the caller has, instead of asking for secrets. It may be executed by several
// goroutines at once.
//
// The functions are those of the language, except for those that read or write
// anything outside (secret, file, env, ...), and sprig's functions have their
// own names besides the prefixed ones. Where both have a function of one name,
// such as trim, it is sprig's: these templates come from users of sprig.
type Set struct {
	trees     map[string]*parse.Tree
	owner     map[string]string // of each tree: the template in whose text it is
	functions []bound           // only those that the texts name
}

// ParseSet reads a group of templates. The problems of all of them are joined:
// each is a *[ParseError]. Two templates of one name are an error; a template
// that defines another of a name that is taken, too.
func ParseSet(templates []SetTemplate) (*Set, error) {
	s := &Set{trees: map[string]*parse.Tree{}, owner: map[string]string{}}
	tables := []map[string]any{setFunctions(), builtins()}
	var problems []error
	for _, t := range templates {
		if err := s.add(t, tables); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	s.bind()
	return s, nil
}

func (s *Set) add(t SetTemplate, tables []map[string]any) error {
	// The parser's messages begin with the name of a template, and are taken apart
	// more safely where it is empty.
	trees, err := parse.Parse("", t.Text, "", "", tables...)
	if err != nil {
		return newParseError(t.Name, t.Text, err)
	}
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		tree := trees[name]
		if name == "" {
			name = t.Name
		}
		if owner, taken := s.owner[name]; taken {
			return &ParseError{Template: t.Name, Reason: fmt.Sprintf("the name %q is taken: template %q defines it", name, owner)}
		}
		s.trees[name], s.owner[name] = tree, t.Name
	}
	return nil
}

// bind keeps the functions that the templates name.
func (s *Set) bind() {
	table := setFunctions()
	for _, name := range slices.Sorted(maps.Keys(identifiers(s.trees))) {
		if f, ok := table[name].(*function); ok {
			// What fail says is written by the author of the template.
			s.functions = append(s.functions, bound{name: name, plain: f.plain, make: f.bind, extra: strings.TrimPrefix(name, sprigPrefix) == "fail"})
		}
	}
}

// Has tells whether there is a template of a name.
func (s *Set) Has(name string) bool { return s.trees[name] != nil }

// Execute runs one template of the set on data. Secrets is the part of the data
// that no error may show. What fails is an *[ExecError]. The data is not copied,
// and some functions change maps in place.
func (s *Set) Execute(name string, data any, secrets map[string]any) (output []byte, err error) {
	r := &run{
		t:         &Template{name: name, functions: s.functions},
		result:    &Result{},
		responses: []*secret.Response{{Data: sensitive.NewData(secrets)}},
	}
	// text/template lets the panics of its own reflection through.
	defer func() {
		if p := recover(); p != nil {
			output, err = nil, r.explain(panicError(p))
		}
	}()
	if r.root, err = s.assemble(r); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := r.root.ExecuteTemplate(&out, name, data); err != nil {
		return nil, s.explain(r, err)
	}
	return out.Bytes(), nil
}

// explain names the template in whose text the place is.
func (s *Set) explain(r *run, err error) *ExecError {
	e := r.explain(err)
	var outer template.ExecError
	if errors.As(err, &outer) {
		outer, _ = innermost(outer)
		if owner, ok := s.owner[outer.Name]; ok {
			e.Template = owner
		}
	}
	return e
}

func (s *Set) assemble(r *run) (*template.Template, error) {
	funcs := make(template.FuncMap, len(s.functions))
	for _, f := range s.functions {
		funcs[f.name] = f.value(r)
	}
	root := template.New("").Option(missingZero).Funcs(funcs)
	for name, tree := range s.trees {
		if _, err := root.AddParseTree(name, tree); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// SetFunctions describes the functions that the templates of a [Set] may call,
// apart from those of text/template, by name.
func SetFunctions() []FunctionDoc {
	var docs []FunctionDoc
	table := setFunctions()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if f, ok := table[name].(*function); ok {
			doc := f.doc()
			doc.Signature = strings.Replace(doc.Signature, doc.Name, name, 1)
			doc.Name = name
			docs = append(docs, doc)
		}
	}
	return docs
}

// setFunctions is the catalog of sets. It is made at the first of them.
var setFunctions = sync.OnceValue(func() map[string]any {
	table := map[string]any{}
	for name, entry := range dialect() {
		if f, ok := entry.(*function); ok && !outside(f) {
			table[name] = f
		}
	}
	for name, f := range sprigFunctions() {
		table[name] = f
		table[strings.TrimPrefix(name, sprigPrefix)] = f
	}
	return table
})

// outside tells whether a function reaches what is not in the template's data.
func outside(f *function) bool {
	switch f.group {
	case "data":
		return f.name != "scratch" && f.name != "executeTemplate"
	case "environment", "not supported":
		return true
	default:
		return false
	}
}
