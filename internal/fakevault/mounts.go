package fakevault

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// builtin tells which mounts are part of the core: they have no deprecation status.
func (m *mount) builtin() bool { return m.kind == "system" || m.kind == "token" }

// describe is the mount as the API shows it. The TTLs are those that were
// configured for it (0) or those in force.
func (m *mount) describe(defaultTTL, maxTTL time.Duration) map[string]any {
	config := map[string]any{
		"default_lease_ttl": seconds(defaultTTL), "max_lease_ttl": seconds(maxTTL), "force_no_cache": false,
	}
	if strings.HasPrefix(m.path, "auth/") {
		config["token_type"] = "default-service"
	}
	out := map[string]any{
		"accessor": m.accessor, "config": config, "description": m.description, "external_entropy_access": false,
		"local": false, "options": m.options, "plugin_version": "", "running_plugin_version": "v" + version + "+builtin.vault",
		"running_sha256": "", "seal_wrap": m.kind == "system", "type": m.kind, "uuid": m.uuid,
	}
	if !m.builtin() {
		out["deprecation_status"] = "supported"
	}
	return out
}

// mountCall serves sys/mounts and, with the prefix "auth/", sys/auth.
func mountCall(c *call, prefix, path string) *reply {
	path = strings.Trim(path, "/")
	name, tune := strings.CutSuffix(path, "/tune")
	full := prefix + name + "/"
	switch {
	case path == "" && c.op == opRead:
		return mountTable(c, prefix)
	case c.op == opWrite && tune:
		return empty()
	case c.op == opWrite:
		return enable(c, full, prefix)
	case c.op == opDelete:
		return disable(c, full)
	case c.op != opRead:
		return unsupported()
	}
	return oneMount(c, full, name, prefix, tune)
}

func oneMount(c *call, full, name, prefix string, tune bool) *reply {
	m := c.ns.mounts[full]
	switch {
	case m == nil && prefix != "":
		return badRequest("No auth engine at %s/", name)
	case m == nil:
		return badRequest("No secret engine mount at %s/", name)
	case tune:
		return &reply{hoist: true, data: m.tuned(c.s)}
	}
	return &reply{hoist: true, data: m.describe(0, 0)}
}

func (m *mount) tuned(s *Server) map[string]any {
	out := map[string]any{
		"default_lease_ttl": seconds(s.defaultTTL), "max_lease_ttl": seconds(s.maxTTL),
		"description": m.description, "force_no_cache": false,
	}
	if len(m.options) > 0 {
		out["options"] = m.options
	}
	if strings.HasPrefix(m.path, "auth/") {
		out["token_type"] = "default-service"
	}
	return out
}

func mountTable(c *call, prefix string) *reply {
	data := map[string]any{}
	for p, m := range c.ns.mounts {
		if name, ok := strings.CutPrefix(p, prefix); ok && (prefix != "" || !strings.HasPrefix(p, "auth/")) {
			data[name] = m.describe(0, 0)
		}
	}
	return &reply{hoist: true, data: data}
}

func disable(c *call, full string) *reply {
	delete(c.ns.mounts, full)
	c.s.leases.revokePrefix(full)
	return empty()
}

// enable mounts what a POST names.
func enable(c *call, full, prefix string) *reply {
	kind := c.text("type")
	options := map[string]string{}
	if given, ok := c.body["options"].(map[string]any); ok {
		for k, v := range given {
			options[k] = fmt.Sprint(v)
		}
	}
	e, kind := newEngine(kind, prefix != "", options)
	if e == nil {
		return badRequest("plugin not found in the catalog: %s", kind)
	}
	if other := c.ns.conflict(full); other != "" {
		return badRequest("path is already in use at %s", strings.TrimPrefix(other, prefix))
	}
	c.ns.add(full, kind, options, e)
	c.ns.mounts[full].description = c.text("description")
	return empty()
}

// newEngine makes the engine of a type, which it also returns in its plain form.
func newEngine(kind string, auth bool, options map[string]string) (engine, string) {
	if kind == "kv-v2" {
		kind, options["version"] = "kv", "2"
	}
	maker, known := engineMakers[kind]
	if !known || maker.auth != auth {
		return nil, kind
	}
	return maker.engine(options), kind
}

var engineMakers = map[string]struct {
	auth   bool
	engine func(options map[string]string) engine
}{
	"kv":         {engine: newKV},
	"database":   {engine: func(map[string]string) engine { return newDatabase() }},
	"pki":        {engine: func(map[string]string) engine { return newPKI() }},
	"kubernetes": {auth: true, engine: func(map[string]string) engine { return newKubernetes() }},
	"jwt":        {auth: true, engine: func(map[string]string) engine { return newJWT() }},
	"approle":    {auth: true, engine: func(map[string]string) engine { return newAppRole() }},
	"userpass":   {auth: true, engine: func(map[string]string) engine { return newUserpass() }},
}

func newKV(options map[string]string) engine {
	if options["version"] == "2" {
		return &kv2Engine{secrets: map[string]*kv2Secret{}}
	}
	return &kv1Engine{secrets: map[string]kv1Secret{}}
}

// internalMounts serves sys/internal/ui/mounts, which needs a valid token but no
// policy of its own: whoever may do something in a mount may look it up.
func internalMounts(c *call, path string) *reply {
	path, ok := strings.CutPrefix(path, "ui/mounts")
	if !ok || c.op != opRead {
		return unknownPath()
	}
	if path = strings.Trim(path, "/"); path == "" {
		return visibleMounts(c)
	}
	switch {
	case c.tokenID == "":
		return noToken()
	case c.token == nil:
		return invalidToken()
	}
	m, _ := c.ns.route(path)
	if m == nil || !c.token.reaches(c.ns, m) {
		return failure(http.StatusForbidden,
			fmt.Sprintf("preflight capability check returned 403, please ensure client's policies grant access to path %q", path+"/"))
	}
	data := m.describe(c.s.defaultTTL, c.s.maxTTL)
	data["path"] = c.ns.path + strings.TrimPrefix(m.path, "auth/")
	return dataReply(data)
}

// visibleMounts lists the mounts that the token may do something in.
func visibleMounts(c *call) *reply {
	auth, secret := map[string]any{}, map[string]any{}
	for p, m := range c.ns.mounts {
		if c.token == nil || !c.token.reaches(c.ns, m) {
			continue
		}
		if name, ok := strings.CutPrefix(p, "auth/"); ok {
			auth[name] = m.describe(c.s.defaultTTL, c.s.maxTTL)
		} else {
			secret[p] = m.describe(c.s.defaultTTL, c.s.maxTTL)
		}
	}
	return dataReply(map[string]any{"auth": auth, "secret": secret})
}

func (t *token) reaches(ns *namespace, m *mount) bool {
	path, inside := strings.CutPrefix(ns.path+m.path, t.ns.path)
	return inside && t.ns.acl(t.policies).touches(path)
}
