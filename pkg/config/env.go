package config

import "strings"

// ConfigVariable names the environment variable that holds the path of the shared file.
const ConfigVariable = "VAULTK8S_CONFIG"

// standardNames returns the environment variables of Vault's own tools that set
// a key, the strongest first.
func standardNames(key string) []string {
	switch key {
	case "vault.address":
		return []string{"VAULT_ADDR"}
	case "vault.namespace":
		return []string{"VAULT_NAMESPACE"}
	case "vault.ca_cert":
		return []string{"VAULT_CACERT"}
	case "vault.ca_path":
		return []string{"VAULT_CAPATH"}
	case "vault.ca_cert_bytes":
		return []string{"VAULT_CACERT_BYTES"}
	case "vault.client_cert":
		return []string{"VAULT_CLIENT_CERT"}
	case "vault.client_key":
		return []string{"VAULT_CLIENT_KEY"}
	case "vault.tls_server_name":
		return []string{"VAULT_TLS_SERVER_NAME"}
	case "vault.tls_skip_verify":
		return []string{"VAULT_SKIP_VERIFY"}
	case "vault.proxy_address":
		return []string{"VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY"}
	case "vault.timeout":
		return []string{"VAULT_CLIENT_TIMEOUT"}
	case "vault.rate_limit":
		return []string{"VAULT_RATE_LIMIT"}
	case "vault.max_retries":
		return []string{"VAULT_MAX_RETRIES"}
	case "log.level":
		return []string{"VAULT_LOG_LEVEL", "AGENT_INJECT_LOG_LEVEL"}
	case "log.format":
		return []string{"VAULT_LOG_FORMAT", "AGENT_INJECT_LOG_FORMAT"}
	case "agent.disable_idle_connections":
		return []string{"VAULT_AGENT_DISABLE_IDLE_CONNECTIONS"}
	case "agent.disable_keep_alives":
		return []string{"VAULT_AGENT_DISABLE_KEEP_ALIVES"}
	default:
		return append(injectorNames(key), operatorNames(key)...)
	}
}

// injectorNames returns the variables of the old injector.
func injectorNames(key string) []string {
	name, ok := strings.CutPrefix(key, "injector.")
	if !ok {
		return nil
	}
	switch name {
	case "namespace", "pod_name":
		return []string{strings.ToUpper(name)}
	case "vault_address":
		name = "vault_addr"
	case "proxy_address":
		name = "proxy_addr"
	case "memory_request", "memory_limit":
		name = strings.Replace(name, "memory", "mem", 1)
	case "ephemeral_storage_request", "ephemeral_storage_limit":
		name = strings.Replace(name, "_storage", "", 1)
	}
	return []string{"AGENT_INJECT_" + strings.ToUpper(name)}
}

// envNames returns all variables of a key, the strongest first: our own name,
// Vault's, and OpenBao's spelling of that.
func envNames(key string) []string {
	own := "VAULTK8S_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
	standard := standardNames(key)
	names := append([]string{own}, standard...)
	for _, name := range standard {
		if rest, ok := strings.CutPrefix(name, "VAULT_"); ok {
			names = append(names, "BAO_"+rest)
		}
	}
	return names
}

// fromEnv returns the first variable that holds something; an empty one counts
// as not set, because manifests cannot unset what an image sets.
func fromEnv(names []string, lookup func(string) (string, bool)) (name, value string, found bool) {
	for _, name := range names {
		if value, ok := lookup(name); ok && value != "" {
			return name, value, true
		}
	}
	return "", "", false
}
