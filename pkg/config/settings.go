package config

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Setting is the effective value of one key and where it came from.
type Setting struct {
	Key    string `json:"key" yaml:"key"`
	Value  string `json:"value" yaml:"value"`   // secrets are redacted
	Source string `json:"source" yaml:"source"` // "flag --x", "env VAULT_ADDR", "document FILE", "file FILE:LINE" or "default"
}

// Settings returns every key with its effective value, in the order of Keys.
func (c *Config) Settings() []Setting { return slices.Clone(c.settings) }

// AddFlags defines the flags of the keys in the named sections ("vault", "log").
func AddFlags(flags *pflag.FlagSet, sections ...string) {
	for _, k := range keys() {
		section, _, _ := strings.Cut(k.Key, ".")
		if k.Flag == "" || !slices.Contains(sections, section) {
			continue
		}
		if k.Type == "bool" {
			flags.Bool(k.Flag, k.Default == "true", k.Effect)
			continue
		}
		flags.Var(&flagValue{text: k.Default, typ: k.Type}, k.Flag, k.Effect)
	}
}

// flagValue keeps what a flag says as it was written: Load judges it together
// with all other settings.
type flagValue struct{ text, typ string }

func (v *flagValue) String() string { return v.text }
func (v *flagValue) Type() string   { return v.typ }

func (v *flagValue) Set(text string) error {
	v.text = text
	return nil
}
