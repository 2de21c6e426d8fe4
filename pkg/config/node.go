package config

import (
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/pkg/config/scalar"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// headers reads the list of extra headers. It is a list and not a map because
// maps of the file lose the case of their keys on the way through viper, and
// because a header may repeat.
func headers(c *Config, n *yaml.Node, report reporter) string {
	if n.Kind != yaml.SequenceNode {
		report(n.Line, `key "vault.headers" must be a list of name and value, not %s`, kindName(n))
		return ""
	}
	shown := make([]string, 0, len(n.Content))
	for _, item := range n.Content {
		h, ok := header(resolve(item), report)
		if !ok {
			continue
		}
		c.Vault.Headers = append(c.Vault.Headers, h)
		shown = append(shown, h.Name+": "+sensitive.Redacted)
	}
	return strings.Join(shown, ", ")
}

func header(n *yaml.Node, report reporter) (h Header, ok bool) {
	if n.Kind != yaml.MappingNode {
		report(n.Line, `key "vault.headers" must hold pairs of name and value, not %s`, kindName(n))
		return h, false
	}
	into := map[string]*string{"name": &h.Name, "value": &h.Value}
	ok = true
	for _, p := range pairs(n, "vault.headers", report) {
		target := into[p.name]
		if target == nil || p.value.Kind != yaml.ScalarNode {
			report(p.line, `key "vault.headers" must hold pairs of name and value, with nothing else in them`)
			ok = false
			continue
		}
		*target = p.value.Value
	}
	if ok && h.Name == "" {
		report(n.Line, `key "vault.headers" holds a header without a name`)
		return h, false
	}
	return h, ok
}

// options reads the options of a login method; single values of every type
// count as the text that was written.
func options(c *Config, n *yaml.Node, report reporter) string {
	if n.Kind != yaml.MappingNode {
		report(n.Line, `key "auth.options" must be a mapping, not %s`, kindName(n))
		return ""
	}
	c.Auth.Options = make(map[string]string, len(n.Content)/2)
	for _, p := range pairs(n, "auth.options", report) {
		if p.value.Kind != yaml.ScalarNode {
			report(p.line, "key %q must be a single value, not %s", "auth.options."+p.name, kindName(p.value))
			continue
		}
		c.Auth.Options[p.name] = p.value.Value
	}
	return showOptions(c.Auth.Options)
}

func showOptions(options map[string]string) string {
	shown := make([]string, 0, len(options))
	for name, value := range options {
		if _, err := scalar.Bool(value); err != nil && holdsSecret(name) {
			value = sensitive.Redacted
		}
		shown = append(shown, name+"="+value)
	}
	sort.Strings(shown)
	return strings.Join(shown, ", ")
}

// holdsSecret guesses from its name whether an option is a secret; the path of
// a file that holds one is none.
func holdsSecret(name string) bool {
	name = strings.ToLower(name)
	if strings.HasSuffix(name, "_path") || strings.HasSuffix(name, "_file") {
		return false
	}
	for _, word := range []string{"secret", "password", "token", "key", "credential", "nonce", "jwt"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
