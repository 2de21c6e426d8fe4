package render

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"text/template"
	"text/template/parse"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// Options says how a template is read and what it may do.
type Options struct {
	Name              string // how errors call the template: its source or destination
	LeftDelim         string // "": {{
	RightDelim        string // "": }}
	ErrorOnMissingKey bool   // a missing key of a map is an error; otherwise it prints <no value>
	SandboxPath       string // folder that the function file is kept in; "": it reads any file
	Denylist          []string
	LookupEnv         func(string) (string, bool) // nil: os.LookupEnv
	Extra             map[string]any              // more functions, which win over those of the dialect; nil for none
}

// Template is a parsed template. It may be executed by several goroutines at once.
type Template struct {
	name       string
	missingKey string // option of text/template
	sandbox    string
	lookupEnv  func(string) (string, bool)
	trees      map[string]*parse.Tree // by name; the template itself has the name ""
	functions  []bound                // only those that the text names
}

// The options of text/template for a key that a map does not have.
const (
	missingZero  = "missingkey=zero"
	missingError = "missingkey=error"
)

// Source answers the data functions of a template. Secret returns nil, or a
// state without a response, while the secret is not held yet.
type Source interface {
	Secret(q secret.Query) *secret.State
}

// SourceFunc is a function that is a [Source].
type SourceFunc func(secret.Query) *secret.State

// Secret implements Source.
func (f SourceFunc) Secret(q secret.Query) *secret.State { return f(q) }

// Result is what one execution made and asked for.
type Result struct {
	Output  []byte         // nil while anything is missing, and where there is a Set
	Set     []File         // of a format that makes a directory; nil for any other, and while anything is missing
	Used    []secret.Query // every query asked, in order, without duplicates
	Missing []secret.Query // those of Used that are not held yet
	Files   []string       // local files that were read, in order, without duplicates; to be watched
	Writes  []Write        // files to write besides the output, in order; nil while anything is missing
}

// Write is one call of the template's function writeToFile. Nothing is written
// while the template executes: the caller does so after a complete pass.
type Write struct {
	Path    string
	User    string // name or number; "": that of the process
	Group   string // name or number; "": that of the process
	Perm    fs.FileMode
	Append  bool // add to the file instead of replacing it
	Newline bool // end with a newline that is not part of Content
	Content []byte
}

// Parse reads a template. What is wrong with its text is a *[ParseError]. A
// function that does not exist is an error here; one that is denied or not
// supported is an error when it is executed.
func Parse(text string, o Options) (*Template, error) {
	found := newLookup(text, o.Extra)
	trees, err := parse.Parse("", text, o.LeftDelim, o.RightDelim, found.tables()...)
	if err != nil {
		return nil, newParseError(o.Name, text, err)
	}
	functions, err := found.bind(identifiers(trees), o.Denylist)
	if err != nil {
		return nil, fmt.Errorf("template %q: %w", o.Name, err)
	}
	t := &Template{name: o.Name, missingKey: missingZero, sandbox: o.SandboxPath, lookupEnv: o.LookupEnv, trees: trees, functions: functions}
	if o.ErrorOnMissingKey {
		t.missingKey = missingError
	}
	if t.lookupEnv == nil {
		t.lookupEnv = os.LookupEnv
	}
	return t, nil
}

// Execute runs the template once. While anything is missing it returns a result
// without output, and no error: whatever failed may be right when it is there.
// Otherwise what fails is an *[ExecError], and the result still names the
// queries and files that were used. Values that the source returns are not changed.
func (t *Template) Execute(src Source) (*Result, error) {
	r, err := t.pass(src, t.missingKey)
	if len(r.result.Missing) > 0 {
		if err != nil && t.missingKey == missingError {
			// The absence of one secret ended this pass early. Another that
			// tolerates it finds what else is needed, so that all can be
			// fetched at once.
			r, _ = t.pass(src, missingZero)
		}
		r.result.Output, r.result.Writes = nil, nil
		return r.result, nil
	}
	if err != nil {
		r.result.Output, r.result.Writes = nil, nil
		return r.result, r.explain(err)
	}
	return r.result, nil
}

// pass executes the template from its beginning, with a state of its own.
func (t *Template) pass(src Source, missingKey string) (r *run, err error) {
	r = &run{t: t, src: src, result: &Result{}, objects: map[secret.Query]any{}}
	// text/template turns a panic of a function into an error, but lets those
	// of its own reflection through.
	defer func() {
		if p := recover(); p != nil {
			err = panicError(p)
		}
	}()
	r.root, err = t.assemble(r, missingKey)
	if err != nil {
		return r, err
	}
	var out bytes.Buffer
	err = r.root.Execute(&out, nil)
	r.result.Output = out.Bytes()
	if r.result.Output == nil {
		r.result.Output = []byte{}
	}
	return r, err
}

// assemble makes the executable form. It is made anew for each pass because it
// binds functions to the state of that pass; the trees, which are the larger
// part by far, are shared.
func (t *Template) assemble(r *run, missingKey string) (*template.Template, error) {
	funcs := make(template.FuncMap, len(t.functions))
	for _, f := range t.functions {
		funcs[f.name] = f.value(r)
	}
	root := template.New("").Option(missingKey).Funcs(funcs)
	for name, tree := range t.trees {
		if _, err := root.AddParseTree(name, tree); err != nil {
			return nil, err
		}
	}
	return root, nil
}
