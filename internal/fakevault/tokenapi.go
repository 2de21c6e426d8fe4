package fakevault

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// tokenEngine serves auth/token/.
type tokenEngine struct {
	closed
	roles roles[tokenRole]
}

func (e *tokenEngine) handle(c *call) *reply {
	first, rest, _ := strings.Cut(c.rest, "/")
	switch {
	case first == "accessors" && c.op == opList:
		return keysReply(slices.Sorted(maps.Keys(c.s.tokens.byAccessor)))
	case first == "roles":
		return e.role(c, rest)
	case c.rest == "lookup-self" && c.op == opRead:
		return lookupReply(c.token, c)
	case c.op == opWrite:
		return e.write(c, first, rest)
	case tokenPaths[first]:
		return unsupported()
	}
	return unknownPath()
}

// tokenPaths are the paths that exist at all.
var tokenPaths = map[string]bool{
	"create": true, "create-orphan": true, "lookup": true, "lookup-accessor": true, "lookup-self": true,
	"renew": true, "renew-accessor": true, "renew-self": true, "revoke": true, "revoke-accessor": true,
	"revoke-self": true, "revoke-orphan": true, "accessors": true,
}

func (e *tokenEngine) write(c *call, first, rest string) *reply {
	switch first {
	case "create":
		return e.create(c, rest)
	case "create-orphan":
		c.body["no_parent"] = true
		return e.create(c, "")
	case "lookup", "lookup-self", "lookup-accessor":
		return e.lookup(c, first)
	case "renew", "renew-self", "renew-accessor":
		return e.renew(c, first)
	case "revoke", "revoke-self", "revoke-accessor", "revoke-orphan":
		return e.revoke(c, first)
	}
	return unknownPath()
}

func (e *tokenEngine) lookup(c *call, path string) *reply {
	t := c.token
	switch id := c.text("token"); {
	case path == "lookup-accessor":
		return e.lookupAccessor(c)
	case path == "lookup" && id != "":
		if t = c.s.tokens.find(id, c.now); t == nil {
			return failure(http.StatusForbidden, "bad token")
		}
	}
	return lookupReply(t, c)
}

func (e *tokenEngine) lookupAccessor(c *call) *reply {
	t, rep := e.byAccessor(c)
	if rep != nil {
		return rep
	}
	rep = lookupReply(t, c)
	rep.data["id"] = ""
	return rep
}

func (e *tokenEngine) byAccessor(c *call) (*token, *reply) {
	accessor := c.text("accessor")
	if accessor == "" {
		return nil, listed(http.StatusBadRequest, "missing accessor")
	}
	if t := c.s.tokens.findAccessor(accessor, c.now); t != nil {
		return t, nil
	}
	return nil, listed(http.StatusBadRequest, "invalid accessor")
}

func lookupReply(t *token, c *call) *reply {
	var meta any
	if t.meta != nil {
		meta = t.meta
	}
	data := map[string]any{
		"accessor": t.accessor, "creation_time": t.issued.Unix(), "creation_ttl": seconds(t.created),
		"display_name": t.displayName, "entity_id": t.entity, "expire_time": stampOrNil(t.expires),
		"explicit_max_ttl": seconds(t.terms.explicitMax), "id": t.id, "issue_time": stamp(t.issued), "meta": meta,
		"num_uses": t.numUses, "orphan": t.orphan, "path": t.path, "policies": t.policies,
		"renewable": t.renewable, "ttl": seconds(t.remaining(c.now)), "type": t.kind,
	}
	if !t.renewed.IsZero() {
		data["last_renewal"], data["last_renewal_time"] = stamp(t.renewed), t.renewed.Unix()
	}
	if t.terms.period > 0 {
		data["period"] = seconds(t.terms.period)
	}
	if t.role != "" {
		data["role"] = t.role
	}
	return dataReply(data)
}

func (e *tokenEngine) renew(c *call, path string) *reply {
	t, rep := e.subject(c, path, "renew-self")
	if rep != nil {
		return rep
	}
	if t == nil {
		return badRequest("token not found")
	}
	rep = renewReply(c, t)
	rep.withoutID = path == "renew-accessor"
	return rep
}

// subject is the token that a request is about; nil when there is no such one.
func (e *tokenEngine) subject(c *call, path, self string) (*token, *reply) {
	switch {
	case path == self:
		return c.token, nil
	case strings.HasSuffix(path, "-accessor"):
		return e.byAccessor(c)
	case c.text("token") == "":
		return nil, badRequest("missing token ID")
	}
	return c.s.tokens.find(c.text("token"), c.now), nil
}

func renewReply(c *call, t *token) *reply {
	var increment time.Duration
	if rep := c.durations(map[string]*time.Duration{"increment": &increment}); rep != nil {
		return rep
	}
	switch {
	case t.kind == kindBatch:
		return badRequest("batch tokens cannot be renewed")
	case !t.renewable:
		return badRequest("lease is not renewable")
	}
	warnings, err := c.s.prolong(t, increment, c.now)
	if errors.Is(err, errPastMax) {
		return badRequest("%v", err)
	}
	return &reply{auth: t, warnings: warnings}
}

func (e *tokenEngine) revoke(c *call, path string) *reply {
	if path == "revoke-accessor" && c.text("accessor") != "" && c.s.tokens.findAccessor(c.text("accessor"), c.now) == nil {
		return &reply{warnings: []string{"No token found with this accessor"}}
	}
	t, rep := e.subject(c, path, "revoke-self")
	switch {
	case rep != nil:
		return rep
	case t == nil:
		return empty()
	case t.kind == kindBatch:
		return badRequest("batch tokens cannot be revoked")
	}
	if path == "revoke-orphan" {
		t.orphanChildren()
	}
	c.s.tokens.revoke(t)
	return empty()
}

func (t *token) orphanChildren() {
	for child := range t.children {
		child.parent, child.orphan = nil, true
	}
	t.children = nil
}
