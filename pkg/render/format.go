package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// FormatOptions says which secret is shaped, and how.
type FormatOptions struct {
	Name     string       // how errors call it: its destination
	Query    secret.Query // see [FormatQuery]
	Format   string       // name of one of [Formats]; "": json
	Keys     []string     // keys of the secret that are taken, in this order; none: all, sorted
	Keystore Keystore     // for pkcs12 and jks
}

// Keystore says how a keystore is made. The password comes from a file or from
// a key of the secret itself.
type Keystore struct {
	PasswordFile string // a line break at its end does not count
	PasswordKey  string
	Alias        string // of the entry, for jks; "": certificate
}

// Format makes an output of one secret without a template. It is to be used like
// a [Template], and may be executed by several goroutines at once.
type Format struct {
	o    FormatOptions
	make maker
}

// FormatDoc describes a format for the documentation.
type FormatDoc struct {
	Name      string
	Summary   string // one sentence, without a period
	Directory bool   // it makes several files: Result.Set in place of Result.Output
}

// File is one file of a set.
type File struct {
	Name    string // without a path
	Content []byte
}

// Formats returns all formats, in the order of the documentation.
func Formats() []FormatDoc {
	var all []FormatDoc
	for _, f := range formats() {
		all = append(all, f.FormatDoc)
	}
	return all
}

// maker makes an output of what was selected.
type maker func(s *selection, r *Result) error

type format struct {
	FormatDoc
	make        maker
	certificate bool // it is about a certificate
	keystore    bool // it takes a password
}

func formats() []format {
	return []format{
		{FormatDoc: FormatDoc{Name: "json", Summary: "one JSON object on one line"}, make: whole(toJSONLine)},
		{FormatDoc: FormatDoc{Name: "yaml", Summary: "one YAML document"}, make: whole(toYAMLDocument)},
		{FormatDoc: FormatDoc{Name: "env", Summary: "lines of NAME='value' for a shell or a dotenv parser"}, make: whole(toEnv)},
		{FormatDoc: FormatDoc{Name: "properties", Summary: "lines of key=value for Java"}, make: whole(toProperties)},
		{FormatDoc: FormatDoc{Name: "raw", Summary: "the value of one key as it is"}, make: whole(toRaw)},
		{FormatDoc: FormatDoc{Name: "files", Summary: "a directory with one file for each key", Directory: true}, make: toFiles},
		{FormatDoc: FormatDoc{Name: "pem", Summary: "certificate, chain and private key in one PEM file"}, make: whole(toPEM), certificate: true},
		{FormatDoc: FormatDoc{Name: "tls", Summary: "a directory with tls.crt, tls.key and ca.crt", Directory: true}, make: toTLS, certificate: true},
		{FormatDoc: FormatDoc{Name: "pkcs12", Summary: "a PKCS#12 keystore with certificate, chain and private key"}, make: toPKCS12, certificate: true, keystore: true},
		{FormatDoc: FormatDoc{Name: "jks", Summary: "a Java keystore with certificate, chain and private key"}, make: toJKS, certificate: true, keystore: true},
	}
}

func formatNamed(name string) (format, error) {
	if name == "" {
		name = "json"
	}
	var names []string
	for _, f := range formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return format{}, fmt.Errorf("unknown format %q; there are %s", name, strings.Join(names, ", "))
}

// FormatQuery returns what is to be asked for a format. A path with parameters
// is written, one without is read. The paths of the PKI engine that issue or sign
// a certificate, MOUNT/issue/ROLE and MOUNT/sign/ROLE, are asked for one if there
// are parameters or the format is about a certificate; it is kept until its
// rotation point.
func FormatQuery(name, path string, params map[string]string) secret.Query {
	f, _ := formatNamed(name)
	body := make(map[string]any, len(params))
	for key, value := range params {
		body[key] = value
	}
	op := secret.Read
	switch {
	case issues(path) && (f.certificate || len(params) > 0):
		op = secret.PKI
	case len(params) > 0:
		op = secret.Write
	}
	return secret.NewQuery(op, path, body)
}

// issues tells the paths that issue a certificate. MOUNT/data/issue/NAME is a
// path of the KV engine.
func issues(path string) bool {
	parts := strings.Split(strings.Trim(strings.TrimSpace(path), "/"), "/")
	n := len(parts)
	return n >= 3 && slices.Contains([]string{"issue", "sign", "sign-verbatim"}, parts[n-2]) && parts[n-3] != "data"
}

// NewFormat checks what is asked for. An error names the format's output.
func NewFormat(o FormatOptions) (*Format, error) {
	f, err := formatNamed(o.Format)
	if err == nil {
		err = f.check(o)
	}
	if err != nil {
		return nil, fmt.Errorf("template %q: %w", o.Name, err)
	}
	return &Format{o: o, make: f.make}, nil
}

func (f format) check(o FormatOptions) error {
	k := o.Keystore
	switch {
	case o.Query.Path == "":
		return errors.New("the path of the secret is empty")
	case slices.Contains(o.Keys, ""):
		return errors.New("a key to take is empty")
	case repeated(o.Keys) != "":
		return fmt.Errorf("the key %q is named twice", repeated(o.Keys))
	case f.Name == "raw" && len(o.Keys) > 1:
		return fmt.Errorf("format %q takes one key, not %d", f.Name, len(o.Keys))
	case !f.keystore && k != Keystore{}:
		return fmt.Errorf("format %q makes no keystore", f.Name)
	case f.keystore && (k.PasswordFile == "") == (k.PasswordKey == ""):
		return fmt.Errorf("format %q needs a password from either a file or a key of the secret", f.Name)
	case f.Name == "pkcs12" && k.Alias != "":
		return fmt.Errorf("format %q has no alias", f.Name)
	}
	return nil
}

// repeated returns a name that occurs more than once, "" if there is none.
func repeated(names []string) string {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return name
		}
	}
	return ""
}

// Execute makes the output once. As with a template, a result of which anything
// is missing has no output, and what fails is an *[ExecError] beside a result that
// names the query and the files that were used. The same secret always makes the
// same bytes.
func (f *Format) Execute(src Source) (*Result, error) {
	r := &Result{Used: []secret.Query{f.o.Query}}
	state := src.Secret(f.o.Query)
	if state == nil || state.Response == nil {
		r.Missing = r.Used
		return r, nil
	}
	s, err := f.selectFrom(state.Response)
	if err == nil {
		err = f.make(s, r)
	}
	if err != nil {
		r.Output, r.Set = nil, nil
		return r, &ExecError{Template: f.o.Name, Reason: err.Error()}
	}
	return r, nil
}

// whole is a format of one file that needs nothing but the selection.
func whole(encode func(*selection) ([]byte, error)) maker {
	return func(s *selection, r *Result) (err error) {
		r.Output, err = encode(s)
		return err
	}
}
