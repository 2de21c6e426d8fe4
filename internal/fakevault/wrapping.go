package fakevault

import "net/http"

const badWrappingToken = "wrapping token is not valid or does not exist"

// wrapped puts the answer into a wrapping token when the caller asked for that
// and there is something to put.
func (c *call) wrapped(rep *reply) *reply {
	if c.wrapTTL <= 0 || !rep.ok() || rep.status == http.StatusNoContent || rep.raw != nil {
		return rep
	}
	return c.wrap(rep.document(), c.path, rep.accessor)
}

func (c *call) wrap(document []byte, path, accessor string) *reply {
	limits := terms{ttl: c.wrapTTL, explicitMax: c.wrapTTL}
	t := &token{
		id: "hvs." + randomText(90), accessor: newID(), path: path, policies: []string{"response-wrapping"},
		kind: kindService, ns: c.ns, orphan: true, numUses: 1, terms: limits, granted: c.wrapTTL, created: c.wrapTTL,
		issued: c.now, expires: c.now.Add(c.wrapTTL), wrapped: document, accessorInside: accessor,
	}
	c.s.tokens.add(t)
	return &reply{wrap: t, accessor: accessor}
}

// wrapping serves sys/wrapping/.
func wrapping(c *call, action string) *reply {
	switch action {
	case "lookup":
		return wrappingLookup(c)
	case "unwrap":
		return unwrap(c)
	case "rewrap":
		return rewrap(c)
	case "wrap":
		if c.wrapTTL <= 0 {
			return badRequest("endpoint requires response wrapping to be used")
		}
		return dataReply(c.body)
	}
	return unknownPath()
}

// wrapper finds the wrapping token that a call names in its body or as its own.
func (c *call) wrapper() *token {
	id := c.text("token")
	if id == "" {
		id = c.tokenID
	}
	t := c.s.tokens.find(id, c.now)
	if t == nil || t.wrapped == nil {
		return nil
	}
	return t
}

func wrappingLookup(c *call) *reply {
	t := c.wrapper()
	if t == nil {
		return badRequest(badWrappingToken)
	}
	return dataReply(map[string]any{
		"creation_path": t.path, "creation_time": stamp(t.issued), "creation_ttl": seconds(t.terms.ttl),
	})
}

func unwrap(c *call) *reply {
	if c.tokenID == "" {
		return failure(http.StatusForbidden, "error validating wrapping token: token is empty")
	}
	t := c.wrapper()
	if t == nil {
		return badRequest(badWrappingToken)
	}
	c.s.tokens.revoke(t)
	return &reply{raw: t.wrapped}
}

func rewrap(c *call) *reply {
	t := c.wrapper()
	if t == nil {
		return badRequest(badWrappingToken)
	}
	c.s.tokens.revoke(t)
	c.wrapTTL = t.terms.ttl
	rep := c.wrap(t.wrapped, t.path, t.accessorInside)
	c.wrapTTL = 0 // it is wrapped already
	return rep
}

// namesWrapper tells whether the caller's own token is the wrapping token, which
// then needs no policy.
func namesWrapper(c *call) bool {
	id := c.text("token")
	return id == "" || id == c.tokenID
}
