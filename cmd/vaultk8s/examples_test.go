package main

import (
	"testing"

	"github.com/vaultk8s/vaultk8s/internal/pages"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

func allPages(t *testing.T) []pages.Page {
	t.Helper()
	all, err := pages.Read("../..")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDocumentsOfPages: documents of the agent on pages are such as it takes.
func TestDocumentsOfPages(t *testing.T) {
	seen := 0
	for _, p := range allPages(t) {
		for _, text := range p.Fenced("hcl") {
			seen++
			doc, warnings, err := agentfile.Decode(p.Name, []byte(text))
			if err == nil && doc.AutoAuth == nil { // a piece of a document
				doc.AutoAuth = &agentfile.AutoAuth{Method: agentfile.Method{Type: "approle", Config: map[string]string{"role_id_file_path": "/role-id"}}}
			}
			if err == nil {
				err = doc.Validate()
			}
			if err != nil || len(warnings) > 0 {
				t.Errorf("%s: %v %v\n%s", p.Name, err, warnings, text)
			}
		}
	}
	if seen < 15 {
		t.Errorf("%d documents on all pages", seen)
	}
}

// TestCommandsOfPages: commands on pages have flags and arguments that there are.
func TestCommandsOfPages(t *testing.T) {
	seen := 0
	for _, p := range allPages(t) {
		all, err := p.Calls("vaultk8s")
		if err != nil {
			t.Error(err)
		}
		for _, words := range all {
			seen++
			if err := taken(words); err != nil {
				t.Errorf("%s: vaultk8s %q: %v", p.Name, words, err)
			}
		}
	}
	if seen < 40 {
		t.Errorf("%d commands on all pages", seen)
	}
}

// taken is what a command says of its words, before it does anything.
func taken(words []string) error {
	c, rest, err := newRootCommand().Find(doubleDashes(words))
	if err != nil {
		return err
	}
	c.InitDefaultHelpFlag()
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	if err := c.ValidateRequiredFlags(); err != nil {
		return err
	}
	return c.ValidateArgs(c.Flags().Args())
}
