package agent

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// renderer makes an output out of secrets: a template, or a format.
type renderer interface {
	Execute(source render.Source) (*render.Result, error)
}

// unit is one template with everything that belongs to it. Only the delivery
// task touches it, except for what the agent's mu guards.
type unit struct {
	index       int
	spec        unitSpec
	text        string // of the template, as it was read
	renderer    renderer
	login       *login
	watches     map[secret.Query]*secret.Watch
	before      []*unit           // what a reload replaced by this one, kept until this one is delivered
	value       sensitive.String  // of the variable, where it renders one
	kept        [sha256.Size]byte // of the content that the Kubernetes Secret was given
	rendered    atomic.Bool
	failures    int       // passes that failed since the newest success
	err         error     // of the newest pass
	first       time.Time // first change since the newest pass, for wait; guarded by the agent's mu
	renderedAt  time.Time // newest success; guarded by the agent's mu
	deliveredAt time.Time // newest change of what was delivered; guarded by the agent's mu
	gone        bool      // a reload took it out; guarded by the agent's mu
}

// unitSpec is what a unit is made from.
type unitSpec struct {
	agentfile.Template
	variable string // of the application, in place of a destination; "": there is one
}

// unitsOf lists the templates that a document asks for. Without a token there
// are none: the old agent takes such a document and renders nothing.
func unitsOf(c *config.Config, doc *agentfile.Document) []unitSpec {
	var all []unitSpec
	for _, t := range doc.Templates {
		all = append(all, unitSpec{Template: t})
	}
	for _, e := range doc.EnvTemplates {
		all = append(all, unitSpec{variable: e.Name, Template: agentfile.Template{
			Source: e.Source, Contents: e.Contents, ErrorOnMissingKey: e.ErrorOnMissingKey, ErrorFatal: e.ErrorFatal,
			LeftDelim: e.LeftDelim, RightDelim: e.RightDelim, FunctionDenylist: e.FunctionDenylist, Identity: e.Identity,
		}})
	}
	return slices.DeleteFunc(all, func(s unitSpec) bool { return !readsItself(c, doc) && s.Identity == "" })
}

// name is how logs and errors call what a unit writes.
func (s unitSpec) name() string {
	if s.variable != "" {
		return "env " + s.variable
	}
	return filepath.Clean(s.Destination)
}

// newUnit makes a unit, or takes over that of the plan before where nothing
// changed: neither what the document says, nor the template's text, nor who reads.
func (a *Agent) newUnit(p *plan, index int, spec unitSpec, before *plan) (*unit, error) {
	login, loginErr := p.loginOf(spec)
	text, err := textOf(spec)
	if err := errors.Join(loginErr, err); err != nil {
		return nil, err
	}
	for _, u := range before.units {
		if u.login == login && u.text == text && reflect.DeepEqual(u.spec, spec) {
			return u, nil
		}
	}
	renderer, err := newRenderer(spec, text)
	if err != nil {
		return nil, err
	}
	return &unit{index: index, spec: spec, text: text, renderer: renderer, login: login, watches: map[secret.Query]*secret.Watch{}}, nil
}

// textOf reads the template that a unit is made from.
func textOf(spec unitSpec) (string, error) {
	if spec.Source == "" {
		return spec.Contents, nil
	}
	content, err := os.ReadFile(spec.Source)
	if err != nil {
		return "", fmt.Errorf("read template: %w", err)
	}
	return string(content), nil
}

func newRenderer(spec unitSpec, text string) (renderer, error) {
	name := spec.name()
	if spec.Secret != "" {
		return newFormat(spec)
	}
	if spec.Source != "" {
		name = spec.Source
	}
	return render.Parse(text, render.Options{
		Name: name, LeftDelim: spec.LeftDelim, RightDelim: spec.RightDelim,
		ErrorOnMissingKey: spec.ErrorOnMissingKey, SandboxPath: spec.SandboxPath, Denylist: spec.FunctionDenylist,
	})
}

func newFormat(spec unitSpec) (renderer, error) {
	o := render.FormatOptions{Name: spec.name(), Query: render.FormatQuery(spec.Format, spec.Secret, spec.Params), Format: spec.Format, Keys: spec.Keys}
	if k := spec.Keystore; k != nil {
		o.Keystore = render.Keystore{PasswordFile: k.PasswordFile, PasswordKey: k.PasswordKey, Alias: k.Alias}
	}
	return render.NewFormat(o)
}

// name is how logs call a unit.
func (u *unit) name() string { return u.spec.name() }

// release gives up what a unit held, and what it had replaced.
func (u *unit) release() {
	for q, w := range u.watches {
		w.Close()
		delete(u.watches, q)
	}
	u.releaseBefore()
}

func (u *unit) releaseBefore() {
	for _, b := range u.before {
		b.release()
	}
	u.before = nil
}

// uses tells whether a unit still holds secrets of a login.
func (u *unit) uses(l *login) bool {
	return u.login == l || slices.ContainsFunc(u.before, func(b *unit) bool { return b.uses(l) })
}
