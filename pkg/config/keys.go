package config

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// KeyDoc describes one key of the shared file, and its other names.
type KeyDoc struct {
	Key     string   // "vault.address"
	Type    string   // "string", "bool", "int", "duration", "url", "rate", "words", "map", "list"
	Default string   // as it would be written; "" for none
	Env     []string // variables that set it, the strongest first
	Flag    string   // without dashes; "" for none
	Effect  string   // one sentence, without a period
}

// key is one row of the table: the description and what makes it effective.
type key struct {
	KeyDoc
	read   reader     // of a single value
	decode nodeReader // of a structured value, which only the file can hold
}

// reader puts a value into the configuration and returns how to show it.
type reader func(c *Config, text string) (shown string, err error)

// nodeReader does so for a piece of the file.
type nodeReader func(c *Config, n *yaml.Node, report reporter) (shown string)

// reporter takes what is wrong at a line of the file.
type reporter func(line int, format string, args ...any)

// Keys returns the description of every key, in the order of the reference page.
func Keys() []KeyDoc {
	table := keys()
	docs := make([]KeyDoc, len(table))
	for i, k := range table {
		docs[i] = k.KeyDoc
	}
	return docs
}

// keys builds the table anew: nothing is kept in the memory of a program that has loaded.
func keys() []key {
	var all []key
	for _, section := range [][]key{vaultKeys(), authKeys(), logKeys(), telemetryKeys(), agentKeys(), injectorKeys(), csiKeys(), operatorKeys()} {
		all = append(all, section...)
	}
	for i := range all {
		all[i].Env = envNames(all[i].Key)
		if all[i].decode != nil {
			all[i].Env = nil
		}
	}
	return all
}

// sections returns the names of the file's top level.
func sections() []string {
	return []string{"vault", "auth", "log", "telemetry", "agent", "injector", "csi", "operator"}
}

func row(name, typ, def, flag string, read reader, effect string) key {
	return key{KeyDoc: KeyDoc{Key: name, Type: typ, Default: def, Flag: flag, Effect: effect}, read: read}
}

func vaultKeys() []key {
	return []key{
		row("vault.address", "url", "https://127.0.0.1:8200", "address", address(func(c *Config) *string { return &c.Vault.Address }), "the Vault server; unix:///path for a socket"),
		row("vault.namespace", "string", "", "namespace", text(func(c *Config) *string { return &c.Vault.Namespace }), "the Vault namespace of every request"),
		row("vault.ca_cert", "string", "", "ca-cert", text(func(c *Config) *string { return &c.Vault.CACert }), "file of PEM certificates that the server's certificate is checked against"),
		row("vault.ca_path", "string", "", "ca-path", text(func(c *Config) *string { return &c.Vault.CAPath }), "directory of such files"),
		row("vault.ca_cert_bytes", "string", "", "", text(func(c *Config) *string { return &c.Vault.CACertBytes }), "such PEM certificates themselves"),
		row("vault.client_cert", "string", "", "client-cert", text(func(c *Config) *string { return &c.Vault.ClientCert }), "file of the client's certificate for mutual TLS"),
		row("vault.client_key", "string", "", "client-key", text(func(c *Config) *string { return &c.Vault.ClientKey }), "file of the client's private key"),
		row("vault.tls_server_name", "string", "", "tls-server-name", text(func(c *Config) *string { return &c.Vault.TLSServerName }), "name expected in the server's certificate"),
		row("vault.tls_skip_verify", "bool", "false", "tls-skip-verify", boolean(func(c *Config) *bool { return &c.Vault.TLSSkipVerify }), "do not check the server's certificate"),
		row("vault.proxy_address", "url", "", "", proxy(func(c *Config) *string { return &c.Vault.ProxyAddress }), "proxy for the connections to Vault; without it HTTPS_PROXY and NO_PROXY count"),
		row("vault.timeout", "duration", "60s", "", duration(func(c *Config) *seconds { return &c.Vault.Timeout }), "time limit of one request"),
		row("vault.rate_limit", "rate", "", "", rateLimit, "requests per second to the address, with the burst behind a colon (100:200); none if empty"),
		row("vault.max_retries", "int", "0", "", atLeast(-1, func(c *Config) *int { return &c.Vault.MaxRetries }), "repetitions of a failed request; 0 means 12, -1 none"),
		row("vault.max_conns", "int", "0", "", atLeast(0, func(c *Config) *int { return &c.Vault.MaxConns }), "connections to the server at a time; 0 for no bound"),
		row("vault.disable_keep_alives", "bool", "false", "", boolean(func(c *Config) *bool { return &c.Vault.NoKeepAlive }), "use each connection once"),
		row("vault.disable_idle_connections", "bool", "false", "", boolean(func(c *Config) *bool { return &c.Vault.NoIdle }), "close a connection as soon as it is idle"),
		{KeyDoc: KeyDoc{Key: "vault.headers", Type: "list", Effect: "extra headers of every request: a list of name and value"}, decode: headers},
	}
}

func authKeys() []key {
	return []key{
		row("auth.method", "string", "kubernetes", "auth-method", oneOf(methods, func(c *Config) *string { return &c.Auth.Method }), "way to log in: "+strings.Join(methods(), ", ")),
		row("auth.mount", "string", "", "auth-mount", mount(func(c *Config) *string { return &c.Auth.Mount }), "path of the auth mount; auth/METHOD if empty"),
		row("auth.namespace", "string", "", "auth-namespace", text(func(c *Config) *string { return &c.Auth.Namespace }), "Vault namespace of the auth mount; vault.namespace if empty"),
		row("auth.role", "string", "", "auth-role", text(func(c *Config) *string { return &c.Auth.Role }), "role to log in with"),
		{KeyDoc: KeyDoc{Key: "auth.options", Type: "map", Effect: "further options of the method, by name"}, decode: options},
		row("auth.min_backoff", "duration", "1s", "", duration(func(c *Config) *seconds { return &c.Auth.MinBackoff }), "first pause after a failed login"),
		row("auth.max_backoff", "duration", "5m", "", duration(func(c *Config) *seconds { return &c.Auth.MaxBackoff }), "longest pause between failed logins"),
		row("auth.exit_on_err", "bool", "false", "", boolean(func(c *Config) *bool { return &c.Auth.ExitOnErr }), "end the program at the first failed login"),
		row("auth.wrap_ttl", "duration", "0s", "", duration(func(c *Config) *seconds { return &c.Auth.WrapTTL }), "ask for a wrapped login response that lives that long; 0 for a plain one"),
		row("auth.reauth", "bool", "false", "", boolean(func(c *Config) *bool { return &c.Auth.Reauth }), "log in again when the credentials change"),
	}
}

func logKeys() []key {
	return []key{
		row("log.level", "string", "info", "log-level", level(func(c *Config) *string { return &c.Log.Level }), "least severe message that is logged: trace, debug, info, warn, error"),
		row("log.format", "string", "text", "log-format", format(func(c *Config) *string { return &c.Log.Format }), "text or json"),
		row("log.file", "string", "", "log-file", text(func(c *Config) *string { return &c.Log.File }), "file to log to; a directory takes agent.log in it; standard error if empty"),
		row("log.rotate_bytes", "int", "0", "log-rotate-bytes", atLeast(0, func(c *Config) *int64 { return &c.Log.RotateBytes }), "size at which the file is put aside; 0 for no bound"),
		row("log.rotate_duration", "duration", "24h", "log-rotate-duration", duration(func(c *Config) *seconds { return &c.Log.RotateDuration }), "age at which the file is put aside"),
		row("log.rotate_max_files", "int", "0", "log-rotate-max-files", atLeast(-1, func(c *Config) *int { return &c.Log.RotateMaxFiles }), "old files that are kept; 0 for all, -1 for none"),
	}
}

func telemetryKeys() []key {
	return []key{
		row("telemetry.address", "string", "", "telemetry-address", hostPort(func(c *Config) *string { return &c.Telemetry.Address }), "host:port that serves /metrics, /livez and /readyz; off if empty"),
	}
}

func agentKeys() []key {
	return []key{
		row("agent.exit_after_auth", "bool", "false", "exit-after-auth", boolean(func(c *Config) *bool { return &c.Agent.ExitAfterAuth }), "end once every sink and template was written"),
		row("agent.pid_file", "string", "", "", text(func(c *Config) *string { return &c.Agent.PIDFile }), "file that holds the process id while the agent runs"),
		row("agent.revoke_on_shutdown", "bool", "false", "", boolean(func(c *Config) *bool { return &c.Agent.RevokeOnShutdown }), "revoke the agent's own token when it ends"),
		row("agent.disable_idle_connections", "words", "", "", words(func(c *Config) *[]string { return &c.Agent.DisableIdleConnections }), "subsystems that keep no idle connection: "+strings.Join(subsystems(), ", ")),
		row("agent.disable_keep_alives", "words", "", "", words(func(c *Config) *[]string { return &c.Agent.DisableKeepAlives }), "subsystems that use each connection once: the same words"),
	}
}

// methods returns the names that auth.method may have.
func methods() []string {
	return []string{"kubernetes", "jwt", "approle", "cert", "aws", "gcp", "azure", "ldap", "userpass", "token_file"}
}

// subsystems returns the users of connections inside an agent.
func subsystems() []string {
	return []string{"auto-auth", "caching", "proxying", "templating"}
}
