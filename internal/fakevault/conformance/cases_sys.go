package conformance

import "encoding/json"

func quote(text string) string {
	b, _ := json.Marshal(text) // a string always encodes
	return string(b)
}

func systemCases() []Case {
	return []Case{
		{Name: "health", Do: []Step{get("sys/health").as(nobody), get("sys/seal-status").as(nobody), get("sys/leader").as(nobody)}},
		{Name: "tokens that do not work", Setup: []Step{mountKV1}, Do: []Step{
			get("{m}/a").as(nobody), get("{m}/a").as("hvs.unknown"), get("{m}/a").as("hvb.unknown"), get("none/a").as(nobody), get("none/a"),
			get("").as("hvs.unknown"), post("auth/none/login", `{}`).as(nobody), post("auth/none/login", `{}`),
		}},
		{Name: "bearer token", Setup: []Step{mountKV1, post("{m}/a", `{"value":"x"}`)}, Do: []Step{
			get("{m}/a").as(nobody).header("Authorization", "Bearer {root_token}"),
		}},
		{Name: "methods", Setup: []Step{mountKV1}, Do: []Step{
			other("HEAD", "{m}/a"), other("OPTIONS", "{m}/a"), other("PATCH", "{m}/a"), get("auth/token/create"), get("sys/none"),
			post("auth/token/none", `{}`), remove("auth/token/lookup-self"), get("sys/leases/renew"), post("sys/health", `{}`),
		}},
		{Name: "malformed JSON", Setup: []Step{mountKV1}, Do: []Step{post("{m}/a", `{"value":`), post("{m}/a", `[]`)}},
		{Name: "mounts", Do: []Step{
			post("sys/mounts/{m}", `{"type":"kv","options":{"version":"2"},"description":"d"}`), post("sys/mounts/{m}", `{"type":"kv"}`),
			post("sys/mounts/{m}-bad", `{"type":"nosuch"}`), get("sys/mounts/{m}"), get("sys/mounts/{m}/tune"), remove("sys/mounts/{m}"),
			get("sys/mounts/{m}"), remove("sys/mounts/{m}"), get("{m}/data/a"),
		}},
		{Name: "auth methods", Do: []Step{
			post("sys/auth/{m}", `{"type":"approle"}`), post("sys/auth/{m}", `{"type":"approle"}`), post("sys/auth/{m}-bad", `{"type":"nosuch"}`),
			get("sys/auth/{m}"), get("sys/auth/{m}/tune"), remove("sys/auth/{m}"), get("sys/auth/{m}"),
		}},
		{Name: "policies", Do: []Step{
			get("sys/policies/acl/{m}"), policyFor(`path "a/*" { capabilities = ["read"] }`), get("sys/policies/acl/{m}"),
			post("sys/policies/acl/{m}-bad", `{"policy":"path \"x\" { capabilities=[\"fly\"] }"}`), post("sys/policies/acl/{m}-bad", `{}`),
			remove("sys/policies/acl/{m}"), get("sys/policies/acl/{m}"), remove("sys/policies/acl/{m}"),
		}},
	}
}

func policyCases() []Case {
	secrets := []Step{
		mountKV1, post("{m}/a", `{"value":"x"}`), post("{m}/b/c", `{"value":"x"}`), post("{m}/b/d/e", `{"value":"x"}`),
	}
	with := func(rules string) []Step { return append(append([]Step{}, secrets...), policyFor(rules), limited) }
	me := "{limited}"
	return []Case{
		{Name: "policy exact", Setup: with(`path "{m}/a" { capabilities = ["read"] }`), Do: []Step{
			get("{m}/a").as(me), get("{m}/b/c").as(me), post("{m}/a", `{"value":"y"}`).as(me), list("{m}").as(me), get("none/a").as(me),
			get("sys/internal/ui/mounts/{m}/zz").as(me), get("sys/internal/ui/mounts/none/zz").as(me), get("sys/internal/ui/mounts/secret/zz").as(me),
		}},
		{Name: "policy globs", Setup: with(`path "{m}/b/*" { capabilities = ["read", "list"] } path "{m}/b/d/*" { capabilities = ["deny"] }`), Do: []Step{
			get("{m}/b/c").as(me), get("{m}/b/d/e").as(me), get("{m}/a").as(me), list("{m}/b").as(me), list("{m}/b/").as(me), list("{m}").as(me),
		}},
		{Name: "policy plus", Setup: with(`path "{m}/+/c" { capabilities = ["read"] } path "{m}/+/d/*" { capabilities = ["read"] }`), Do: []Step{
			get("{m}/b/c").as(me), get("{m}/b/d/e").as(me), get("{m}/a").as(me), get("sys/internal/ui/mounts/{m}/zz").as(me),
		}},
		{Name: "policy precedence", Setup: with(`path "{m}/*" { capabilities = ["read"] } path "{m}/+/c" { capabilities = ["deny"] }
			path "{m}/b/d/e" { capabilities = ["deny"] }`), Do: []Step{
			get("{m}/a").as(me), get("{m}/b/c").as(me), get("{m}/b/d/e").as(me),
		}},
		{Name: "policy create and update", Setup: with(`path "{m}/a" { capabilities = ["create"] } path "{m}/new" { capabilities = ["create"] }
			path "{m}/b/c" { capabilities = ["update"] } path "{m}/b/new" { capabilities = ["update"] }`), Do: []Step{
			post("{m}/a", `{"value":"y"}`).as(me), post("{m}/new", `{"value":"y"}`).as(me), post("{m}/b/c", `{"value":"y"}`).as(me),
			post("{m}/b/new", `{"value":"y"}`).as(me),
		}},
		{Name: "policy create and update of kv2", Setup: []Step{
			mountKV2, post("{m}/data/a", `{"data":{"value":"x"}}`),
			policyFor(`path "{m}/data/a" { capabilities = ["create"] } path "{m}/data/new" { capabilities = ["create"] }`), limited,
		}, Do: []Step{
			post("{m}/data/a", `{"data":{"value":"y"}}`).as(me), post("{m}/data/new", `{"data":{"value":"y"}}`).as(me),
			post("{m}/data/new", `{"data":{"value":"y"}}`).as(me),
		}},
		{Name: "policy list without slash", Setup: with(`path "{m}" { capabilities = ["list"] }`), Do: []Step{list("{m}").as(me), list("{m}/").as(me)}},
		{Name: "policy comments and JSON", Setup: with("# first\npath \"{m}/a\" {\n  // second\n  capabilities = [\"read\",]\n  required_parameters = [\"x\"]\n}"), Do: []Step{
			post("sys/policies/acl/{m}-json", `{"policy":"{\"path\":{\"{m}/b/*\":{\"capabilities\":[\"read\"]}}}"}`), get("sys/policies/acl/{m}-json"),
		}},
		{Name: "own capabilities", Setup: with(`path "{m}/*" { capabilities = ["read", "list"] }`), Do: []Step{
			post("sys/capabilities-self", `{"paths":["{m}/a"]}`).as(me), post("sys/capabilities-self", `{"paths":["none"]}`).as(me),
			post("sys/capabilities-self", `{"path":"none"}`),
		}},
		{Name: "sudo", Setup: with(`path "sys/auth/*" { capabilities = ["read"] } path "sys/leases/lookup/*" { capabilities = ["list"] }`), Do: []Step{
			get("sys/auth/token").as(me), list("sys/leases/lookup/x").as(me), put("sys/seal", `{}`).as(me), list("auth/token/accessors").as(me),
		}},
	}
}

func sealCases() []Case {
	return []Case{{Name: "sealed", Sealed: true, Setup: []Step{mountKV1, post("{m}/a", `{"value":"x"}`)}, Do: []Step{
		get("sys/health").as(nobody), get("sys/seal-status").as(nobody), get("sys/leader").as(nobody), get("{m}/a"), get("{m}/a").as(nobody),
		get("sys/internal/ui/mounts/{m}/a"), post("auth/token/renew-self", `{}`), post("auth/none/login", `{}`).as(nobody), get("sys/none"),
		post("sys/wrapping/lookup", `{"token":"x"}`).as(nobody), put("sys/leases/renew", `{"lease_id":"x"}`),
	}}}
}
