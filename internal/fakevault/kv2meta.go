package fakevault

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// metadata serves metadata/PATH: what is known of a secret beside its data.
func (e *kv2Engine) metadata(c *call, path string) *reply {
	s := e.secrets[path]
	switch c.op {
	case opList:
		return keysReply(childKeys(maps.Keys(e.secrets), path))
	case opDelete:
		delete(e.secrets, path)
		return empty()
	case opWrite:
		return e.writeMetadata(c, path)
	case opRead:
		if s == nil {
			return notFound()
		}
		return dataReply(s.metadata(c.s.clientID()))
	}
	return unsupported()
}

func (e *kv2Engine) writeMetadata(c *call, path string) *reply {
	s := e.secrets[path]
	if s == nil {
		s = &kv2Secret{created: c.now, updated: c.now}
		e.secrets[path] = s
	}
	if custom, ok := c.body["custom_metadata"].(map[string]any); ok {
		s.custom = custom
	}
	return empty()
}

func (s *kv2Secret) metadata(client string) map[string]any {
	versions := map[string]any{}
	for i, v := range s.versions {
		all := s.describe(i + 1)
		delete(all, "custom_metadata")
		delete(all, "version")
		all["created_by"], all["deleted_by"] = actor(v.operation, client), nil
		if !v.deleted.IsZero() {
			all["deleted_by"] = actor("delete", client)
		}
		versions[strconv.Itoa(i+1)] = all
	}
	var custom any
	if s.custom != nil {
		custom = s.custom
	}
	return map[string]any{
		"cas_required": false, "created_time": stamp(s.created), "current_version": len(s.versions),
		"custom_metadata": custom, "delete_version_after": "0s", "last_updated_by": s.lastUpdatedBy(client),
		"max_versions": 0, "oldest_version": 0, "updated_time": stamp(s.updated), "versions": versions,
	}
}

// lastUpdatedBy is null as long as there is only metadata.
func (s *kv2Secret) lastUpdatedBy(client string) any {
	if s.lastOp == "" {
		return nil
	}
	return actor(s.lastOp, client)
}

// actor says who changed a secret. The client is the same for everyone here.
func actor(operation, client string) map[string]any {
	return map[string]any{"actor": "token", "client_id": client, "operation": operation}
}

// subkeys shows a secret's keys without its values.
func (e *kv2Engine) subkeys(c *call, path string) *reply {
	if c.op != opRead {
		return unsupported()
	}
	n, v, rep := e.version(c, path)
	if rep != nil {
		return rep
	}
	rep = dataReply(map[string]any{"metadata": e.secrets[path].describe(n), "subkeys": keysOnly(v.data)})
	if v.ended() {
		rep.status, rep.data["subkeys"] = http.StatusNotFound, nil
	}
	return rep
}

func keysOnly(data map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range data {
		out[k] = nil
		if inner, ok := v.(map[string]any); ok {
			out[k] = keysOnly(inner)
		}
	}
	return out
}

// mark serves delete/, undelete/ and destroy/ for the versions in the body.
func (e *kv2Engine) mark(c *call, kind, path string) *reply {
	s := e.secrets[path]
	versions, _ := c.body["versions"].([]any)
	switch {
	case c.op != opWrite:
		return unsupported()
	case len(versions) == 0:
		return badRequest("No version number provided")
	case s == nil:
		return notFound()
	}
	for _, v := range versions {
		if n, err := strconv.Atoi(fmt.Sprint(v)); err == nil && n >= 1 && n <= len(s.versions) {
			s.mark(kind, n, c.now)
		}
	}
	s.lastOp = kind
	return empty()
}

func (s *kv2Secret) mark(kind string, n int, now time.Time) {
	switch v := s.versions[n-1]; kind {
	case "delete":
		s.delete(n, now)
	case "undelete":
		v.deleted = time.Time{}
	case "destroy":
		v.destroyed, v.data = true, nil
	}
}
