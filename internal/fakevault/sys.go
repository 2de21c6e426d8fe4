package fakevault

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// version is the Vault whose behavior this package plays.
const version = "1.21.2"

// sysEngine serves sys/.
type sysEngine struct{}

func (*sysEngine) anonymous(c *call) bool {
	switch first, _, _ := strings.Cut(c.rest, "/"); {
	case c.rest == "wrapping/lookup":
		return true
	case c.rest == "wrapping/unwrap", c.rest == "wrapping/rewrap":
		return namesWrapper(c)
	case first == "internal":
		return true // it judges the token itself
	}
	return false
}

func (*sysEngine) handle(c *call) *reply {
	first, rest, _ := strings.Cut(c.rest, "/")
	switch first {
	case "leases":
		return leaseCall(c, rest)
	case "renew", "revoke", "revoke-prefix", "revoke-force":
		return leaseCall(c, c.rest)
	case "mounts":
		return mountCall(c, "", rest)
	case "auth":
		return mountCall(c, "auth/", rest)
	case "internal":
		return internalMounts(c, rest)
	case "policies":
		return policyCall(c, strings.TrimPrefix(rest, "acl"))
	case "policy":
		return policyCall(c, rest)
	case "wrapping":
		return wrapping(c, rest)
	case "capabilities-self":
		return capabilitiesSelf(c)
	case "seal":
		return seal(c)
	}
	return unknownPath()
}

func seal(c *call) *reply {
	if c.op != opWrite {
		return unsupported()
	}
	c.s.sealed = true
	return empty()
}

func (s *Server) health() *reply {
	body := map[string]any{
		"initialized": true, "sealed": s.sealed, "standby": s.sealed, "performance_standby": false,
		"replication_performance_mode": "disabled", "replication_dr_mode": "disabled",
		"server_time_utc": time.Now().Unix(), "version": version, "enterprise": false,
		"echo_duration_ms": 0, "clock_skew_ms": 0, "replication_primary_canary_age_ms": 0,
	}
	if !s.sealed {
		body["cluster_name"], body["cluster_id"] = "vault-cluster-fake", s.clusterID
		return rawReply(http.StatusOK, body)
	}
	body["replication_performance_mode"], body["replication_dr_mode"] = "unknown", "unknown"
	return rawReply(http.StatusServiceUnavailable, body)
}

func (s *Server) sealStatus() *reply {
	body := map[string]any{
		"type": "shamir", "initialized": true, "sealed": s.sealed, "t": 1, "n": 1, "progress": 0, "nonce": "",
		"version": version, "build_date": stamp(s.started), "migration": false, "recovery_seal": false,
	}
	if !s.sealed {
		body["cluster_name"], body["cluster_id"] = "vault-cluster-fake", s.clusterID
	}
	return rawReply(http.StatusOK, body)
}

func leader() *reply {
	return rawReply(http.StatusOK, map[string]any{
		"ha_enabled": false, "is_self": false, "active_time": "0001-01-01T00:00:00Z", "leader_address": "",
		"leader_cluster_address": "", "performance_standby": false, "performance_standby_last_remote_wal": 0,
	})
}

// rawReply is a body without the envelope.
func rawReply(status int, body any) *reply {
	b, err := json.Marshal(body)
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	return &reply{status: status, raw: append(b, '\n')}
}

// policyCall serves sys/policies/acl and sys/policy.
func policyCall(c *call, name string) *reply {
	name = strings.Trim(name, "/")
	switch p := c.ns.policies[name]; {
	case c.op == opList, name == "":
		return keysReply(c.ns.policyNames())
	case c.op == opWrite:
		return writePolicy(c, name)
	case c.op == opDelete:
		delete(c.ns.policies, name)
		clear(c.ns.acls)
		return empty()
	case p == nil:
		return notFound()
	default:
		return dataReply(map[string]any{"name": name, "policy": p.text})
	}
}

func (ns *namespace) policyNames() []string {
	names := []string{"root"}
	for n := range ns.policies {
		if n != "response-wrapping" {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

func writePolicy(c *call, name string) *reply {
	text := c.text("policy")
	if text == "" {
		return badRequest("'policy' parameter not supplied or empty")
	}
	paths, err := parsePolicy(text)
	if err != nil {
		return badRequest("failed to parse policy: %v", err)
	}
	c.ns.setPolicy(name, &policy{text: text, paths: paths})
	return empty()
}

func capabilitiesSelf(c *call) *reply {
	data := map[string]any{}
	a := c.token.ns.acl(c.token.policies)
	for _, p := range append(c.words("paths"), c.words("path")...) {
		caps := slices.Sorted(slices.Values(a.capabilities(p)))
		switch {
		case a.root:
			caps = []string{"root"}
		case len(caps) == 0:
			caps = []string{"deny"}
		}
		data[p], data["capabilities"] = caps, caps
	}
	return &reply{data: data, hoist: true}
}
