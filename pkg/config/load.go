package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
)

// Config is everything that was said, typed, checked and with defaults.
type Config struct {
	Vault     Vault
	Auth      Auth
	Log       Log
	Telemetry Telemetry
	Agent     Agent
	Injector  Injector
	CSI       CSI
	Operator  Operator

	settings []Setting
}

// LoadOptions names the places that settings come from.
type LoadOptions struct {
	// File is the shared YAML file; "" takes the one that ConfigVariable names,
	// if any. An agent in a pod usually has none.
	File string
	// Flags are those of AddFlags, parsed; only flags that were given count. Nil for none.
	Flags *pflag.FlagSet
	// LookupEnv finds an environment variable; nil takes os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// Document holds what an agent document says, by key, and DocumentName
	// where it was read. It is stronger than File and weaker than the environment.
	Document     map[string]string
	DocumentName string
}

// Problems is the error of Load when settings are wrong: all that is wrong, in order.
type Problems = problem.List

// Load reads, merges and checks all settings. The error is a [Problems], unless
// the file could not be read at all.
func Load(o LoadOptions) (*Config, error) {
	l := newLoader(o)
	if err := l.readFile(); err != nil {
		return nil, err
	}
	l.readDocument()
	l.readEnv()
	l.readFlags()
	c := l.build()
	l.check(c)
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// loader merges the layers. Viper holds the values and decides which one wins;
// places remembers where the winner stands, which viper does not tell.
type loader struct {
	LoadOptions
	table    []key
	values   *viper.Viper
	places   map[string]place
	file     *document
	problems problem.List
}

// place is where a value was said.
type place struct {
	source string // as Setting.Source
	name   string // as Problem.File
	line   int
}

func newLoader(o LoadOptions) *loader {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	table := keys()
	l := &loader{LoadOptions: o, table: table, values: viper.New(), places: make(map[string]place, len(table))}
	for _, k := range table {
		l.values.SetDefault(k.Key, k.Default)
		l.places[k.Key] = place{source: "default"}
	}
	return l
}

func (l *loader) readFile() error {
	name := l.File
	if name == "" {
		_, name, _ = fromEnv([]string{ConfigVariable}, l.LookupEnv)
	}
	if name == "" {
		return nil
	}
	file, err := readFile(name, l.table, &l.problems)
	if err != nil {
		return err
	}
	l.file = file
	said := make(map[string]string, len(file.values))
	for key, value := range file.values {
		source := fmt.Sprintf("file %s:%d", name, value.line)
		l.places[key] = place{source: source, name: name, line: value.line}
		if value.node == nil {
			said[key] = value.text
		}
	}
	return l.merge(said)
}

func (l *loader) readDocument() {
	said := make(map[string]string, len(l.Document))
	for key, value := range l.Document {
		if value == "" {
			continue
		}
		said[key] = value
		l.places[key] = place{source: "document " + l.DocumentName, name: l.DocumentName}
	}
	// Nested maps of strings cannot clash, so that there is nothing to fail.
	_ = l.merge(said)
}

// merge lays values over what viper has as its file.
func (l *loader) merge(said map[string]string) error {
	tree := map[string]any{}
	for key, value := range said {
		section, name, _ := strings.Cut(key, ".")
		entries, ok := tree[section].(map[string]any)
		if !ok {
			entries = map[string]any{}
			tree[section] = entries
		}
		entries[name] = value
	}
	if err := l.values.MergeConfigMap(tree); err != nil {
		return fmt.Errorf("merge configuration: %w", err)
	}
	return nil
}

// given is one value of the environment as viper takes it from a flag, the
// layer above the file. Viper's own binding reads the process environment only
// and does not tell which of several variables it took.
type given struct{ name, value string }

func (g given) HasChanged() bool    { return true }
func (g given) Name() string        { return g.name }
func (g given) ValueString() string { return g.value }
func (g given) ValueType() string   { return "string" }

func (l *loader) readEnv() {
	for _, k := range l.table {
		name, value, ok := fromEnv(k.Env, l.LookupEnv)
		if !ok {
			continue
		}
		// The only error is for a nil flag.
		_ = l.values.BindFlagValue(k.Key, given{name: name, value: value})
		l.places[k.Key] = place{source: "env " + name, name: "env " + name}
	}
}

func (l *loader) readFlags() {
	if l.Flags == nil {
		return
	}
	for _, k := range l.table {
		flag := l.Flags.Lookup(k.Flag)
		if k.Flag == "" || flag == nil || !flag.Changed || flag.Value.String() == "" || overFlags(l.places[k.Key].source) {
			continue
		}
		l.values.Set(k.Key, flag.Value.String())
		l.places[k.Key] = place{source: "flag --" + k.Flag, name: "flag --" + k.Flag}
	}
}
