package main

import (
	"regexp"
	"strings"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

// secretForms are how secrets look that Vault has made: tokens, and passwords in URLs.
// Values that the tour itself makes up are shown, for nobody else has them.
func secretForms() *regexp.Regexp {
	return regexp.MustCompile(`\b(hv[sbr]\.[\w-]{8,})|://[^:/@\s]+:([^@\s]+)@`)
}

// hide masks secrets in what a command has written.
func (t *tour) hide(text string) string {
	if t.vault != nil {
		text = stage.MaskIn(text, t.vault.Token())
	}
	for _, found := range t.secrets.FindAllStringSubmatch(text, -1) {
		text = stage.MaskIn(text, strings.Join(found[1:], ""))
	}
	return text
}
