package fakevault

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// tokenRole is a role of auth/token/roles/, or the token part of a login role.
type tokenRole struct {
	policies  []string
	terms     terms
	numUses   int
	kind      tokenKind // empty: service
	orphan    bool
	noDefault bool
	fixed     bool // not renewable
}

// role serves auth/token/roles/NAME.
func (e *tokenEngine) role(c *call, name string) *reply {
	rep := e.roles.serve(c, name, func(r tokenRole) map[string]any {
		return map[string]any{
			"name": name, "allowed_policies": r.policies, "orphan": r.orphan, "renewable": !r.fixed,
			"token_period": seconds(r.terms.period), "token_explicit_max_ttl": seconds(r.terms.explicitMax),
		}
	})
	if rep != nil {
		return rep
	}
	r := e.roles[name]
	if rep := r.read(c); rep != nil {
		return rep
	}
	r.policies, r.orphan = c.words("allowed_policies"), c.flag("orphan", false)
	r.fixed = !c.flag("renewable", true)
	e.roles[name] = r
	return empty()
}

// read takes the fields that all roles with tokens share.
func (r *tokenRole) read(c *call) *reply {
	t := &r.terms
	rep := c.durations(map[string]*time.Duration{
		"ttl": &t.ttl, "max_ttl": &t.maxTTL, "period": &t.period, "token_ttl": &t.ttl, "token_max_ttl": &t.maxTTL,
		"token_period": &t.period, "token_explicit_max_ttl": &t.explicitMax,
	})
	if rep != nil {
		return rep
	}
	if t.maxTTL > 0 && t.ttl > t.maxTTL {
		return badRequest("'token_ttl' cannot be greater than 'token_max_ttl'")
	}
	r.policies = append(c.words("token_policies"), c.words("policies")...)
	r.numUses, r.noDefault = c.number("token_num_uses"), c.flag("token_no_default_policy", false)
	if c.text("token_type") == string(kindBatch) {
		r.kind = kindBatch
	}
	return nil
}

// create serves auth/token/create and create/ROLE.
func (e *tokenEngine) create(c *call, roleName string) *reply {
	role, known := e.roles[roleName]
	if roleName != "" && !known {
		return badRequest("unknown role %s", roleName)
	}
	t := &token{role: roleName, path: strings.TrimSuffix("auth/token/"+c.rest, "/"), ns: c.ns}
	for _, step := range []func(*call, tokenRole) *reply{t.readTerms, t.readIdentity, t.readPolicies, t.readKind} {
		if rep := step(c, role); rep != nil {
			return rep
		}
	}
	return c.issue(t)
}

func (t *token) readTerms(c *call, role tokenRole) *reply {
	t.terms = role.terms
	for field, d := range map[string]*time.Duration{
		"ttl": &t.terms.ttl, "explicit_max_ttl": &t.terms.explicitMax, "period": &t.terms.period,
	} {
		if v, present := c.body[field]; present {
			var err error
			if *d, err = parseTTL(v); err != nil {
				return badRequest("%v", err)
			}
		}
	}
	t.renewable = c.flag("renewable", true) && !role.fixed
	t.numUses = c.number("num_uses")
	return nil
}

func (t *token) readIdentity(c *call, role tokenRole) *reply {
	t.displayName = "token"
	if name := c.text("display_name"); name != "" {
		t.displayName += "-" + name
	}
	if m, ok := c.body["meta"].(map[string]any); ok {
		t.meta = map[string]string{}
		for k, v := range m {
			t.meta[k] = fmt.Sprint(v)
		}
	}
	t.orphan = role.orphan || c.flag("no_parent", false)
	if t.id = c.text("id"); t.id != "" && c.s.tokens.find(t.id, c.now) != nil {
		return badRequest("cannot create a token with a duplicate ID")
	}
	return nil
}

func (t *token) readPolicies(c *call, role tokenRole) *reply {
	wanted := c.words("policies")
	if len(wanted) == 0 {
		wanted = role.policies
	}
	if len(wanted) == 0 {
		wanted = c.token.policies
	}
	withDefault := !c.flag("no_default_policy", false) && !role.noDefault
	t.policies = normalPolicies(wanted, withDefault)
	if c.token.isRoot() || t.role != "" {
		return nil
	}
	for _, p := range t.policies {
		if p != "default" && !slices.Contains(c.token.policies, p) {
			return badRequest("child policies must be subset of parent")
		}
	}
	return nil
}

func (t *token) readKind(c *call, _ tokenRole) *reply {
	t.kind = kindService
	if c.text("type") != string(kindBatch) {
		return nil
	}
	t.kind, t.renewable = kindBatch, false
	switch {
	case t.isRoot():
		return badRequest("batch tokens cannot be root tokens")
	case t.numUses != 0:
		return badRequest(`batch tokens cannot have "num_uses" set`)
	case t.terms.period != 0:
		return badRequest(`batch tokens cannot have "period" set`)
	case t.terms.explicitMax != 0:
		return badRequest(`batch tokens cannot have "explicit_max_ttl" set`)
	}
	return nil
}

const customIDWarning = "Supplying a custom ID for the token uses the weaker SHA1 hashing instead of the more secure " +
	"SHA2-256 HMAC for token obfuscation. SHA1 hashed tokens on the wire leads to less secure lookups."

// issue stores a new token and answers with it.
func (c *call) issue(t *token) *reply {
	var warnings []string
	if t.id != "" {
		warnings = append(warnings, customIDWarning)
	}
	if !t.login {
		warnings = append(warnings, c.ns.missing(t.policies)...)
	}
	more, err := c.s.start(t, c.now)
	if err != nil {
		return badRequest("%v", err)
	}
	t.name()
	if !t.orphan {
		t.parent = c.token
	}
	c.s.tokens.add(t)
	return &reply{auth: t, warnings: append(warnings, more...), accessor: t.accessor}
}

// missing warns of policies that do not exist.
func (ns *namespace) missing(names []string) []string {
	var warnings []string
	for _, n := range names {
		if ns.policies[n] == nil && n != "root" {
			warnings = append(warnings, fmt.Sprintf("Policy %q does not exist", n))
		}
	}
	return warnings
}

// name gives a token its id and accessor; batch tokens have no accessor.
func (t *token) name() {
	if t.kind == kindBatch {
		t.id = "hvb." + randomText(96)
		return
	}
	t.accessor = newID()
	if t.id == "" {
		t.id = "hvs." + randomText(90)
	}
}

// login issues the token of a successful login. Its display name is the mount's
// path, with the name of whoever logged in after it if there is one.
func (c *call) login(role tokenRole, name string, meta map[string]string) *reply {
	displayName := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(c.mount.path, "auth/"), "/"), "/", "-")
	if name != "" {
		displayName += "-" + name
	}
	t := &token{
		path: c.path, displayName: displayName, entity: entityOf(c.mount, displayName), meta: meta, ns: c.ns, login: true, orphan: true,
		policies: normalPolicies(role.policies, !role.noDefault), kind: cmp.Or(role.kind, kindService), numUses: role.numUses, terms: role.terms,
	}
	t.renewable = t.kind != kindBatch && !role.fixed
	return c.issue(t)
}

// describe is the part of a role's description that all login methods share.
func (r *tokenRole) describe(into map[string]any) map[string]any {
	policies := r.policies
	if policies == nil {
		policies = []string{}
	}
	into["token_bound_cidrs"], into["token_policies"], into["token_type"] = []string{}, policies, "default"
	if r.kind == kindBatch {
		into["token_type"] = kindBatch
	}
	into["token_ttl"], into["token_max_ttl"] = seconds(r.terms.ttl), seconds(r.terms.maxTTL)
	into["token_period"], into["token_explicit_max_ttl"] = seconds(r.terms.period), seconds(r.terms.explicitMax)
	into["token_num_uses"], into["token_no_default_policy"] = r.numUses, r.noDefault
	return into
}
