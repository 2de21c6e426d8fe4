package fakevault

import (
	"maps"
	"slices"
	"strings"
)

// jwtAuth is the jwt auth method for the tokens that SetJWT registers.
type jwtAuth struct {
	configured bool
	roles      map[string]jwtRole
}

type jwtRole struct {
	tokenRole
	audiences []string
	subject   string
}

func newJWT() *jwtAuth { return &jwtAuth{roles: map[string]jwtRole{}} }

func (*jwtAuth) anonymous(c *call) bool { return c.rest == "login" }

func (e *jwtAuth) handle(c *call) *reply {
	first, name, _ := strings.Cut(c.rest, "/")
	switch {
	case first == "login" && c.op == opWrite:
		return e.login(c)
	case first == "config" && c.op == opWrite:
		e.configured = true
		return empty()
	case first == "role" && c.op == opWrite:
		return e.writeRole(c, name)
	case first == "role" && c.op == opList:
		return keysReply(slices.Sorted(maps.Keys(e.roles)))
	}
	return unsupported()
}

func (e *jwtAuth) writeRole(c *call, name string) *reply {
	r := jwtRole{audiences: c.words("bound_audiences"), subject: c.text("bound_subject")}
	if rep := r.read(c); rep != nil {
		return rep
	}
	e.roles[name] = r
	return empty()
}

func (e *jwtAuth) login(c *call) *reply {
	roleName, text := c.text("role"), c.text("jwt")
	r, known := e.roles[roleName]
	switch {
	case !e.configured:
		return badRequest("could not load configuration")
	case roleName == "":
		return badRequest("missing role")
	case !known:
		return badRequest("role %q could not be found", roleName)
	case text == "":
		return badRequest("missing token")
	}
	j, problem := c.checkJWT(text, r.audiences)
	switch {
	case problem == "unknown":
		return badRequest("error validating token: error verifying token signature: %s", whyUnknown(text))
	case problem != "":
		return badRequest("error validating token: %s", problem)
	case r.subject != "" && r.subject != j.subject():
		return badRequest("error validating token: invalid subject (sub) claim")
	}
	return c.login(r.tokenRole, j.subject(), map[string]string{"role": roleName})
}

// whyUnknown tells a token that nobody registered from what is no token.
func whyUnknown(text string) string {
	if strings.Count(text, ".") != 2 {
		return "go-jose/go-jose: compact JWS format must have three parts"
	}
	return "no known key successfully validated the token signature"
}
