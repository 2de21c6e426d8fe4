package fakevault

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// kv2Engine is the key-value engine with versions.
type kv2Engine struct {
	closed
	secrets map[string]*kv2Secret
}

type kv2Secret struct {
	versions []*kv2Version // the first one is version 1
	custom   map[string]any
	created  time.Time
	updated  time.Time
	lastOp   string
}

type kv2Version struct {
	data      map[string]any
	created   time.Time
	deleted   time.Time
	destroyed bool
	operation string // what made it: create, update or patch
}

func (e *kv2Engine) exists(c *call) bool {
	_, path, _ := strings.Cut(c.rest, "/")
	_, found := e.secrets[path]
	return found
}

func (e *kv2Engine) handle(c *call) *reply {
	kind, path, _ := strings.Cut(c.rest, "/")
	switch {
	case kind == "config" && path == "":
		return e.config(c)
	case kind == "metadata":
		return e.metadata(c, path)
	case path == "" || c.op == opList:
		return wrongVersion(c)
	}
	switch kind {
	case "data":
		return e.data(c, path)
	case "subkeys":
		return e.subkeys(c, path)
	case "delete", "undelete", "destroy":
		return e.mark(c, kind, path)
	}
	return wrongVersion(c)
}

// wrongVersion is what one gets who takes the engine for version 1.
func wrongVersion(c *call) *reply {
	verb := map[operation]string{opRead: "get", opList: "list", opWrite: "put", opDelete: "delete", opPatch: "patch"}[c.op]
	return &reply{status: http.StatusNotFound, warnings: []string{fmt.Sprintf(
		"Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. "+
			"If using the Vault CLI, use 'vault kv %s' for this operation.", verb)}}
}

func (e *kv2Engine) config(c *call) *reply {
	if c.op == opWrite {
		return empty()
	}
	return dataReply(map[string]any{"cas_required": false, "delete_version_after": "0s", "max_versions": 0})
}

func (e *kv2Engine) data(c *call, path string) *reply {
	switch c.op {
	case opRead:
		return e.read(c, path)
	case opWrite:
		return e.write(c, path)
	case opPatch:
		return e.patch(c, path)
	case opDelete:
		if s := e.secrets[path]; s != nil {
			s.lastOp = "delete"
			s.delete(len(s.versions), c.now)
		}
		return empty()
	}
	return unsupported()
}

// version finds the version that a read names in its query, or the newest.
func (e *kv2Engine) version(c *call, path string) (int, *kv2Version, *reply) {
	s := e.secrets[path]
	n := 0
	if text := c.text("version"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			return 0, nil, badRequest("Field validation failed: error converting input for field \"version\": cannot parse '' as int: "+
				"strconv.ParseInt: parsing %q: invalid syntax", text)
		}
	}
	if s == nil {
		return 0, nil, notFound()
	}
	if n == 0 {
		n = len(s.versions)
	}
	if n < 1 || n > len(s.versions) {
		return 0, nil, notFound()
	}
	return n, s.versions[n-1], nil
}

func (e *kv2Engine) read(c *call, path string) *reply {
	n, v, rep := e.version(c, path)
	if rep != nil {
		return rep
	}
	rep = dataReply(map[string]any{"data": v.data, "metadata": e.secrets[path].describe(n)})
	if v.ended() {
		rep.status, rep.data["data"] = http.StatusNotFound, nil
	}
	return rep
}

func (v *kv2Version) ended() bool { return v.destroyed || !v.deleted.IsZero() }

func (s *kv2Secret) describe(n int) map[string]any {
	v := s.versions[n-1]
	deleted := ""
	if !v.deleted.IsZero() {
		deleted = stamp(v.deleted)
	}
	var custom any
	if s.custom != nil {
		custom = s.custom
	}
	return map[string]any{
		"created_time": stamp(v.created), "custom_metadata": custom, "deletion_time": deleted,
		"destroyed": v.destroyed, "version": n,
	}
}

func (e *kv2Engine) write(c *call, path string) *reply {
	data, ok := c.body["data"].(map[string]any)
	if !ok {
		return badRequest("no data provided")
	}
	if rep := e.checkAndSet(c, path); rep != nil {
		return rep
	}
	s := e.put(path, data, c.now)
	return dataReply(s.describe(len(s.versions)))
}

// checkAndSet compares the version that the writer expects.
func (e *kv2Engine) checkAndSet(c *call, path string) *reply {
	options, _ := c.body["options"].(map[string]any)
	cas, given := options["cas"]
	if !given {
		return nil
	}
	current := 0
	if s := e.secrets[path]; s != nil {
		current = len(s.versions)
	}
	if fmt.Sprint(cas) != strconv.Itoa(current) {
		return badRequest("check-and-set parameter did not match the current version")
	}
	return nil
}

func (e *kv2Engine) put(path string, data map[string]any, now time.Time) *kv2Secret {
	s, operation := e.secrets[path], "update"
	if s == nil {
		operation = "create"
		s = &kv2Secret{created: now}
		e.secrets[path] = s
	}
	s.versions = append(s.versions, &kv2Version{data: data, created: now, operation: operation})
	s.updated, s.lastOp = now, operation
	return s
}

// patch merges the given keys into the newest version; a null removes one.
func (e *kv2Engine) patch(c *call, path string) *reply {
	_, v, rep := e.version(c, path)
	if rep != nil {
		return &reply{status: http.StatusNotFound, raw: []byte{}}
	}
	changes, ok := c.body["data"].(map[string]any)
	if !ok {
		return badRequest("no data provided")
	}
	if rep := e.checkAndSet(c, path); rep != nil {
		return rep
	}
	merged := merge(v.data, changes)
	s := e.put(path, merged, c.now)
	s.lastOp, s.versions[len(s.versions)-1].operation = "patch", "patch"
	return dataReply(s.describe(len(s.versions)))
}

// merge is a JSON merge patch.
func merge(into, changes map[string]any) map[string]any {
	out := maps.Clone(into)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range changes {
		switch v := v.(type) {
		case nil:
			delete(out, k)
		case map[string]any:
			inner, _ := out[k].(map[string]any)
			out[k] = merge(inner, v)
		default:
			out[k] = v
		}
	}
	return out
}

// delete marks a version, unless there is none or it has gone already.
func (s *kv2Secret) delete(n int, now time.Time) {
	if n > 0 && !s.versions[n-1].ended() {
		s.versions[n-1].deleted = now
	}
}
