package fakevault

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// databaseEngine is the database engine without a database behind it.
type databaseEngine struct {
	closed
	roles   roles[databaseRole]
	statics map[string]*staticRole
}

type databaseRole struct {
	terms
	connection string
	creation   []string // statements, kept to be read again
}

// staticRole has one user whose password holds for one period after the other.
type staticRole struct {
	username   string
	connection string
	period     time.Duration
	password   string
	rotated    time.Time
}

func newDatabase() *databaseEngine {
	return &databaseEngine{roles: roles[databaseRole]{}, statics: map[string]*staticRole{}}
}

func (e *databaseEngine) handle(c *call) *reply {
	kind, name, _ := strings.Cut(c.rest, "/")
	switch {
	case kind == "static-roles" && c.op == opList:
		return keysReply(slices.Sorted(maps.Keys(e.statics)))
	case kind == "rotate-role" && c.op == opWrite:
		return e.rotate(c, name)
	case kind == "config" && c.op == opWrite:
		return empty()
	case kind == "roles":
		return e.role(c, name)
	case kind == "static-roles":
		return e.staticRole(c, name)
	case c.op != opRead:
		return unsupported()
	case kind == "creds":
		return e.credentials(c, name)
	case kind == "static-creds":
		return e.staticCredentials(c, name)
	}
	return unknownPath()
}

func (e *databaseEngine) credentials(c *call, name string) *reply {
	r, known := e.roles[name]
	if !known {
		return badRequest("unknown role: %s", name)
	}
	l, warnings, err := c.lend(r.terms, true)
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	user := fmt.Sprintf("v-%s-%s-%s-%d", c.token.displayName, name, randomText(20), c.now.Unix())
	return &reply{lease: l, warnings: warnings, data: map[string]any{"username": user, "password": randomText(20)}}
}

func (e *databaseEngine) staticCredentials(c *call, name string) *reply {
	r := e.statics[name]
	if r == nil {
		return badRequest("unknown role: %s", name)
	}
	r.catchUp(c.now)
	return dataReply(map[string]any{
		"last_vault_rotation": stamp(r.rotated), "password": r.password, "rotation_period": seconds(r.period),
		"ttl": seconds(r.rotated.Add(r.period).Sub(c.now)), "username": r.username,
	})
}

// catchUp rotates as often as it was due since somebody looked.
func (r *staticRole) catchUp(now time.Time) {
	if passed := now.Sub(r.rotated); passed >= r.period {
		r.rotate(r.rotated.Add(passed.Truncate(r.period)))
	}
}

func (r *staticRole) rotate(now time.Time) { r.password, r.rotated = randomText(20), now }

func (e *databaseEngine) rotate(c *call, name string) *reply {
	r := e.statics[name]
	if r == nil {
		return badRequest("no static role found for role name")
	}
	r.rotate(c.now)
	return empty()
}
