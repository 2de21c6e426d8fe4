package conformance

func tokenCases() []Case {
	create := func(fields string) Step { return post("auth/token/create", `{"policies":["default"]`+fields+`}`) }
	const me = "{tok}"
	token := func(fields string) Step { return create(fields).save("tok", "auth.client_token") }
	return []Case{
		{Name: "token create", Do: []Step{
			create(`,"ttl":"1h"`), create(`,"ttl":"1h","renewable":false,"explicit_max_ttl":"2h","num_uses":5,"meta":{"value":"b"},"no_default_policy":true`),
			create(`,"ttl":"10000h"`), create(`,"ttl":"2h","explicit_max_ttl":"1h"`), create(`,"period":"1h"`), create(``), create(`,"ttl":3600`),
			post("auth/token/create", `{"policies":["zeta","alpha","zeta"],"ttl":"1h"}`), post("auth/token/create", `{}`),
			post("auth/token/create", `{"ttl":"x"}`), post("auth/token/create-orphan", `{"policies":["default"],"ttl":"1h"}`), create(`,"no_parent":true,"ttl":"1h"`),
		}},
		{Name: "token create batch", Do: []Step{
			create(`,"ttl":"1h","type":"batch"`), create(`,"ttl":"1h","type":"batch","num_uses":1`), create(`,"type":"batch","period":"1h"`),
			create(`,"type":"batch","explicit_max_ttl":"1h"`), post("auth/token/create", `{"type":"batch"}`),
		}},
		{Name: "token with an id", Do: []Step{create(`,"ttl":"1h","id":"{m}"`), create(`,"ttl":"1h","id":"{m}"`), get("auth/token/lookup-self").as("{m}")}},
		{Name: "token look-up", Setup: []Step{token(`,"ttl":"1h","display_name":"d","meta":{"value":"b"},"num_uses":9`)}, Do: []Step{
			get("auth/token/lookup-self"), get("auth/token/lookup-self").as(me), post("auth/token/lookup", `{"token":"{tok}"}`),
			post("auth/token/lookup", `{"token":"none"}`), post("auth/token/lookup", `{}`), post("auth/token/lookup-accessor", `{"accessor":"none"}`),
			post("auth/token/lookup-self", `{}`).as(me), get("auth/token/lookup-self").as(nobody),
		}},
		{Name: "token look-up by accessor", Setup: []Step{token(`,"ttl":"1h"`).save("accessor", "auth.accessor")}, Do: []Step{
			post("auth/token/lookup-accessor", `{"accessor":"{accessor}"}`), post("auth/token/renew-accessor", `{"accessor":"{accessor}"}`),
			post("auth/token/revoke-accessor", `{"accessor":"{accessor}"}`), post("auth/token/revoke-accessor", `{"accessor":"{accessor}"}`),
			post("auth/token/revoke-accessor", `{}`),
		}},
		{Name: "token renew", Setup: []Step{token(`,"ttl":"1h"`)}, Do: []Step{
			post("auth/token/renew-self", `{}`).as(me), get("auth/token/lookup-self").as(me), post("auth/token/renew-self", `{"increment":"10m"}`).as(me),
			post("auth/token/renew-self", `{"increment":600}`).as(me), post("auth/token/renew-self", `{}`).as(me),
			post("auth/token/renew", `{"token":"{tok}"}`), post("auth/token/renew", `{"token":"{tok}","increment":"2h"}`),
			post("auth/token/renew", `{"token":"none"}`), post("auth/token/renew", `{}`), post("auth/token/renew-self", `{}`),
			put("auth/token/renew-self", `{"increment":"0"}`).as(me), post("auth/token/renew-self", `{"increment":"x"}`).as(me),
		}},
		{Name: "token renew beyond the max TTL", Setup: []Step{token(`,"ttl":"1h","explicit_max_ttl":"90m"`)}, Do: []Step{
			post("auth/token/renew-self", `{"increment":"3h"}`).as(me), post("auth/token/renew-self", `{}`).as(me), get("auth/token/lookup-self").as(me),
		}},
		{Name: "token renew periodic", Setup: []Step{token(`,"period":"1h"`)}, Do: []Step{
			post("auth/token/renew-self", `{"increment":"3h"}`).as(me), get("auth/token/lookup-self").as(me),
		}},
		{Name: "token that is not renewable", Setup: []Step{token(`,"ttl":"1h","renewable":false`)}, Do: []Step{
			post("auth/token/renew-self", `{}`).as(me), get("auth/token/lookup-self").as(me),
		}},
		{Name: "token batch", Setup: []Step{token(`,"ttl":"1h","type":"batch"`)}, Do: []Step{
			post("auth/token/renew-self", `{}`).as(me), post("auth/token/revoke-self", `{}`).as(me), get("auth/token/lookup-self").as(me),
		}},
		{Name: "token revoke", Setup: []Step{token(`,"ttl":"1h"`)}, Do: []Step{
			post("auth/token/revoke-self", ``).as(me), get("auth/token/lookup-self").as(me), post("auth/token/lookup", `{"token":"{tok}"}`),
			post("auth/token/revoke", `{"token":"{tok}"}`), post("auth/token/revoke", `{}`),
		}},
		{Name: "token revoke with children", Setup: []Step{
			policyFor(`path "auth/token/create" { capabilities = ["update"] }`), limited,
			post("auth/token/create", `{"policies":["default"],"ttl":"1h"}`).as("{limited}").save("child", "auth.client_token"),
		}, Do: []Step{
			get("auth/token/lookup-self").as("{child}"), post("auth/token/create", `{"policies":["more"]}`).as("{limited}"),
			post("auth/token/revoke", `{"token":"{limited}"}`), get("auth/token/lookup-self").as("{child}"),
		}},
		{Name: "token revoke without children", Setup: []Step{
			policyFor(`path "auth/token/create" { capabilities = ["update"] }`), limited,
			post("auth/token/create", `{"policies":["default"],"ttl":"1h"}`).as("{limited}").save("child", "auth.client_token"),
		}, Do: []Step{
			post("auth/token/revoke-orphan", `{"token":"{limited}"}`), get("auth/token/lookup-self").as("{limited}"), get("auth/token/lookup-self").as("{child}"),
		}},
		{Name: "token with a limited number of uses", Setup: []Step{token(`,"ttl":"1h","num_uses":2`)}, Do: []Step{
			get("auth/token/lookup-self").as(me), get("auth/token/lookup-self").as(me), get("auth/token/lookup-self").as(me),
		}},
		{Name: "token role", Do: []Step{
			post("auth/token/roles/{m}", `{"allowed_policies":"a,b","token_period":"1h","orphan":true}`), post("auth/token/create/{m}", `{}`),
			post("auth/token/create/none", `{}`),
		}},
	}
}
