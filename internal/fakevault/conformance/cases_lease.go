package conformance

func wrappingCases() []Case {
	const unwrap, lookup = "sys/wrapping/unwrap", "sys/wrapping/lookup"
	wrap := post("sys/wrapping/wrap", `{"value":"b"}`).wrapped().save("w", "wrap_info.token")
	return []Case{
		{Name: "wrapping", Setup: []Step{mountKV1, post("{m}/a", `{"value":"x"}`)}, Do: []Step{
			get("{m}/a").wrapped(), get("{m}/a").header("X-Vault-Wrap-TTL", "60"), get("{m}/a").header("X-Vault-Wrap-TTL", "abc"),
			get("{m}/none").wrapped(), post("{m}/a", `{"value":"y"}`).wrapped(), get("none/none").wrapped(),
			post("auth/token/create", `{"policies":["default"],"ttl":"1h"}`).wrapped(), post("sys/wrapping/wrap", `{"value":"b"}`),
			post("sys/wrapping/wrap", `{"value":"b"}`).wrapped(),
		}},
		{Name: "unwrap by its own token", Setup: []Step{wrap}, Do: []Step{
			post(lookup, `{"token":"{w}"}`).as(nobody), post(lookup, ``).as("{w}"), get(lookup).as("{w}"),
			post(unwrap, ``).as("{w}"), post(unwrap, ``).as("{w}"), post(lookup, `{"token":"{w}"}`).as(nobody),
		}},
		{Name: "unwrap by another token", Setup: []Step{wrap}, Do: []Step{
			post(unwrap, `{"token":"{w}"}`).as(nobody), post(unwrap, `{"token":"{w}"}`), post(unwrap, `{"token":"{w}"}`),
		}},
		{Name: "unwrap a secret", Setup: []Step{mountKV1, post("{m}/a", `{"value":"x"}`), get("{m}/a").wrapped().save("w", "wrap_info.token")}, Do: []Step{
			get("{m}/a").as("{w}"), post(unwrap, ``).as("{w}"),
		}},
		{Name: "unwrap a token", Setup: []Step{post("auth/token/create", `{"policies":["default"],"ttl":"1h"}`).wrapped().save("w", "wrap_info.token")}, Do: []Step{
			post("auth/token/lookup", `{"token":"{w}"}`), post(unwrap, `{"token":"{w}"}`),
		}},
		{Name: "unwrap what is no wrapping token", Setup: []Step{limited}, Do: []Step{
			post(unwrap, `{"token":"none"}`), post(unwrap, `{"token":"{limited}"}`), post(unwrap, ``), post(unwrap, ``).as(nobody), post(unwrap, ``).as("none"),
			post(lookup, `{"token":"none"}`).as(nobody), post(lookup, `{}`), post("sys/wrapping/rewrap", `{"token":"none"}`),
		}},
		{Name: "rewrap", Setup: []Step{wrap}, Do: []Step{
			post("sys/wrapping/rewrap", `{"token":"{w}"}`).save("w2", "wrap_info.token"), post(unwrap, `{"token":"{w}"}`), post(unwrap, `{"token":"{w2}"}`),
		}},
	}
}

// database mounts a database engine with the role r.
var database = []Step{
	post("sys/mounts/{m}", `{"type":"database"}`),
	post("{m}/config/pg", `{"plugin_name":"postgresql-database-plugin","allowed_roles":"*","connection_url":"{postgres_url}",
		"username":"{postgres_user}","password":"{postgres_password}"}`),
	post("{m}/roles/r", `{"db_name":"pg","default_ttl":"1h","max_ttl":"90m","creation_statements":[
		"CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"]}`),
	policyFor(`path "{m}/*" { capabilities = ["read"] }`),
	limited,
}

func leaseCases() []Case {
	const renew, lookup, revoke = "sys/leases/renew", "sys/leases/lookup", "sys/leases/revoke"
	const me, lease = "{limited}", `{"lease_id":"{lease}"}`
	borrow := get("{m}/creds/r").as(me).save("lease", "lease_id")
	with := func(more ...Step) []Step { return append(append([]Step{}, database...), more...) }
	return []Case{
		{Name: "lease that is unknown", Do: []Step{
			put(renew, `{"lease_id":"none"}`), put(renew, `{}`), put(renew+"/none", `{}`), put("sys/renew", `{"lease_id":"none"}`),
			put(lookup, `{"lease_id":"none"}`), put(lookup, `{}`), put(revoke, `{"lease_id":"none"}`), put(revoke, `{}`),
			put("sys/leases/revoke-prefix/none", `{}`), list("sys/leases/lookup/none"),
		}},
		{Name: "lease of a database user", Setup: with(borrow), Do: []Step{
			get("{m}/creds/r").as(me), put(lookup, lease).as(me), put(renew, lease).as(me), put(renew, `{"lease_id":"{lease}","increment":600}`).as(me),
			put(lookup, lease).as(me), put("sys/renew", lease).as(me), put(renew, `{"lease_id":"{lease}","increment":7200}`).as(me),
			put(renew, `{"lease_id":"{lease}","increment":"x"}`).as(me), list("sys/leases/lookup/{m}"), put(revoke, lease).as(me),
			put(revoke, lease), put(renew, lease).as(me), put(lookup, lease).as(me), list("sys/leases/lookup/{m}/creds/none"),
		}},
		{Name: "lease ends with its token", Setup: with(borrow), Do: []Step{
			post("auth/token/revoke-self", ``).as(me), put(renew, lease).until("lease not found"), put(lookup, lease),
		}},
		{Name: "lease revoked by prefix", Setup: with(borrow), Do: []Step{
			put("sys/leases/revoke-prefix/{m}/creds/r", ``), put(lookup, lease), list("sys/leases/lookup/{m}/creds/r"),
		}},
		{Name: "lease revoked by force", Setup: with(borrow), Do: []Step{
			put("sys/leases/revoke-force/{m}/creds/r", ``), put(lookup, lease), borrow,
			put("sys/revoke-force/{m}/creds/r", ``), put(lookup, lease), borrow,
			put("sys/revoke-prefix/{m}/creds/r", ``), put(lookup, lease), borrow,
			put("sys/revoke/{lease}", ``), put(lookup, lease), borrow,
			put(revoke+"/{lease}", ``), put(lookup, lease),
		}},
		{Name: "database roles", Setup: with(), Do: []Step{
			get("{m}/roles/r"), list("{m}/roles"), get("{m}/roles/none"), get("{m}/creds/none"), get("{m}/static-creds/none"),
			post("{m}/creds/r", `{}`), get("{m}/creds/r").wrapped(),
			remove("{m}/roles/r"), get("{m}/creds/r"), post("{m}/roles/x", `{"db_name":"pg","default_ttl":"x"}`),
		}},
		{Name: "database static role", Setup: with(
			post("{m}/static-roles/s", `{"db_name":"pg","username":"{static_user}","rotation_period":"1h"}`),
		), Do: []Step{
			get("{m}/static-roles/s"), get("{m}/static-creds/s").as(me), post("{m}/rotate-role/s", `{}`), get("{m}/static-creds/s"), list("{m}/static-roles"),
			post("{m}/static-roles/t", `{"db_name":"pg","username":"{static_user}","rotation_period":"1s"}`),
		}},
	}
}
