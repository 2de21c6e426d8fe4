package conformance

func loginCases() []Case {
	return []Case{appRoleLogin(), appRoleRoles(), appRoleBatch(), appRolePolicies(), kubernetesLogin(), kubernetesRoles(), userpassLogin(), jwtWithoutConfiguration(), jwtLogin()}
}

const appRoleTokens = `"token_policies":["default"],"token_ttl":"10m","token_max_ttl":"1h"`

func appRole(more string) []Step {
	return []Step{
		post("sys/auth/{m}", `{"type":"approle"}`), post("auth/{m}/role/r", `{`+appRoleTokens+more+`}`),
		get("auth/{m}/role/r/role-id").save("role_id", "data.role_id"),
		post("auth/{m}/role/r/secret-id", `{"num_uses":1}`).save("secret_id", "data.secret_id"),
	}
}

func appRoleLogin() Case {
	const path, both = "auth/{m}/login", `{"role_id":"{role_id}","secret_id":"{secret_id}"}`
	return Case{Name: "approle login", Setup: appRole(``), Do: []Step{
		post(path, `{"role_id":"{role_id}"}`).as(nobody), post(path, `{"role_id":"{role_id}","secret_id":"none"}`).as(nobody),
		post(path, both).as(nobody).save("tok", "auth.client_token"), post(path, both).as(nobody),
		post(path, `{"role_id":"none","secret_id":"{secret_id}"}`).as(nobody), post(path, `{}`).as(nobody),
		get("auth/token/lookup-self").as("{tok}"), post("auth/token/renew-self", `{"increment":"2h"}`).as("{tok}"), post("auth/token/renew-self", `{}`).as("{tok}"),
		post("auth/{m}/role/r/secret-id", `{}`).save("secret_id", "data.secret_id"), post(path, both).as(nobody).wrapped(),
	}}
}

func appRoleRoles() Case {
	return Case{Name: "approle roles", Setup: appRole(``), Do: []Step{
		get("auth/{m}/role/r"), list("auth/{m}/role"), list("auth/{m}/role/r/secret-id"), post("auth/{m}/role/r/role-id", `{"role_id":"own-{m}"}`),
		get("auth/{m}/role/r/role-id"), post("auth/{m}/login", `{"role_id":"own-{m}","secret_id":"{secret_id}"}`).as(nobody), get("auth/{m}/role/none"), get("auth/{m}/role/none/role-id"), post("auth/{m}/role/none/secret-id", `{}`),
		post("auth/{m}/role/r/secret-id", `{"ttl":"10m","num_uses":3}`), post("auth/{m}/role/r/secret-id", `{}`).wrapped(),
		post("auth/{m}/role/x", `{"bind_secret_id":false}`), post("auth/{m}/role/x", `{"token_ttl":"2h","token_max_ttl":"1h"}`),
		post("auth/{m}/role/y", `{"bind_secret_id":false,"token_bound_cidrs":"127.0.0.0/8"}`), get("auth/{m}/role/y/role-id").save("role_id", "data.role_id"),
		post("auth/{m}/login", `{"role_id":"{role_id}"}`).as(nobody), remove("auth/{m}/role/y"), post("auth/{m}/login", `{"role_id":"{role_id}"}`).as(nobody),
	}}
}

func appRoleBatch() Case {
	return Case{Name: "approle batch tokens", Setup: appRole(`,"token_type":"batch"`), Do: []Step{
		post("auth/{m}/login", `{"role_id":"{role_id}","secret_id":"{secret_id}"}`).as(nobody).save("tok", "auth.client_token"),
		get("auth/token/lookup-self").as("{tok}"), post("auth/token/renew-self", `{}`).as("{tok}"),
	}}
}

func appRolePolicies() Case {
	return Case{Name: "approle with a policy that does not exist", Setup: appRole(``), Do: []Step{
		post("auth/{m}/role/r", `{"token_policies":["missing"],"token_no_default_policy":true,"token_num_uses":4}`),
		post("auth/{m}/login", `{"role_id":"{role_id}","secret_id":"{secret_id}"}`).as(nobody),
	}}
}

func kubernetes() []Step {
	const bound = `"bound_service_account_names":"app","bound_service_account_namespaces":"apps"`
	return []Step{
		post("sys/auth/{m}", `{"type":"kubernetes"}`),
		post("auth/{m}/config", `{"kubernetes_host":"{kubernetes_host}","token_reviewer_jwt":"{jwt}","disable_local_ca_jwt":true}`),
		post("auth/{m}/role/app", `{`+bound+`,"audience":"vault",`+appRoleTokens+`}`),
		post("auth/{m}/role/any", `{"bound_service_account_names":"a*","bound_service_account_namespaces":"*",`+appRoleTokens+`}`),
	}
}

func kubernetesLogin() Case {
	login := func(role, jwt string) Step {
		return post("auth/{m}/login", `{"role":"`+role+`","jwt":"`+jwt+`"}`).as(nobody)
	}
	return Case{Name: "kubernetes login", Setup: kubernetes(), Do: []Step{
		login("app", "{jwt}").save("tok", "auth.client_token"), get("auth/token/lookup-self").as("{tok}"), login("any", "{jwt_other_audience}"),
		login("any", "{jwt_elsewhere}"), login("none", "{jwt}"), login("app", "{jwt_other_account}"), login("any", "{jwt_other_account}"),
		login("app", "{jwt_elsewhere}"), login("app", "{jwt_other_audience}"), login("app", "{jwt_expired}"), login("app", "nonsense"),
		post("auth/{m}/login", `{"role":"app"}`).as(nobody), post("auth/{m}/login", `{"jwt":"x"}`).as(nobody), post("auth/{m}/login", `{}`).as(nobody),
		get("auth/{m}/login").as(nobody),
	}}
}

func kubernetesRoles() Case {
	return Case{Name: "kubernetes roles", Setup: kubernetes(), Do: []Step{
		get("auth/{m}/role/app"), get("auth/{m}/role/none"), list("auth/{m}/role"), post("auth/{m}/role/bad", `{}`),
		post("auth/{m}/role/bad", `{"bound_service_account_names":"*"}`),
		post("auth/{m}/role/open", `{"bound_service_account_names":"*","bound_service_account_namespaces":"*"}`), get("auth/{m}/config"),
		remove("auth/{m}/role/app"), get("auth/{m}/role/app"),
	}}
}

func userpassLogin() Case {
	login := func(user, body string) Step { return post("auth/{m}/login/"+user, body).as(nobody) }
	return Case{Name: "userpass login", Setup: []Step{
		post("sys/auth/{m}", `{"type":"userpass"}`), post("auth/{m}/users/u", `{"password":"p",`+appRoleTokens+`}`),
	}, Do: []Step{
		login("u", `{"password":"p"}`), login("u", `{"password":"p"}`).wrapped(), login("u", `{"password":"x"}`), login("none", `{"password":"x"}`), login("u", `{}`),
		list("auth/{m}/users"), remove("auth/{m}/users/u"), login("u", `{"password":"p"}`),
	}}
}

func jwtWithoutConfiguration() Case {
	return Case{Name: "jwt without configuration", Setup: []Step{post("sys/auth/{m}", `{"type":"jwt"}`)}, Do: []Step{
		post("auth/{m}/login", `{"role":"a","jwt":"b"}`).as(nobody),
	}}
}

func jwtLogin() Case {
	login := func(role, jwt string) Step {
		return post("auth/{m}/login", `{"role":"`+role+`","jwt":"`+jwt+`"}`).as(nobody)
	}
	const role = `{"role_type":"jwt","user_claim":"sub","bound_audiences":["vault"],` + appRoleTokens
	return Case{Name: "jwt login", Setup: []Step{
		post("sys/auth/{m}", `{"type":"jwt"}`), post("auth/{m}/config", `{"jwt_validation_pubkeys":["{jwt_key}"]}`),
		post("auth/{m}/role/app", role+`,"bound_subject":"system:serviceaccount:apps:app"}`), post("auth/{m}/role/any", role+`}`),
	}, Do: []Step{
		login("app", "{jwt}").save("tok", "auth.client_token"), get("auth/token/lookup-self").as("{tok}"), login("any", "{jwt_other_account}"),
		login("app", "{jwt_other_account}"), login("app", "{jwt_other_audience}"), login("app", "{jwt_expired}"), login("app", "nonsense"),
		login("none", "{jwt}"), login("", "{jwt}"), post("auth/{m}/login", `{"role":"app"}`).as(nobody), list("auth/{m}/role"),
	}}
}
