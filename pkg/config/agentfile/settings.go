package agentfile

import (
	"strconv"
	"strings"
)

// Settings returns what the document says about things that flags and the
// environment may override, by the key of the shared file; it is made for the
// field Document of the options of config.Load.
func (doc *Document) Settings() map[string]string {
	all := map[string]string{}
	say := func(key, value string) {
		if value != "" {
			all[key] = value
		}
	}
	doc.sayVault(say)
	say("log.level", doc.Log.Level)
	say("log.format", doc.Log.Format)
	say("log.file", doc.Log.File)
	say("log.rotate_bytes", integerText(doc.Log.RotateBytes))
	if doc.Log.RotateDuration > 0 {
		say("log.rotate_duration", doc.Log.RotateDuration.String())
	}
	say("log.rotate_max_files", integerText(doc.Log.RotateMaxFiles))
	say("agent.exit_after_auth", boolText(doc.ExitAfterAuth))
	say("agent.pid_file", doc.PIDFile)
	say("agent.revoke_on_shutdown", boolText(doc.RevokeOnShutdown))
	say("agent.disable_idle_connections", strings.Join(doc.DisableIdleConnections, ","))
	say("agent.disable_keep_alives", strings.Join(doc.DisableKeepAlives, ","))
	return all
}

func integerText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func boolText(b bool) string {
	if !b {
		return ""
	}
	return "true"
}

// sayVault also gives the namespace of the login to everything else, as the
// Vault Agent does, unless the connection has one of its own.
func (doc *Document) sayVault(say func(key, value string)) {
	if doc.AutoAuth != nil {
		say("vault.namespace", doc.AutoAuth.Method.Namespace)
	}
	if doc.Vault == nil {
		return
	}
	say("vault.address", doc.Vault.Address)
	say("vault.namespace", doc.Vault.Namespace)
	say("vault.ca_cert", doc.Vault.CACert)
	say("vault.ca_path", doc.Vault.CAPath)
	say("vault.client_cert", doc.Vault.ClientCert)
	say("vault.client_key", doc.Vault.ClientKey)
	say("vault.tls_server_name", doc.Vault.TLSServerName)
	say("vault.tls_skip_verify", boolText(doc.Vault.TLSSkipVerify))
	say("vault.max_retries", integerText(doc.Vault.NumRetries))
}
