package agentfile

import (
	"slices"
	"strings"
)

// isSilent tells whether a top-level key is left out without a word: those two
// stand in most documents, because the Vault Agent took them from its server.
func isSilent(f field) bool {
	return f.name == "disable_mlock" || strings.HasPrefix(f.name, "enable_")
}

// ineffective tells for whom a key is that the Vault Agent takes and does not
// use; "" for a key that nobody knows.
func ineffective(path string) string {
	block, name, nested := strings.Cut(path, ".")
	switch {
	case !nested && slices.Contains(serverKeys(), path):
		return "a Vault server"
	case block == "listener" && isServerListenerKey(name):
		return "a Vault server"
	case block == "cache" && slices.Contains(proxyCacheKeys(), name):
		return "Vault Proxy"
	case path == "auto_auth.pki_external_ca" || path == "auto_auth.tpm_cert":
		return "Vault Enterprise"
	default:
		return ""
	}
}

func serverKeys() []string {
	return strings.Fields(`
		administrative_namespace_path allow_audit_log_prefixing api_addr backend cache_size cluster_addr cluster_name
		default_lease_ttl default_max_request_duration detect_deadlocks disable_cache disable_clustering disable_indexing
		disable_performance_standby disable_printable_check disable_sealwrap disable_sentinel_trace entropy experiments
		ha_backend ha_storage hsm imprecise_lease_role_tracking introspection_endpoint kms_library license_path
		log_requests_level max_lease_ttl plugin_directory plugin_file_permissions plugin_file_uid plugin_tmpdir
		raw_storage_endpoint replication reporting seal sentinel service_registration storage ui user_lockout`)
}

func isServerListenerKey(name string) bool {
	for _, prefix := range []string{"x_forwarded_for_", "cors_", "redact_", "http_", "proxy_protocol_", "max_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains(strings.Fields(`
		chroot_namespace cluster_address custom_response_headers disable_replication_status_endpoints disable_request_limiter
		disable_unauthed_rekey_endpoints inflight_requests_logging infrastructure profiling proxy_api telemetry
		tls_prefer_server_cipher_suites`), name)
}

// proxyCacheKeys configure the cache of static secrets, which the Vault Agent
// lost to Vault Proxy.
func proxyCacheKeys() []string {
	return []string{
		"cache_static_secrets", "disable_caching_dynamic_secrets", "static_secret_token_capability_refresh_behavior",
		"static_secret_token_capability_refresh_interval",
	}
}
