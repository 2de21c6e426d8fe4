package config

// injectorKeys are the keys of the injector. Those that the old one has keep the
// names of their flags and variables.
func injectorKeys() []key {
	all := injectorServerKeys()
	for _, more := range [][]key{injectorAgentKeys(), injectorPodKeys(), injectorTLSKeys(), injectorClusterKeys()} {
		all = append(all, more...)
	}
	for i := range all {
		all[i].Key = "injector." + all[i].Key
	}
	return all
}

func injectorServerKeys() []key {
	return []key{
		row("listen", "string", ":8080", "listen", hostPort(func(c *Config) *string { return &c.Injector.Listen }), "host:port that HTTPS is served on"),
		row("telemetry_path", "string", "", "telemetry-path", text(func(c *Config) *string { return &c.Injector.MetricsPath }), "path of the metrics for Prometheus on that port, such as /metrics; off if empty"),
		row("drain_delay", "duration", "5s", "drain-delay", duration(func(c *Config) *seconds { return &c.Injector.DrainDelay }), "time between the end of readiness and that of serving"),
		row("allowed_addresses", "words", "", "allowed-vault-addresses", list(func(c *Config) *[]string { return &c.Injector.AllowedAddresses }), "the only Vault servers that annotations may name, as https://HOST:PORT with * for a part of the host; all if empty"),
	}
}

func injectorAgentKeys() []key {
	return []key{
		row("vault_address", "url", "", "vault-address", address(func(c *Config) *string { return &c.Injector.VaultAddress }), "the Vault server of agents; vault.address if empty"),
		row("vault_namespace", "string", "", "vault-namespace", text(func(c *Config) *string { return &c.Injector.VaultNamespace }), "their Vault namespace; vault.namespace if empty"),
		row("vault_cacert_bytes", "string", "", "vault-cacert-bytes", text(func(c *Config) *string { return &c.Injector.VaultCACertBytes }), "PEM certificates, or base64 of them, that they check Vault's certificate against; vault.ca_cert_bytes if empty"),
		row("proxy_address", "url", "", "proxy-address", proxy(func(c *Config) *string { return &c.Injector.ProxyAddress }), "their proxy; vault.proxy_address if empty"),
		row("vault_image", "string", "", "vault-image", text(func(c *Config) *string { return &c.Injector.Image }), "image of agents; the one of this version if empty"),
		row("agent_flavor", "string", "auto", "agent-flavor", text(func(c *Config) *string { return &c.Injector.Flavor }), "what that image holds: auto, vaultk8s, vault, openbao"),
		row("agent_binary", "string", "/usr/local/bin/vaultk8s", "agent-binary", text(func(c *Config) *string { return &c.Injector.Binary }), "path of this program in that image"),
		row("image_pull_policy", "string", "", "image-pull-policy", text(func(c *Config) *string { return &c.Injector.ImagePullPolicy }), "when the image is pulled: Always, IfNotPresent, Never; the cluster's choice if empty"),
		row("vault_auth_type", "string", "kubernetes", "vault-auth-type", text(func(c *Config) *string { return &c.Injector.AuthType }), "how agents log in"),
		row("vault_auth_path", "string", "auth/kubernetes", "vault-auth-path", text(func(c *Config) *string { return &c.Injector.AuthPath }), "mount of the auth method"),
		row("auth_min_backoff", "duration", "", "auth-min-backoff", span(func(c *Config) *string { return &c.Injector.AuthMinBackoff }), "their first pause after a failed login; the agent's if empty"),
		row("auth_max_backoff", "duration", "", "auth-max-backoff", span(func(c *Config) *string { return &c.Injector.AuthMaxBackoff }), "their longest pause; the agent's if empty"),
		row("default_template", "string", "map", "default-template", text(func(c *Config) *string { return &c.Injector.DefaultTemplate }), "shape of files without a template: map or json"),
		row("template_config_exit_on_retry_failure", "bool", "true", "template-config-exit-on-retry-failure", boolean(func(c *Config) *bool { return &c.Injector.ExitOnRetryFailure }), "agents end when a secret cannot be read for long"),
		row("template_static_secret_render_interval", "duration", "", "template-static-secret-render-interval", span(func(c *Config) *string { return &c.Injector.RenderInterval }), "how often agents read secrets without a lease; the agent's if empty"),
		row("template_max_connections_per_host", "int", "0", "", atLeast(0, func(c *Config) *int { return &c.Injector.MaxConnectionsPerHost }), "connections of an agent at a time; the agent's choice if 0"),
		row("template_lease_renewal_threshold", "rate", "0", "", fraction(func(c *Config) *float64 { return &c.Injector.LeaseRenewalThreshold }), "part of a lease after which a secret that cannot be renewed is read again; the agent's if 0"),
		row("disable_idle_connections", "string", "", "disable-idle-connections", text(func(c *Config) *string { return &c.Injector.DisableIdleConnections }), "subsystems of agents that keep no idle connection"),
		row("disable_keep_alives", "string", "", "disable-keep-alives", text(func(c *Config) *string { return &c.Injector.DisableKeepAlives }), "subsystems of agents that use each connection once"),
		row("revoke_on_shutdown", "bool", "false", "revoke-on-shutdown", boolean(func(c *Config) *bool { return &c.Injector.RevokeOnShutdown }), "agents revoke their token when they end"),
	}
}

func injectorPodKeys() []key {
	return []key{
		row("run_as_user", "int", "100", "run-as-user", atLeast(0, func(c *Config) *int64 { return &c.Injector.RunAsUser }), "user of agents"),
		row("run_as_group", "int", "1000", "run-as-group", atLeast(0, func(c *Config) *int64 { return &c.Injector.RunAsGroup }), "group of agents"),
		row("run_as_same_user", "bool", "false", "run-as-same-user", boolean(func(c *Config) *bool { return &c.Injector.RunAsSameUser }), "agents run as the user of the application"),
		row("set_security_context", "bool", "true", "set-security-context", boolean(func(c *Config) *bool { return &c.Injector.SetSecurityContext }), "give agents a security context"),
		row("seccomp_profile", "string", "RuntimeDefault", "seccomp-profile", none(func(c *Config) *string { return &c.Injector.SeccompProfile }), "their seccomp profile: RuntimeDefault, Unconfined, Localhost/FILE, or none"),
		row("cpu_request", "string", "250m", "cpu-request", none(func(c *Config) *string { return &c.Injector.CPURequest }), "CPU that agents ask for, or none"),
		row("cpu_limit", "string", "500m", "cpu-limit", none(func(c *Config) *string { return &c.Injector.CPULimit }), "most CPU of agents, or none"),
		row("memory_request", "string", "64Mi", "memory-request", none(func(c *Config) *string { return &c.Injector.MemoryRequest }), "memory that agents ask for, or none"),
		row("memory_limit", "string", "128Mi", "memory-limit", none(func(c *Config) *string { return &c.Injector.MemoryLimit }), "most memory of agents, or none"),
		row("ephemeral_storage_request", "string", "", "ephemeral-storage-request", none(func(c *Config) *string { return &c.Injector.EphemeralRequest }), "storage that agents ask for"),
		row("ephemeral_storage_limit", "string", "", "ephemeral-storage-limit", none(func(c *Config) *string { return &c.Injector.EphemeralLimit }), "most storage of agents"),
		row("sidecar", "string", "auto", "sidecar", text(func(c *Config) *string { return &c.Injector.Sidecar }), "kind of agents beside applications: auto, classic, native"),
		row("native_sidecars", "string", "auto", "native-sidecars", oneOf(autoOrBool, func(c *Config) *string { return &c.Injector.NativeSidecars }), "whether the cluster has native sidecars: true, false, or auto, which asks its API server"),
		row("env_binary", "string", "copy", "env-binary", text(func(c *Config) *string { return &c.Injector.EnvBinary }), "how this program comes into wrapped containers: copy or image"),
		row("token_audience", "string", "", "token-audience", text(func(c *Config) *string { return &c.Injector.TokenAudience }), "audience of service-account tokens made for agents; the API server's if empty"),
		row("token_expiration", "duration", "1h", "token-expiration", duration(func(c *Config) *seconds { return &c.Injector.TokenExpiration }), "life of these tokens"),
	}
}

func injectorTLSKeys() []key {
	return []key{
		row("tls_auto", "string", "", "tls-auto", text(func(c *Config) *string { return &c.Injector.TLSAuto }), "name of the MutatingWebhookConfiguration that is kept right; without tls_cert_file the injector makes its certificates itself"),
		row("tls_auto_hosts", "words", "", "tls-auto-hosts", list(func(c *Config) *[]string { return &c.Injector.TLSAutoHosts }), "host names of these certificates"),
		row("tls_cert_file", "string", "", "tls-cert-file", text(func(c *Config) *string { return &c.Injector.TLSCertFile }), "file of a certificate made elsewhere; read again when it changes"),
		row("tls_key_file", "string", "", "tls-key-file", text(func(c *Config) *string { return &c.Injector.TLSKeyFile }), "file of its key"),
		row("tls_ca_cert_file", "string", "", "tls-ca-cert-file", text(func(c *Config) *string { return &c.Injector.TLSCACertFile }), "file of its authorities, which is written to the configuration of tls_auto; if empty, nothing is written"),
		row("tls_min_version", "string", "tls12", "tls-min-version", text(func(c *Config) *string { return &c.Injector.TLSMinVersion }), "lowest version of TLS: tls10, tls11, tls12, tls13"),
		row("tls_cipher_suites", "words", "", "tls-cipher-suites", list(func(c *Config) *[]string { return &c.Injector.TLSCipherSuites }), "cipher suites up to TLS 1.2, by their IANA names; a safe choice if empty"),
	}
}

func injectorClusterKeys() []key {
	return []key{
		row("use_leader_elector", "bool", "false", "use-leader-elector", boolean(func(c *Config) *bool { return &c.Injector.UseLeaderElector }), "of several replicas, only the holder of a Lease renews and reports"),
		row("namespace", "string", "", "", text(func(c *Config) *string { return &c.Injector.Namespace }), "namespace of the Lease and the Secret; the pod's own if empty"),
		row("pod_name", "string", "", "", text(func(c *Config) *string { return &c.Injector.PodName }), "who holds the Lease; the host name if empty"),
		row("secret_name", "string", "vaultk8s-injector-certs", "secret-name", text(func(c *Config) *string { return &c.Injector.SecretName }), "Secret that keeps the authorities"),
		row("lease_name", "string", "vaultk8s-injector", "lease-name", text(func(c *Config) *string { return &c.Injector.LeaseName }), "that Lease"),
		row("report_missing", "bool", "false", "report-missing", boolean(func(c *Config) *bool { return &c.Injector.ReportMissing }), "look for running pods that asked for an injection and do not have it"),
		row("report_selector", "string", "", "report-selector", text(func(c *Config) *string { return &c.Injector.ReportSelector }), "labels of the pods that are looked at; all if empty"),
		row("kubernetes_address", "url", "", "kubernetes-address", address(func(c *Config) *string { return &c.Injector.KubernetesAddress }), "the API server; the pod's own if empty"),
		row("kubernetes_ca_file", "string", "", "kubernetes-ca-file", text(func(c *Config) *string { return &c.Injector.KubernetesCAFile }), "file of its authorities"),
		row("kubernetes_token_file", "string", "", "kubernetes-token-file", text(func(c *Config) *string { return &c.Injector.KubernetesToken }), "file of the token that it is asked with"),
	}
}

func autoOrBool() []string { return []string{"auto", "true", "false"} }
