package config

import "github.com/vaultk8s/vaultk8s/pkg/config/scalar"

// csiKeys are the keys of the CSI provider. The flags that the old provider has
// keep their names.
func csiKeys() []key {
	return []key{
		row("csi.endpoint", "words", "/tmp/vault.sock", "endpoint", list(func(c *Config) *[]string { return &c.CSI.Endpoints }), "unix sockets to serve the driver at; several with commas, as .../vault.sock,.../openbao.sock"),
		row("csi.health_address", "string", ":8080", "health-addr", hostPort(func(c *Config) *string { return &c.CSI.HealthAddress }), "host:port that serves /health/ready, /livez, /readyz and /metrics"),
		row("csi.hmac_secret", "string", "vault-csi-provider-hmac-key", "hmac-secret-name", text(func(c *Config) *string { return &c.CSI.HMACSecret }), "Kubernetes Secret with the key of the object versions; made where it does not exist"),
		row("csi.cache_size", "int", "1000", "cache-size", integer(func(c *Config) *int { return &c.CSI.CacheSize }), "of the old provider; accepted, without effect: tokens live as long as pods use them"),
		row("csi.auth_mount", "string", "kubernetes", "vault-mount", mount(func(c *Config) *string { return &c.CSI.AuthMount }), "auth mount of classes that name none"),
		row("csi.refresh_interval", "duration", "1m", "refresh-interval", duration(func(c *Config) *seconds { return &c.CSI.RefreshInterval }), "how often secrets without a lease are read, where a class does not say"),
		row("csi.mount_timeout", "duration", "60s", "mount-timeout", duration(func(c *Config) *seconds { return &c.CSI.MountTimeout }), "time limit of one mount; the kubelet's own is 2 minutes"),
		row("csi.share", "string", shareAccount, "share", oneOf(shares, func(c *Config) *string { return &c.CSI.Share }), "who shares one login and what is read with it: all pods of a service-account, or each pod alone (pod)"),
		row("csi.serve_stale", "string", staleRunning, "serve-stale", oneOf(stales, func(c *Config) *string { return &c.CSI.ServeStale }), "which pods get what is held while Vault is away: those that run, or also those that start again (restarting)"),
		row("csi.stale_max_age", "duration", "24h", "stale-max-age", duration(func(c *Config) *seconds { return &c.CSI.StaleMaxAge }), "for pods that start again: how old the last word of Vault may be on what has no end of its own, as KV has none"),
		row("csi.orphan_after", "duration", "2h", "orphan-after", duration(func(c *Config) *seconds { return &c.CSI.OrphanAfter }), "how long a volume may go without a call of the driver before it counts as gone; longer than the driver's rotation interval"),
		row("csi.node_name", "string", "", "node-name", text(func(c *Config) *string { return &c.CSI.NodeName }), "node whose pods are watched, to revoke at once what a pod leaves; no watch if empty"),
		row("csi.events", "bool", "true", "events", boolean(func(c *Config) *bool { return &c.CSI.Events }), "tell of failures and changes by events on the pod"),
		row("csi.templates", "bool", "true", "templates", boolean(func(c *Config) *bool { return &c.CSI.Templates }), "classes may hold templates"),
		row("csi.allowed_addresses", "words", "", "allowed-addresses", list(func(c *Config) *[]string { return &c.CSI.AllowedAddresses }), "Vault addresses that a class may name, with * for any text; any if empty"),
		row("csi.allowed_auth_mounts", "words", "", "allowed-auth-mounts", list(func(c *Config) *[]string { return &c.CSI.AllowedMounts }), "auth mounts that a class may name, with * for any text; any if empty"),
		row("csi.allow_skip_verify", "bool", "true", "allow-skip-verify", boolean(func(c *Config) *bool { return &c.CSI.AllowSkipVerify }), "a class may turn off the verification of Vault's certificate"),
		row("csi.allow_node_identity", "bool", "false", "allow-node-identity", boolean(func(c *Config) *bool { return &c.CSI.AllowNodeIdentity }), "a class may log in as the node, by its cloud's metadata"),
	}
}

// Values of csi.share and csi.serve_stale.
const (
	shareAccount    = "service-account"
	sharePod        = "pod"
	staleRunning    = "running"
	staleRestarting = "restarting"
)

func shares() []string { return []string{shareAccount, sharePod} }
func stales() []string { return []string{staleRunning, staleRestarting} }

func list(at func(*Config) *[]string) reader {
	return func(c *Config, s string) (string, error) {
		*at(c) = scalar.Words(s)
		return s, nil
	}
}

func integer(at func(*Config) *int) reader {
	return func(c *Config, s string) (string, error) {
		n, err := scalar.Int(s)
		*at(c) = n
		return s, err
	}
}
