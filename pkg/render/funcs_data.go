package render

import (
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// dataFunctions read what is outside of the template.
func dataFunctions() []function {
	return []function{
		{name: "secret", arguments: "PATH [KEY=VALUE...]", summary: "reads a secret; with anything after the path, even an empty text, it writes those pairs there and returns the answer", bind: func(r *run) any { return r.secret }},
		{name: "secrets", arguments: "PATH", summary: "lists the names below a path, sorted", bind: func(r *run) any { return r.secrets }},
		{name: "pkiCert", arguments: "PATH [KEY=VALUE...]", summary: "issues a certificate and keeps it until its rotation point; has .Cert, .Key, .CA and .CAChain", bind: func(r *run) any { return r.pkiCert }},
		{name: "file", arguments: "PATH", summary: "returns the contents of a local file, and renders again when it changes", bind: func(r *run) any { return r.file }},
		{name: "writeToFile", arguments: "PATH USER GROUP PERMS [FLAGS] CONTENT", summary: "writes another file besides the destination; FLAGS may contain append and newline", bind: func(r *run) any { return r.writeToFile }},
		{name: "scratch", summary: "returns the notebook of this template, with .Key, .Get, .Set, .SetX, .MapSet, .MapSetX and .MapValues", bind: func(r *run) any { return r.scratch }},
		{name: "executeTemplate", arguments: "NAME [VALUE]", summary: "returns the output of a defined template as a text", bind: func(r *run) any { return r.executeTemplate }},
	}
}

// secret returns the object of a secret, nil while it is not held.
func (r *run) secret(args ...string) (any, error) {
	if len(args) == 0 {
		return nil, nil
	}
	op, params := secret.Read, map[string]any(nil)
	if len(args) > 1 {
		var err error
		if params, err = pairs(args[1:]); err != nil {
			return nil, err
		}
		op = secret.Write
	}
	q, err := newQuery(op, args[0], params)
	if err != nil {
		return nil, err
	}
	return r.ask(q, newObject)
}

// secrets returns the sorted names below a path; none for an empty path, which
// a template has that goes down a tree whose root is not known yet.
func (r *run) secrets(path string) (any, error) {
	if path == "" {
		return []string{}, nil
	}
	q, err := newQuery(secret.List, path, nil)
	if err != nil {
		return nil, err
	}
	return r.ask(q, keysOf)
}

func newQuery(op secret.Op, path string, params map[string]any) (secret.Query, error) {
	q := secret.NewQuery(op, path, params)
	if q.Path == "" {
		return q, fail("the path is empty")
	}
	return q, nil
}

// pairs reads the body of a write. Empty arguments are skipped: they only tell
// that it is a write.
func pairs(args []string) (map[string]any, error) {
	params := map[string]any{}
	for i, arg := range args {
		if arg == "" {
			continue
		}
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			// The argument is not quoted: it may be a value that lost its key.
			return nil, fail("argument %d after the path is not of the form KEY=VALUE", i+1)
		}
		params[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return params, nil
}
