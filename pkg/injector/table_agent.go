package injector

import (
	"strconv"
	"time"
)

// The sections of the table that the old injector has, part two: how the agent
// runs and what it is told.

func securityRows() []row {
	rows := amountRows("agent-", "of the agent's containers", func(p *plan) *amounts { return &p.amounts })
	for i, option := range []func(*Options) string{
		func(o *Options) string { return o.CPULimit }, func(o *Options) string { return o.MemoryLimit }, func(o *Options) string { return o.EphemeralLimit },
		func(o *Options) string { return o.CPURequest }, func(o *Options) string { return o.MemoryRequest }, func(o *Options) string { return o.EphemeralRequest },
	} {
		rows[i].option = option
	}
	for i, fallback := range []string{"`500m`", "`128Mi`", "", "`250m`", "`64Mi`", ""} {
		rows[i].fallback = fallback
	}
	return append(rows, []row{
		{
			name: "agent-run-as-user", kind: "integer", fallback: "100", set: id(inPlan(func(p *plan) *int64 { return &p.user }), inPlan(func(p *plan) *bool { return &p.userSaid })),
			effect: "User of the agent.",
		},
		{
			name: "agent-run-as-group", kind: "integer", fallback: "1000", set: id(inPlan(func(p *plan) *int64 { return &p.group }), inPlan(func(p *plan) *bool { return &p.groupSaid })),
			effect: "Group of the agent.",
		},
		{
			name: "agent-run-as-same-user", kind: "bool", fallback: "the injector's, else false", set: boolean(inPlan(func(p *plan) *bool { return &p.sameUser })),
			effect: "The agent runs as the user of the pod's first container, or of the pod.",
		},
		{
			name: "agent-set-security-context", kind: "bool", fallback: "the injector's, else true", set: boolean(inPlan(func(p *plan) *bool { return &p.securityContext })),
			effect: "False leaves the agent's containers without a security context.",
		},
		{
			name: "agent-service-account-token-volume-name", kind: "name of a volume", set: trimmed(inPlan(func(p *plan) *string { return &p.tokenVolume })),
			fallback: "see below", effect: "The projected volume with the token to log in with.",
		},
	}...)
}

// amountRows are the annotations of requests and limits of some containers.
func amountRows(prefix, of string, at func(*plan) *amounts) []row {
	var rows []row
	for _, what := range []string{"limits", "requests"} {
		for i, name := range []string{"cpu", "mem", "ephemeral"} {
			rows = append(rows, row{
				name: prefix + what + "-" + name, kind: "quantity", effect: sentence(what, i) + of + ". Empty for none.",
				set: quantity(func(p *parser, _ arg) *amount {
					if what == "limits" {
						return &at(p.plan).limits[i]
					}
					return &at(p.plan).requests[i]
				}),
			})
		}
	}
	return rows
}

func sentence(what string, i int) string {
	return map[string]string{"limits": "Limit ", "requests": "Request "}[what] + []string{"of CPU ", "of memory ", "of ephemeral storage "}[i]
}

func vaultRows() []row {
	at := func(field func(*vaultPlan) *string) place[string] {
		return inPlan(func(p *plan) *string { return field(&p.vault) })
	}
	return []row{
		{name: "service", kind: "URL", fallback: "the injector's", set: trimmed(at(func(v *vaultPlan) *string { return &v.address })), effect: "Address of Vault."},
		{name: "namespace", kind: "Vault namespace", fallback: "the injector's", option: func(o *Options) string { return o.VaultNamespace }, set: trimmed(at(func(v *vaultPlan) *string { return &v.namespace })), effect: "Vault namespace of the login and of all secrets."},
		{name: "proxy-address", kind: "URL", fallback: "the injector's", option: func(o *Options) string { return o.ProxyAddress }, set: trimmed(at(func(v *vaultPlan) *string { return &v.proxy })), effect: "Variable `HTTPS_PROXY` of the agent."},
		{name: "tls-skip-verify", kind: "bool", fallback: "false", set: boolean(inPlan(func(p *plan) *bool { return &p.vault.skipVerify })), effect: "Vault's certificate is not verified. Do not use it in production."},
		{name: "tls-secret", kind: "name of a Secret", set: trimmed(at(func(v *vaultPlan) *string { return &v.tlsSecret })), effect: "Mounted at `/vault/tls` in the agent's containers. It must exist in the pod's namespace."},
		{name: "tls-server-name", kind: "text", set: trimmed(at(func(v *vaultPlan) *string { return &v.serverName })), effect: "Name that Vault's certificate must have."},
		{name: "ca-cert", kind: "path", set: trimmed(at(func(v *vaultPlan) *string { return &v.caCert })), effect: "Certificate of the authority that Vault's certificate is of, usually `/vault/tls/ca.crt`."},
		{name: "ca-key", kind: "path", set: trimmed(at(func(v *vaultPlan) *string { return &v.caPath })), effect: "In spite of its name: a directory of certificates of authorities. See `vaultk8s.io/agent-ca-path`."},
		{name: "client-cert", kind: "path", set: trimmed(at(func(v *vaultPlan) *string { return &v.clientCert })), effect: "Certificate that the agent shows to Vault."},
		{name: "client-key", kind: "path", set: trimmed(at(func(v *vaultPlan) *string { return &v.clientKey })), effect: "Key of `client-cert`."},
		{name: "client-max-retries", kind: "integer", set: digits(at(func(v *vaultPlan) *string { return &v.maxRetries }), 0), effect: "How often a request that failed is sent again."},
		{name: "client-timeout", kind: "duration", set: spanText(at(func(v *vaultPlan) *string { return &v.timeout })), effect: "Time limit of a request."},
		{name: "go-max-procs", kind: "integer", set: digits(inPlan(func(p *plan) *string { return &p.goMaxProcs }), 1), effect: "Variable `GOMAXPROCS` of the agent."},
		{name: "log-level", kind: "word", fallback: "`info`", set: oneOf(inPlan(func(p *plan) *string { return &p.logLevel }), "info", "trace", "debug", "notice", "warn", "warning", "error", "err"), effect: "How much the agent logs."},
		{name: "log-format", kind: "`standard` or `json`", fallback: "`standard`", set: oneOf(inPlan(func(p *plan) *string { return &p.logFormat }), "standard", "json"), effect: "How the agent logs."},
	}
}

func authRows() []row {
	return []row{
		{name: "role", kind: "text", set: trimmed(inPlan(func(p *plan) *string { return &p.auth.role })), effect: "Role to log in with. Required for the type `kubernetes`, unless `auth-config-role` says it."},
		{name: "auth-type", kind: "word", fallback: "`kubernetes`", option: func(o *Options) string { return o.AuthType }, set: method(inPlan(func(p *plan) *string { return &p.auth.kind })), effect: "Way to log in."},
		{name: "auth-path", kind: "path", fallback: "`auth/kubernetes`", option: func(o *Options) string { return o.AuthPath }, set: trimmed(inPlan(func(p *plan) *string { return &p.auth.path })), effect: "Mount of the auth method."},
		{name: "auth-config-X", kind: "text", set: authConfig, effect: "Option X of the auth method; dashes become underscores. `auth-config-token-path` takes the place of the token that the injector finds."},
		{name: "auth-min-backoff", kind: "duration", fallback: "the agent's, 1s", option: func(o *Options) string { return o.AuthMinBackoff }, set: backoff(inPlan(func(p *plan) *time.Duration { return &p.auth.minBackoff }), "min"), effect: "Shortest pause after a failed login."},
		{name: "auth-max-backoff", kind: "duration", fallback: "the agent's, 5m", option: func(o *Options) string { return o.AuthMaxBackoff }, set: backoff(inPlan(func(p *plan) *time.Duration { return &p.auth.maxBackoff }), "max"), effect: "Longest pause after a failed login."},
		{name: "agent-auto-auth-exit-on-err", kind: "bool", fallback: "false", set: boolean(inPlan(func(p *plan) *bool { return &p.auth.exitOnErr })), effect: "The first failed login ends the agent."},
	}
}

func agentRows() []row {
	return []row{
		{name: "agent-cache-enable", kind: "bool", fallback: "false", set: boolean(inPlan(func(p *plan) *bool { return &p.cache.enabled })), effect: "The agent listens on `127.0.0.1` and passes requests of the application on to Vault. With init container and sidecar the cache is handed over."},
		{name: "agent-cache-use-auto-auth-token", kind: "`true`, `false` or `force`", fallback: "`true`", set: oneOf(inPlan(func(p *plan) *string { return &p.cache.useToken }), "true", "false", "force"), effect: "Whether requests without a token, or all, get the agent's."},
		{name: "agent-cache-listener-port", kind: "port", fallback: "8200", set: port, effect: "Port of the agent."},
		{name: "agent-cache-exit-on-err", kind: "bool", fallback: "false", set: boolean(inPlan(func(p *plan) *bool { return &p.cache.exitOnErr })), effect: "A cache that cannot be taken over ends the agent."},
		{name: "template-config-exit-on-retry-failure", kind: "bool", fallback: "the injector's, else true", set: boolean(inPlan(func(p *plan) *bool { return &p.template.exitOnRetryFailure })), effect: "A secret that cannot be read ends the agent."},
		{name: "template-static-secret-render-interval", kind: "duration", fallback: "the agent's, 5m", option: func(o *Options) string { return o.StaticSecretRenderInterval }, set: span(inPlan(func(p *plan) *time.Duration { return &p.template.interval }), 0), effect: "How often a secret without a lease is read again."},
		{name: "template-max-connections-per-host", kind: "integer", fallback: "the agent's, 10", set: integer(inPlan(func(p *plan) *int { return &p.template.connections }), 0), effect: "How many requests of templates run at the same time."},
		{name: "template-lease-renewal-threshold", kind: "fraction", fallback: "the agent's, 0.90", set: fraction(inPlan(func(p *plan) *float64 { return &p.template.threshold })), effect: "The part of the life of a lease without renewal after which it is replaced."},
		{name: "agent-disable-idle-connections", kind: "list", fallback: "the injector's", option: func(o *Options) string { return o.DisableIdleConnections }, set: subsystems(inPlan(func(p *plan) *[]string { return &p.idle })), effect: "Subsystems (`auto-auth`, `caching`, `proxying`, `templating`) that keep no idle connection."},
		{name: "agent-disable-keep-alives", kind: "list", fallback: "the injector's", option: func(o *Options) string { return o.DisableKeepAlives }, set: subsystems(inPlan(func(p *plan) *[]string { return &p.alive })), effect: "Subsystems that use no connection twice."},
		{name: "agent-telemetry-X", kind: "JSON or text", set: telemetry, effect: "Option X of the block `telemetry`; dashes become underscores."},
	}
}

// port checks a port, which the document holds as text.
func port(p *parser, a arg) {
	n, ok := p.integer(a, 1)
	if ok && n > 65535 {
		p.refuse(atAgent, "%s: %d is more than 65535", a.key, n)
		return
	}
	p.plan.cache.port = strconv.Itoa(n)
}
