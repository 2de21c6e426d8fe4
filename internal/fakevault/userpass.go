package fakevault

import (
	"maps"
	"slices"
	"strings"
)

// userpassAuth is the userpass auth method.
type userpassAuth struct {
	users map[string]userpassUser
}

type userpassUser struct {
	tokenRole
	password string
}

func newUserpass() *userpassAuth { return &userpassAuth{users: map[string]userpassUser{}} }

func (*userpassAuth) anonymous(c *call) bool { return strings.HasPrefix(c.rest, "login/") }

func (e *userpassAuth) handle(c *call) *reply {
	first, name, _ := strings.Cut(c.rest, "/")
	switch {
	case first == "login" && c.op == opWrite:
		return e.login(c, name)
	case first != "users":
		return unsupported()
	case c.op == opList:
		return keysReply(slices.Sorted(maps.Keys(e.users)))
	case c.op == opDelete:
		delete(e.users, name)
		return empty()
	case c.op != opWrite:
		return unsupported()
	}
	u := userpassUser{password: c.text("password")}
	if rep := u.read(c); rep != nil {
		return rep
	}
	e.users[name] = u
	return empty()
}

func (e *userpassAuth) login(c *call, name string) *reply {
	u, known := e.users[name]
	switch password := c.text("password"); {
	case password == "":
		return badRequest("invalid credentials")
	case !known || password != u.password:
		return badRequest("invalid username or password")
	}
	return c.login(u.tokenRole, name, map[string]string{"username": name})
}
