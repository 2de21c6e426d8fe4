package csi

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/vaultk8s/vaultk8s/pkg/render"
)

// classTemplate is one entry of the parameter templates: a file rendered from a
// template.
type classTemplate struct {
	ObjectName        string      `yaml:"objectName"`
	Template          string      `yaml:"template"`
	LeftDelimiter     string      `yaml:"leftDelimiter" json:",omitempty"`
	RightDelimiter    string      `yaml:"rightDelimiter" json:",omitempty"`
	ErrorOnMissingKey *bool       `yaml:"errorOnMissingKey" json:",omitempty"`
	FilePermission    fs.FileMode `yaml:"filePermission"`

	parsed *render.Template
}

// check parses the template, and reports everything that is wrong.
func (t *classTemplate) check(index int) []error {
	name := fmt.Sprintf("template %q", t.ObjectName)
	if t.ObjectName == "" {
		name = fmt.Sprintf("template number %d", index+1)
	}
	var problems []error
	add := func(err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	switch {
	case t.ObjectName == "":
		add(errors.New("objectName is missing: it names the file"))
	default:
		add(checkFileName(t.ObjectName))
	}
	if t.Template == "" {
		add(errors.New("template is missing"))
		return problems
	}
	parsed, err := render.Parse(t.Template, render.Options{
		Name: t.ObjectName, LeftDelim: t.LeftDelimiter, RightDelim: t.RightDelimiter,
		// A gap in a file goes unnoticed; the old agent's default is for the agent.
		ErrorOnMissingKey: t.ErrorOnMissingKey == nil || *t.ErrorOnMissingKey,
		Denylist:          forbidden(), LookupEnv: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		problems = append(problems, err)
	}
	t.parsed = parsed
	return problems
}

// forbidden lists the functions that a class may not use: files and variables are
// those of the provider, and a template that counts to a billion would take the
// memory of all pods of the node.
func forbidden() []string {
	return []string{
		"file", "env", "envOrDefault", "mustEnv", "writeToFile", "executeTemplate", "sockaddr", "loop",
		"sprig_env", "sprig_expandenv", "sprig_repeat", "sprig_until", "sprig_untilStep", "sprig_seq", "sprig_gen*", "sprig_derivePassword", "sprig_htpasswd", "sprig_bcrypt", "sprig_getHostByName",
	}
}
