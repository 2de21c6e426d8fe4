package config

import (
	"fmt"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
)

// build types what the layers hold. A value that is empty leaves the field as it is.
func (l *loader) build() *Config {
	c := &Config{settings: make([]Setting, 0, len(l.table))}
	for _, k := range l.table {
		at := l.places[k.Key]
		shown := ""
		if k.decode != nil {
			shown = l.decode(c, k)
		} else if said := l.values.GetString(k.Key); said != "" {
			shown = l.read(c, k, said)
		}
		c.settings = append(c.settings, Setting{Key: k.Key, Value: shown, Source: at.source})
	}
	return c
}

func (l *loader) read(c *Config, k key, said string) string {
	shown, err := k.read(c, said)
	if err != nil {
		l.wrong(k.Key, fmt.Sprintf("key %q: %v", k.Key, err))
		return ""
	}
	return shown
}

func (l *loader) decode(c *Config, k key) string {
	if l.file == nil || l.file.values[k.Key].node == nil {
		return ""
	}
	report := func(line int, format string, args ...any) { l.problems.Add(l.file.name, line, format, args...) }
	return k.decode(c, l.file.values[k.Key].node, report)
}

// wrong adds a problem at the place where the key got its value.
func (l *loader) wrong(key, text string) {
	at := l.places[key]
	l.problems = append(l.problems, problem.Problem{File: at.name, Line: at.line, Text: text})
}

// check finds values that are right each by itself, but not together.
func (l *loader) check(c *Config) {
	if c.Vault.ClientCert != "" && c.Vault.ClientKey == "" {
		l.wrong("vault.client_cert", `key "vault.client_cert" needs "vault.client_key" as well`)
	}
	if c.Vault.ClientKey != "" && c.Vault.ClientCert == "" {
		l.wrong("vault.client_key", `key "vault.client_key" needs "vault.client_cert" as well`)
	}
	if c.Auth.MinBackoff > c.Auth.MaxBackoff && c.Auth.MaxBackoff > 0 {
		l.wrong("auth.min_backoff", fmt.Sprintf(`key "auth.min_backoff": %v is longer than "auth.max_backoff", %v`, c.Auth.MinBackoff, c.Auth.MaxBackoff))
	}
}
