package fakevault

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// appRoleAuth is the approle auth method.
type appRoleAuth struct {
	roles map[string]*appRole
	byID  map[string]*appRole
}

type appRole struct {
	tokenRole
	name, id   string
	bind       bool // a secret id is needed
	secretUses int
	secretTTL  time.Duration
	secrets    map[string]*secretID
}

type secretID struct {
	accessor string
	uses     int       // 0: any number
	expires  time.Time // zero: never
}

func newAppRole() *appRoleAuth {
	return &appRoleAuth{roles: map[string]*appRole{}, byID: map[string]*appRole{}}
}

func (*appRoleAuth) anonymous(c *call) bool { return c.rest == "login" }

func (e *appRoleAuth) handle(c *call) *reply {
	if c.rest == "login" {
		return e.login(c)
	}
	first, rest, _ := strings.Cut(c.rest, "/")
	name, part, _ := strings.Cut(rest, "/")
	r := e.roles[name]
	switch {
	case first != "role":
		return unknownPath()
	case name == "" && c.op == opList:
		return keysReply(slices.Sorted(maps.Keys(e.roles)))
	case part == "role-id":
		return e.roleID(c, r)
	case part == "secret-id":
		return e.secretID(c, name, r)
	case part != "":
		return unknownPath()
	}
	return e.role(c, name, r)
}

func (e *appRoleAuth) role(c *call, name string, r *appRole) *reply {
	switch {
	case c.op == opWrite:
		return e.writeRole(c, name, r)
	case r == nil && c.op == opRead:
		return notFound()
	case c.op == opRead:
		return dataReply(r.describe(map[string]any{
			"bind_secret_id": r.bind, "local_secret_ids": false, "secret_id_bound_cidrs": nil,
			"secret_id_num_uses": r.secretUses, "secret_id_ttl": seconds(r.secretTTL),
		}))
	case c.op == opDelete:
		if r != nil {
			delete(e.roles, name)
			delete(e.byID, r.id)
		}
		return empty()
	}
	return unsupported()
}

func (e *appRoleAuth) writeRole(c *call, name string, r *appRole) *reply {
	updated := appRole{name: name, id: newUUID(), bind: true, secrets: map[string]*secretID{}}
	if r != nil {
		updated = *r
	}
	if rep := updated.read(c); rep != nil {
		return rep
	}
	if rep := c.durations(map[string]*time.Duration{"secret_id_ttl": &updated.secretTTL}); rep != nil {
		return rep
	}
	updated.bind, updated.secretUses = c.flag("bind_secret_id", updated.bind), c.number("secret_id_num_uses")
	bound := append(c.words("token_bound_cidrs"), c.words("secret_id_bound_cidrs")...)
	if !updated.bind && len(bound) == 0 {
		return listed(http.StatusInternalServerError, "at least one constraint should be enabled on the role")
	}
	e.add(&updated)
	return empty()
}

func (e *appRoleAuth) add(r *appRole) { e.roles[r.name], e.byID[r.id] = r, r }

func (e *appRoleAuth) roleID(c *call, r *appRole) *reply {
	switch {
	case r == nil:
		return notFound()
	case c.op == opRead:
		return dataReply(map[string]any{"role_id": r.id})
	case c.op != opWrite:
		return unsupported()
	}
	delete(e.byID, r.id)
	r.id = c.text("role_id")
	e.add(r)
	return empty()
}

func (e *appRoleAuth) secretID(c *call, name string, r *appRole) *reply {
	switch {
	case r == nil:
		return failure(http.StatusNotFound, `role "`+name+`" does not exist`)
	case c.op == opList:
		return keysReply(r.accessors())
	case c.op != opWrite:
		return unsupported()
	}
	ttl, uses := r.secretTTL, r.secretUses
	if rep := c.durations(map[string]*time.Duration{"ttl": &ttl}); rep != nil {
		return rep
	}
	if _, given := c.body["num_uses"]; given {
		uses = c.number("num_uses")
	}
	id, s := r.newSecretID(ttl, uses, c.now)
	return &reply{accessor: s.accessor, data: map[string]any{
		"secret_id": id, "secret_id_accessor": s.accessor, "secret_id_num_uses": uses, "secret_id_ttl": seconds(ttl),
	}}
}

func (r *appRole) accessors() []string {
	var out []string
	for _, s := range r.secrets {
		out = append(out, s.accessor)
	}
	slices.Sort(out)
	return out
}

func (r *appRole) newSecretID(ttl time.Duration, uses int, now time.Time) (string, *secretID) {
	id, s := newUUID(), &secretID{accessor: newUUID(), uses: uses}
	if ttl > 0 {
		s.expires = now.Add(ttl)
	}
	r.secrets[id] = s
	return id, s
}

func (e *appRoleAuth) login(c *call) *reply {
	roleID, secret := c.text("role_id"), c.text("secret_id")
	if roleID == "" {
		return failure(http.StatusInternalServerError, "failed to determine alias name from login request")
	}
	r := e.byID[roleID]
	switch {
	case r == nil:
		return badRequest("invalid role or secret ID")
	case r.bind && secret == "":
		return badRequest("missing secret_id")
	case r.bind && !r.take(secret, c.now):
		return badRequest("invalid role or secret ID")
	}
	return c.login(r.tokenRole, "", map[string]string{"role_name": r.name})
}

// take uses a secret id once.
func (r *appRole) take(id string, now time.Time) bool {
	s := r.secrets[id]
	if s == nil {
		return false
	}
	if !s.expires.IsZero() && !now.Before(s.expires) {
		delete(r.secrets, id)
		return false
	}
	if s.uses == 1 {
		delete(r.secrets, id)
	}
	s.uses = max(s.uses-1, 0)
	return true
}
