package fakevault

import "time"

// role serves roles/NAME. The statements are kept but never run.
func (e *databaseEngine) role(c *call, name string) *reply {
	if rep := e.roles.serve(c, name, databaseRole.describe); rep != nil {
		return rep
	}
	r := e.roles[name]
	if err := c.readDurations(map[string]*time.Duration{"default_ttl": &r.ttl, "max_ttl": &r.maxTTL}); err != nil {
		return badRequest("%v", err)
	}
	r.connection, r.creation = c.text("db_name"), c.list("creation_statements")
	e.roles[name] = r
	return empty()
}

func (r databaseRole) describe() map[string]any {
	return map[string]any{
		"creation_statements": append([]string{}, r.creation...), "credential_type": "password", "db_name": r.connection,
		"default_ttl": seconds(r.ttl), "max_ttl": seconds(r.maxTTL), "renew_statements": []string{},
		"revocation_statements": []string{}, "rollback_statements": []string{},
	}
}

// staticRole serves static-roles/NAME.
func (e *databaseEngine) staticRole(c *call, name string) *reply {
	r := e.statics[name]
	switch {
	case c.op == opDelete:
		delete(e.statics, name)
		return empty()
	case c.op == opRead && r == nil:
		return notFound()
	case c.op == opRead:
		return dataReply(r.describe(c.now))
	case c.op != opWrite:
		return unsupported()
	}
	if r == nil {
		r = &staticRole{}
		r.rotate(c.now)
	}
	if rep := c.durations(map[string]*time.Duration{"rotation_period": &r.period}); rep != nil {
		return rep
	}
	if r.period < minRotation {
		return badRequest("rotation_period must be %d seconds or more", seconds(minRotation))
	}
	r.username, r.connection = c.text("username"), c.text("db_name")
	e.statics[name] = r
	return empty()
}

// minRotation is the shortest period that Vault takes.
const minRotation = 5 * time.Second

func (r *staticRole) describe(now time.Time) map[string]any {
	r.catchUp(now)
	return map[string]any{
		"credential_type": "password", "db_name": r.connection, "last_vault_rotation": stamp(r.rotated),
		"rotation_period": seconds(r.period), "rotation_statements": []string{}, "skip_import_rotation": false,
		"username": r.username,
	}
}
