package agent

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// plan is one reading of the configuration, with the parts that were made for
// it. It does not change: a reload makes another, and takes over every part that
// would have been made the same again.
type plan struct {
	config    *config.Config
	document  *agentfile.Document
	logins    map[string]*login // by the name of the identity; "" is that of auto_auth
	units     []*unit
	handout   *handout // in place of the login of auto_auth; nil: that is not wrapped
	sinks     []*tokenSink
	gate      *gate // the proxy behind the listeners; nil: there are none
	listeners []*listener
	plain     *vault.Client // of an agent that only passes requests on
	child     *child        // nil: the agent runs no application
}

// newPlan makes a plan out of a configuration, and starts nothing. It reports
// everything that is wrong.
func (a *Agent) newPlan(c *config.Config, doc *agentfile.Document, before *plan) (*plan, error) {
	p := &plan{config: c, document: doc, logins: map[string]*login{}}
	var problems []error
	for _, s := range loginsOf(c, doc) {
		l, err := a.newLogin(p, s, before)
		problems = append(problems, err)
		p.logins[s.name] = l
	}
	if doc.AutoAuth != nil && c.Auth.WrapTTL > 0 {
		h, err := a.newHandout(newLoginSpec("", c.Vault, c.Auth), before)
		problems = append(problems, err)
		p.handout = h
	}
	for i, spec := range unitsOf(c, doc) {
		u, err := a.newUnit(p, i, spec, before)
		problems = append(problems, err)
		p.units = append(p.units, u)
	}
	child, childErr := a.newChild(c, doc, before)
	if err := errors.Join(append(problems, childErr, a.newListeners(p, before))...); err != nil {
		return nil, err
	}
	p.child = child
	p.sinks = a.newSinks(doc, before)
	return p, nil
}

// readsItself tells whether the agent has a token of its own, and not one that
// only the reader of its sink can open.
func readsItself(c *config.Config, doc *agentfile.Document) bool {
	return doc.AutoAuth != nil && c.Auth.WrapTTL == 0
}

// loginsOf lists the ways to log in that a configuration names.
func loginsOf(c *config.Config, doc *agentfile.Document) []loginSpec {
	var all []loginSpec
	if readsItself(c, doc) {
		all = append(all, newLoginSpec("", c.Vault, c.Auth))
	}
	for _, i := range doc.Identities {
		all = append(all, newLoginSpec(i.Name, connection(c.Vault, i), authOf(i.Method, false)))
	}
	return all
}

// connection is the agent's own with what an identity says differently. As in
// the document, the namespace of the login is that of everything that it reads.
func connection(c config.Vault, i agentfile.Identity) config.Vault {
	c.Namespace = cmp.Or(i.Method.Namespace, c.Namespace)
	v := i.Vault
	if v == nil {
		return c
	}
	c.Address = cmp.Or(v.Address, c.Address)
	c.Namespace = cmp.Or(v.Namespace, c.Namespace)
	c.CACert, c.CAPath = cmp.Or(v.CACert, c.CACert), cmp.Or(v.CAPath, c.CAPath)
	c.ClientCert, c.ClientKey = cmp.Or(v.ClientCert, c.ClientCert), cmp.Or(v.ClientKey, c.ClientKey)
	c.TLSServerName = cmp.Or(v.TLSServerName, c.TLSServerName)
	c.TLSSkipVerify = v.TLSSkipVerify || c.TLSSkipVerify
	c.MaxRetries = cmp.Or(v.NumRetries, c.MaxRetries)
	return c
}

// main is the login of auto_auth, nil where there is none.
func (p *plan) main() *login { return p.logins[""] }

// loginOf returns the login that a template chose.
func (p *plan) loginOf(spec unitSpec) (*login, error) {
	l, declared := p.logins[spec.Identity]
	if !declared {
		return nil, fmt.Errorf("identity %q is not declared", spec.Identity)
	}
	return l, nil // nil where the login has a problem of its own
}

// loggedIn tells whether Vault knows the token of every login.
func (p *plan) loggedIn() bool {
	for l := range maps.Values(p.logins) {
		if l.epoch.Load() == 0 {
			return false
		}
	}
	return true
}

// rendered counts the units that were rendered at least once.
func (p *plan) rendered() int {
	n := 0
	for _, u := range p.units {
		if u.rendered.Load() {
			n++
		}
	}
	return n
}

// has tells whether a unit is one of the plan's.
func (p *plan) has(u *unit) bool { return slices.Contains(p.units, u) }

// successor returns the unit of this plan that writes what another wrote, nil
// for none.
func (p *plan) successor(u *unit) *unit {
	i := slices.IndexFunc(p.units, func(other *unit) bool { return other.name() == u.name() })
	if i < 0 {
		return nil
	}
	return p.units[i]
}

// nameOf returns the name of an identity, "" for that of auto_auth.
func (p *plan) nameOf(id secret.Identity) string {
	for name, l := range p.logins {
		if l.identity == id {
			return name
		}
	}
	return ""
}

// retries tells how often a failed request of an identity is repeated.
func (p *plan) retries(id secret.Identity) int {
	if l := p.logins[p.nameOf(id)]; l != nil {
		return l.spec.vault.Retries()
	}
	return p.config.Vault.Retries()
}
