package agentfile

import "strings"

// KeyDoc describes one key of the document, for the reference page and for
// whoever needs to know what exists.
type KeyDoc struct {
	Path    string // as messages name it: "auto_auth.sink.config.mode"; labels do not count
	Type    string // "string", "bool", "int", "number", "duration", "mode", "list", "map", "block" or "blocks"
	Default string // as it would be written; "" for none
	Effect  string // one sentence, without a period
	Example string // a value in HCL
	Ours    bool   // the Vault Agent has no such key
}

// Block returns the path of the block that the key stands in, "" for the top level.
func (k KeyDoc) Block() string {
	block, _ := k.split()
	return block
}

// Name returns the last part of the path.
func (k KeyDoc) Name() string {
	_, name := k.split()
	return name
}

func (k KeyDoc) split() (block, name string) {
	at := strings.LastIndex(k.Path, ".")
	return k.Path[:max(at, 0)], k.Path[at+1:]
}

// Keys returns every key of the document, block by block, in the order of the
// reference page. What an identity says about its server and method has the
// keys of the blocks vault and auto_auth.method, which are not repeated.
func Keys() []KeyDoc {
	var all []KeyDoc
	for _, block := range [][]KeyDoc{
		topKeys(), vaultKeys(), autoAuthKeys(), methodKeys(), sinkKeys(), identityKeys(), templateKeys(), templateExecKeys(),
		templateConfigKeys(), envTemplateKeys(), execKeys(), cacheKeys(), apiProxyKeys(), listenerKeys(), telemetryKeys(),
	} {
		all = append(all, block...)
	}
	return all
}

// row describes a key; an example that is left out follows from the type.
func row(path, typ, def, effect string, example ...string) KeyDoc {
	k := KeyDoc{Path: path, Type: typ, Default: def, Effect: effect}
	switch {
	case len(example) > 0:
		k.Example = example[0]
	case typ == "bool":
		k.Example = "true"
	case typ == "int":
		k.Example = "3"
	case typ == "duration":
		k.Example = `"30s"`
	case typ == "list":
		k.Example = `["a"]`
	case typ == "map" || typ == "block" || typ == "blocks":
		k.Example = "{}"
	default:
		k.Example = `"a"`
	}
	return k
}

// own describes a key that the Vault Agent does not have.
func own(path, typ, def, effect string, example ...string) KeyDoc {
	k := row(path, typ, def, effect, example...)
	k.Ours = true
	return k
}

func topKeys() []KeyDoc {
	return []KeyDoc{
		row("vault", "block", "", "the server that is talked to"),
		row("auto_auth", "block", "", "how to log in, and where the token goes"),
		own("identity", "blocks", "", `further ways to log in, each with a name that templates of files and variables refer to: identity "NAME" {}`),
		row("template", "blocks", "", "files to render"),
		row("template_config", "block", "", "what holds for all templates"),
		row("env_template", "blocks", "", `environment variables to render: env_template "NAME" {}`),
		row("exec", "block", "", "the process that gets these variables"),
		row("cache", "block", "", "leases are shared with the requests of others, and kept over a restart"),
		row("api_proxy", "block", "", "requests of others are passed on to Vault"),
		row("listener", "blocks", "", `addresses to serve: listener "tcp" {} or listener "unix" {}`),
		row("telemetry", "block", "", "metrics"),
		row("pid_file", "string", "", "file that holds the process id while the agent runs", `"/run/agent.pid"`),
		row("exit_after_auth", "bool", "false", "end with exit code 0 once every sink and template was written and every command was run"),
		own("revoke_on_shutdown", "bool", "false", "revoke the agent's own token, and with it all leases, at an orderly end"),
		own("reload_on_change", "bool", "true", "take over changes of the files that this document came from, as after SIGHUP", "false"),
		row("disable_idle_connections", "list", "", "subsystems that keep no idle connection: auto-auth, caching, proxying, templating", `["templating"]`),
		row("disable_keep_alives", "list", "", "subsystems that use each connection once: the same words", `["templating"]`),
		row("log_level", "string", "info", "least severe message that is logged: trace, debug, info, warn or error", `"debug"`),
		row("log_format", "string", "standard", "standard (text) or json", `"json"`),
		row("log_file", "string", "", "file to log to in place of standard error; a directory takes agent.log in it", `"/var/log/agent.log"`),
		row("log_rotate_bytes", "int", "0", "size at which the log file is put aside; 0 for no bound", "1048576"),
		row("log_rotate_duration", "duration", "24h", "age at which the log file is put aside", `"12h"`),
		row("log_rotate_max_files", "int", "0", "old log files that are kept; 0 for all, -1 for none"),
	}
}

func vaultKeys() []KeyDoc {
	return []KeyDoc{
		row("vault.address", "string", "https://127.0.0.1:8200", "URL of the server; unix:///PATH for a socket", `"https://vault:8200"`),
		row("vault.namespace", "string", "", "Vault namespace of the login and of every request; that of the method if empty", `"team"`),
		row("vault.ca_cert", "string", "", "file of PEM certificates that the server's certificate is checked against", `"/vault/tls/ca.crt"`),
		row("vault.ca_path", "string", "", "directory of such files", `"/vault/tls/ca"`),
		row("vault.client_cert", "string", "", "file of the client's certificate for mutual TLS; read again when it changes", `"/vault/tls/client.crt"`),
		row("vault.client_key", "string", "", "file of the client's private key", `"/vault/tls/client.key"`),
		row("vault.tls_server_name", "string", "", "name expected in the server's certificate", `"vault.example.com"`),
		row("vault.tls_skip_verify", "bool", "false", "do not check the server's certificate"),
		row("vault.retry", "block", "", "how failed requests are repeated"),
		row("vault.retry.num_retries", "int", "0", "repetitions of a failed request; 0 means 12, -1 none"),
	}
}

func autoAuthKeys() []KeyDoc {
	return []KeyDoc{
		row("auto_auth.method", "block", "", `the way to log in, exactly one: method "kubernetes" {}`),
		row("auto_auth.sink", "blocks", "", `files that hold the token: sink "file" {}`),
		row("auto_auth.sinks", "blocks", "", "another name of sink"),
		row("auto_auth.enable_reauth_on_new_credentials", "bool", "false", "log in again as soon as the credentials of the method change"),
	}
}

func methodKeys() []KeyDoc {
	return []KeyDoc{
		row("auto_auth.method.type", "string", "", "the method, where no label says it: "+strings.Join(methodTypes(), ", "), `"kubernetes"`),
		row("auto_auth.method.mount_path", "string", "auth/TYPE", "path of the auth mount", `"auth/kubernetes"`),
		row("auto_auth.method.namespace", "string", "", "Vault namespace of the auth mount", `"team"`),
		row("auto_auth.method.wrap_ttl", "duration", "0s", "ask for a wrapped login response that lives that long, and write it to the only sink; 0 for a plain one"),
		row("auto_auth.method.min_backoff", "duration", "1s", "first pause after a failed login"),
		row("auto_auth.method.max_backoff", "duration", "5m", "longest pause between failed logins"),
		row("auto_auth.method.exit_on_err", "bool", "false", "the first failed login ends the agent"),
		row("auto_auth.method.config", "map", "", "options of the method, by name; unknown ones are ignored", `{ role = "orders" }`),
	}
}

func sinkKeys() []KeyDoc {
	return []KeyDoc{
		row("auto_auth.sink.type", "string", "", "the kind of sink, where no label says it: file", `"file"`),
		row("auto_auth.sink.wrap_ttl", "duration", "0s", "write a wrapped token that lives that long; 0 for the token itself"),
		row("auto_auth.sink.dh_type", "string", "", "encrypt the token for its reader: curve25519", `"curve25519"`),
		row("auto_auth.sink.dh_path", "string", "", "file of the reader's public key, in JSON", `"/vault/dh.json"`),
		row("auto_auth.sink.derive_key", "bool", "false", "derive the key from the shared secret in place of using that itself"),
		row("auto_auth.sink.aad", "string", "", "additional data that the encryption authenticates"),
		row("auto_auth.sink.aad_env_var", "string", "", "environment variable that holds it", `"AAD"`),
		row("auto_auth.sink.config", "block", "", "the file"),
		row("auto_auth.sink.config.path", "string", "", "path of the file; required", `"/home/vault/.vault-token"`),
		row("auto_auth.sink.config.mode", "mode", "0640", "permissions of the file, an integer: 0640 in HCL is 416 in JSON", "0600"),
		row("auto_auth.sink.config.uid", "int", "", "owner of the file; left as it comes if absent", "1000"),
		row("auto_auth.sink.config.gid", "int", "", "group of the file; left as it comes if absent", "1000"),
	}
}

func identityKeys() []KeyDoc {
	return []KeyDoc{
		own("identity.name", "string", "", "the name, where no label says it", `"partner"`),
		own("identity.vault", "block", "", "the keys of the block vault; those that are left out are taken from there"),
		own("identity.method", "block", "", "the way to log in: the keys of the block auto_auth.method, without wrap_ttl"),
	}
}

func cacheKeys() []KeyDoc {
	return []KeyDoc{
		row("cache.use_auto_auth_token", "string", "false", "older place of api_proxy.use_auto_auth_token", `"force"`),
		row("cache.enforce_consistency", "string", "never", "older place of api_proxy.enforce_consistency", `"always"`),
		row("cache.when_inconsistent", "string", "fail", "older place of api_proxy.when_inconsistent", `"retry"`),
		row("cache.persist", "block", "", `where token and leases are kept over a restart: persist "kubernetes" {}`),
		row("cache.persist.type", "string", "", "the kind of storage, where no label says it: kubernetes", `"kubernetes"`),
		row("cache.persist.path", "string", "", "directory in a memory volume; required", `"/vault/agent-cache"`),
		row("cache.persist.keep_after_import", "bool", "false", "taken, without effect: the file is kept up to date for the next restart"),
		row("cache.persist.exit_on_err", "bool", "false", "end if what was kept cannot be read, in place of a new start"),
		row("cache.persist.service_account_token_file", "string", "", "taken, without effect: what is kept is bound to the identity of the pod", `"/token"`),
	}
}

func apiProxyKeys() []KeyDoc {
	return []KeyDoc{
		row("api_proxy.use_auto_auth_token", "string", "false", "true gives the agent's token to requests without one, force to all", `"force"`),
		row("api_proxy.enforce_consistency", "string", "never", "never or always read what was written before, with Vault Enterprise", `"always"`),
		row("api_proxy.when_inconsistent", "string", "fail", "what follows a stale read: fail, retry or forward", `"retry"`),
		row("api_proxy.prepend_configured_namespace", "bool", "false", "put the agent's namespace before that of a request"),
	}
}

func listenerKeys() []KeyDoc {
	return []KeyDoc{
		row("listener.type", "string", "", "tcp or unix, where no label says it", `"tcp"`),
		row("listener.address", "string", DefaultListenerAddress, "HOST:PORT, or the path of the socket", `"127.0.0.1:8100"`),
		row("listener.tls_disable", "bool", "false", "serve without TLS"),
		row("listener.tls_cert_file", "string", "", "file of the certificate", `"/tls/tls.crt"`),
		row("listener.tls_key_file", "string", "", "file of its private key", `"/tls/tls.key"`),
		row("listener.tls_min_version", "string", "tls12", "least version of TLS: tls10, tls11, tls12 or tls13", `"tls13"`),
		row("listener.tls_max_version", "string", "tls13", "greatest version of TLS", `"tls12"`),
		row("listener.tls_cipher_suites", "list", "", "cipher suites of TLS 1.2, also as one string with commas", `["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]`),
		row("listener.tls_client_ca_file", "string", "", "file of PEM certificates that clients' certificates are checked against", `"/tls/ca.crt"`),
		row("listener.tls_require_and_verify_client_cert", "bool", "false", "refuse clients without a certificate"),
		row("listener.tls_disable_client_certs", "bool", "false", "do not ask clients for a certificate"),
		row("listener.socket_mode", "string", "", "permissions of the socket, in octal", `"0660"`),
		row("listener.socket_user", "string", "", "owner of the socket", `"1000"`),
		row("listener.socket_group", "string", "", "group of the socket", `"1000"`),
		row("listener.require_request_header", "bool", "false", "refuse requests without the header X-Vault-Request: true"),
		row("listener.role", "string", "default", "default, or metrics_only to serve nothing but metrics", `"metrics_only"`),
		row("listener.agent_api", "block", "", "requests to the agent itself"),
		row("listener.agent_api.enable_quit", "bool", "false", "POST /agent/v1/quit ends the agent"),
	}
}
