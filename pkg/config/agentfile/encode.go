package agentfile

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Encode writes the document as JSON, in the shape that the old injector wrote
// into VAULT_CONFIG: what has its default is left out, except for the keys that
// it always wrote. Decoding the result gives an equal document.
func Encode(doc *Document) ([]byte, error) { return Append(nil, doc) }

// Append is [Encode] into a slice that is there.
func Append(out []byte, doc *Document) ([]byte, error) {
	out, err := appendValue(out, encodeDocument(doc))
	if err != nil {
		return nil, fmt.Errorf("encode agent document: %w", err)
	}
	return out, nil
}

// fields is one JSON object; its keys are written in their order.
type fields map[string]any

// add puts a value in unless it is the zero value of its type.
func (f fields) add(name string, value any) {
	if v := reflect.ValueOf(value); v.IsValid() && !v.IsZero() {
		f[name] = value
	}
}

// addSpan puts a duration in, unless it is what Decode assumes anyway.
func (f fields) addSpan(name string, d, assumed time.Duration) {
	if d != assumed {
		f[name] = d.String()
	}
}

// addTexts puts a list in; a list of one is written as a string. An element that
// Decode would take for no list at all keeps its brackets.
func (f fields) addTexts(name string, all []string) {
	switch {
	case len(all) == 1 && all[0] != "":
		f[name] = all[0]
	case len(all) > 0:
		f[name] = all
	}
}

func encodeDocument(doc *Document) fields {
	f := fields{"exit_after_auth": doc.ExitAfterAuth, "template_config": encodeTemplateConfig(doc.TemplateConfig)}
	encodeBlocks(f, doc)
	f.add("identity", encodeAll(doc.Identities, encodeIdentity))
	f.add("listener", encodeAll(doc.Listeners, encodeListener))
	f.add("template", encodeAll(doc.Templates, encodeTemplate))
	f.add("env_template", encodeAll(doc.EnvTemplates, encodeEnvTemplate))
	f.add("telemetry", doc.Telemetry)
	f.add("pid_file", doc.PIDFile)
	f.add("revoke_on_shutdown", doc.RevokeOnShutdown)
	if doc.ReloadOnChange != nil {
		f["reload_on_change"] = *doc.ReloadOnChange
	}
	f.add("disable_idle_connections", doc.DisableIdleConnections)
	f.add("disable_keep_alives", doc.DisableKeepAlives)
	f.add("log_level", doc.Log.Level)
	f.add("log_format", doc.Log.Format)
	f.add("log_file", doc.Log.File)
	f.add("log_rotate_bytes", doc.Log.RotateBytes)
	f.addSpan("log_rotate_duration", doc.Log.RotateDuration, 0)
	f.add("log_rotate_max_files", doc.Log.RotateMaxFiles)
	return f
}

// encodeBlocks puts in the blocks that may be absent.
func encodeBlocks(f fields, doc *Document) {
	if doc.Vault != nil {
		f["vault"] = encodeVault(doc.Vault)
	}
	if doc.AutoAuth != nil {
		f["auto_auth"] = encodeAutoAuth(doc.AutoAuth)
	}
	if doc.APIProxy != nil {
		f["api_proxy"] = encodeAPIProxy(doc.APIProxy)
	}
	if doc.Cache != nil {
		f["cache"] = encodeCache(doc.Cache)
	}
	if doc.Exec != nil {
		f["exec"] = encodeExec(doc.Exec)
	}
}

func encodeAll[T any](all []T, encode func(T) fields) []fields {
	if len(all) == 0 {
		return nil
	}
	out := make([]fields, len(all))
	for i, one := range all {
		out[i] = encode(one)
	}
	return out
}

func encodeVault(v *Vault) fields {
	f := fields{"address": v.Address}
	f.add("ca_cert", v.CACert)
	f.add("ca_path", v.CAPath)
	f.add("client_cert", v.ClientCert)
	f.add("client_key", v.ClientKey)
	f.add("tls_skip_verify", v.TLSSkipVerify)
	f.add("tls_server_name", v.TLSServerName)
	f.add("namespace", v.Namespace)
	if v.NumRetries != 0 {
		f["retry"] = fields{"num_retries": v.NumRetries}
	}
	return f
}

func encodeAutoAuth(a *AutoAuth) fields {
	f := fields{"method": encodeMethod(a.Method)}
	f.add("sink", encodeAll(a.Sinks, encodeSink))
	f.add("enable_reauth_on_new_credentials", a.ReauthOnNewCredentials)
	return f
}

func encodeMethod(method Method) fields {
	m := fields{"type": method.Type}
	m.add("mount_path", strings.Trim(method.MountPath, "/"))
	m.add("namespace", method.Namespace)
	m.addSpan("wrap_ttl", method.WrapTTL, 0)
	m.addSpan("min_backoff", method.MinBackoff, 0)
	m.addSpan("max_backoff", method.MaxBackoff, 0)
	m.add("exit_on_err", method.ExitOnErr)
	if len(method.Config) > 0 {
		m["config"] = method.Config
	}
	return m
}

// encodeIdentity writes the name as a key, so that no name is taken for a key.
func encodeIdentity(i Identity) fields {
	f := fields{"name": i.Name, "method": encodeMethod(i.Method)}
	if i.Vault != nil {
		f["vault"] = encodeVault(i.Vault)
	}
	return f
}

func encodeSink(s Sink) fields {
	f := fields{"type": s.Type}
	f.addSpan("wrap_ttl", s.WrapTTL, 0)
	f.add("dh_type", s.DHType)
	f.add("dh_path", s.DHPath)
	f.add("derive_key", s.DeriveKey)
	f.add("aad", s.AAD)
	f.add("aad_env_var", s.AADEnvVar)
	config := fields{"path": s.Path}
	if s.Mode != DefaultSinkMode {
		config["mode"] = uint32(s.Mode)
	}
	config.add("uid", s.UID)
	config.add("gid", s.GID)
	f["config"] = config
	return f
}

func encodeAPIProxy(p *APIProxy) fields {
	f := fields{}
	f.add("use_auto_auth_token", p.UseAutoAuthToken)
	f.add("enforce_consistency", p.EnforceConsistency)
	f.add("when_inconsistent", p.WhenInconsistent)
	f.add("prepend_configured_namespace", p.PrependConfiguredNamespace)
	return f
}

func encodeCache(c *Cache) fields {
	f := fields{}
	f.add("use_auto_auth_token", c.UseAutoAuthToken)
	f.add("enforce_consistency", c.EnforceConsistency)
	f.add("when_inconsistent", c.WhenInconsistent)
	if c.Persist == nil {
		return f
	}
	p := fields{"type": c.Persist.Type}
	p.add("path", c.Persist.Path)
	p.add("keep_after_import", c.Persist.KeepAfterImport)
	p.add("exit_on_err", c.Persist.ExitOnErr)
	p.add("service_account_token_file", c.Persist.ServiceAccountTokenFile)
	f["persist"] = p
	return f
}

func encodeListener(l Listener) fields {
	f := fields{"type": l.Type}
	f.add("address", l.Address)
	f.add("tls_disable", l.TLSDisable)
	f.add("tls_cert_file", l.TLSCertFile)
	f.add("tls_key_file", l.TLSKeyFile)
	f.add("tls_min_version", l.TLSMinVersion)
	f.add("tls_max_version", l.TLSMaxVersion)
	f.add("tls_cipher_suites", strings.Join(l.TLSCipherSuites, ","))
	f.add("tls_client_ca_file", l.TLSClientCAFile)
	f.add("tls_require_and_verify_client_cert", l.RequireClientCert)
	f.add("tls_disable_client_certs", l.DisableClientCerts)
	f.add("socket_mode", l.SocketMode)
	f.add("socket_user", l.SocketUser)
	f.add("socket_group", l.SocketGroup)
	f.add("require_request_header", l.RequireRequestHeader)
	f.add("role", l.Role)
	if l.EnableQuit {
		f["agent_api"] = fields{"enable_quit": true}
	}
	return f
}
