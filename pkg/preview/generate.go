package preview

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// GenerateOptions says what the document of [GenerateConfig] holds.
type GenerateOptions struct {
	Paths     []string // of secrets in key-value mounts; with /* at its end, of all below
	Exec      string   // command line of the process; "" for env, which prints its environment
	Vault     config.Vault
	TokenFile string // of the method token_file
}

// Generated is an agent document, and what its reader should know.
type Generated struct {
	Document []byte   // in HCL
	Notes    []string // about names that are not what a rule says
}

// GenerateConfig writes an agent document with one env_template for each key of
// the secrets, the process that gets the variables, and a method for trials.
//
// A variable has the name of the last part of the path and of the key, in capitals,
// with _ for whatever is no letter and no digit: key api-key of secret/foo is
// FOO_API_KEY. Where two are the same, the second has more of its path before it.
func GenerateConfig(ctx context.Context, v *Vault, o GenerateOptions) (*Generated, error) {
	var secrets []found
	for _, path := range o.Paths {
		more, err := walk(ctx, v, path)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, more...)
	}
	variables, notes := variablesOf(secrets)
	if len(variables) == 0 {
		return nil, fmt.Errorf("there is no secret with a key at %s", strings.Join(o.Paths, ", "))
	}
	return &Generated{Document: writeDocument(o, variables), Notes: notes}, nil
}

// variable is one env_template.
type variable struct {
	name     string
	contents string
}

func variablesOf(secrets []found) (all []variable, notes []string) {
	taken := map[string]bool{}
	seen := map[string]bool{}
	for _, s := range secrets {
		if seen[s.path] {
			continue
		}
		seen[s.path] = true
		for _, key := range s.keys {
			plain := variableName(s.path, key, 1)
			name := unique(s.path, key, taken)
			if name != plain {
				notes = append(notes, fmt.Sprintf("key %q of %q is %s, because another has the name %s", key, s.path, name, plain))
			}
			taken[name] = true
			all = append(all, variable{name: name, contents: contents(s, key)})
		}
	}
	return all, notes
}

// unique returns the shortest name that is free, in the last resort with a number.
func unique(path, key string, taken map[string]bool) string {
	parts := strings.Count(path, "/") + 1
	for n := 1; n <= parts; n++ {
		if name := variableName(path, key, n); !taken[name] {
			return name
		}
	}
	for n := 2; ; n++ {
		if name := fmt.Sprintf("%s_%d", variableName(path, key, 1), n); !taken[name] {
			return name
		}
	}
}

// variableName makes a name of the last parts of a path and of a key.
func variableName(path, key string, parts int) string {
	segments := strings.Split(path, "/")
	var words []string
	for _, text := range append(slices.Clone(segments[len(segments)-parts:]), key) {
		words = append(words, strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })...)
	}
	return strings.ToUpper(strings.Join(words, "_"))
}

// contents reads one key. A name that the template language does not take after a
// dot is looked up with index.
func contents(s found, key string) string {
	data := ".Data"
	if s.nested {
		data = ".Data.data"
	}
	value := data + "." + key
	if !isIdentifier(key) {
		value = fmt.Sprintf("index %s %q", data, key)
	}
	return fmt.Sprintf("{{ with secret %q }}{{ %s }}{{ end }}", s.path, value)
}

func isIdentifier(name string) bool {
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return name != ""
}
