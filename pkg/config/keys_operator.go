package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config/scalar"
)

// operatorKeys are the keys of the operator. Those that the Vault Secrets Operator
// has keep the names of their flags and variables.
func operatorKeys() []key {
	all := operatorServerKeys()
	for _, more := range [][]key{operatorClusterKeys(), operatorVaultKeys(), operatorWorkKeys()} {
		all = append(all, more...)
	}
	for i := range all {
		all[i].Key = "operator." + all[i].Key
	}
	return all
}

func operatorServerKeys() []key {
	return []key{
		row("metrics_address", "string", ":8080", "metrics-bind-address", switchable(func(c *Config) *string { return &c.Operator.MetricsAddress }), "host:port that serves /metrics; 0 for none"),
		row("metrics_secure", "bool", "false", "metrics-secure", boolean(func(c *Config) *bool { return &c.Operator.MetricsSecure }), "serve the metrics over HTTPS, to whom the API server lets get the path /metrics"),
		row("metrics_cert", "string", "", "metrics-cert-file", text(func(c *Config) *string { return &c.Operator.MetricsCert }), "file of the certificate for that; one is made if empty"),
		row("metrics_key", "string", "", "metrics-key-file", text(func(c *Config) *string { return &c.Operator.MetricsKey }), "file of its key"),
		row("health_address", "string", ":8081", "health-probe-bind-address", switchable(func(c *Config) *string { return &c.Operator.HealthAddress }), "host:port that serves /healthz, /livez, /readyz and /vaultz; 0 for none"),
		row("pprof_address", "string", "0", "pprof-bind-address", switchable(func(c *Config) *string { return &c.Operator.PprofAddress }), "host:port that serves /debug/pprof; 0 for none"),
	}
}

func operatorClusterKeys() []key {
	return []key{
		row("kubeconfig", "string", "", "kubeconfig", text(func(c *Config) *string { return &c.Operator.Kubeconfig }), "file that says where the API server is; the pod's own cluster if empty"),
		row("namespace", "string", "", "operator-namespace", text(func(c *Config) *string { return &c.Operator.Namespace }), "the operator's namespace; the pod's own if empty"),
		row("pod_name", "string", "", "", text(func(c *Config) *string { return &c.Operator.PodName }), "who holds the Lease; the host name if empty"),
		row("pod_uid", "string", "", "", text(func(c *Config) *string { return &c.Operator.PodUID }), "tells one pod of the operator from the next; /var/run/podinfo/uid if empty"),
		row("watch_namespaces", "words", "", "watch-namespaces", list(func(c *Config) *[]string { return &c.Operator.Namespaces }), "the only namespaces that are worked in, for which Roles are enough; all if empty"),
		row("leader_elect", "bool", "true", "leader-elect", boolean(func(c *Config) *bool { return &c.Operator.LeaderElect }), "work only while a Lease is held, so that several replicas can stand by"),
		row("shards", "int", "1", "shards", atLeast(1, func(c *Config) *int { return &c.Operator.Shards }), "parts that namespaces are divided into, each with a Lease, so that several replicas work at a time; the same for all replicas"),
		row("shard_quota", "int", "0", "shard-quota", atLeast(0, func(c *Config) *int { return &c.Operator.ShardQuota }), "shards that a replica takes at once; more only when nobody else does for 20 seconds; 0 for all"),
		row("kube_qps", "rate", "0", "kube-client-qps", rate(func(c *Config) *float64 { return &c.Operator.KubeQPS }), "requests per second to the API server; 0 leaves the bound to the API server's own fairness"),
		row("kube_burst", "int", "0", "kube-client-burst", atLeast(0, func(c *Config) *int { return &c.Operator.KubeBurst }), "requests to the API server at once, above that rate"),
		row("defaults", "string", "", "defaults-file", text(func(c *Config) *string { return &c.Operator.Defaults }), "file of a VaultConnection and a VaultAuth for the operator's namespace, in YAML; they are kept as they stand there"),
		row("uninstall", "bool", "false", "uninstall", boolean(func(c *Config) *bool { return &c.Operator.Uninstall }), "free all objects of their finalizers and end, before the operator is removed for good"),
		row("uninstall_timeout", "duration", "60", "pre-delete-hook-timeout-seconds", duration(func(c *Config) *seconds { return &c.Operator.UninstallTimeout }), "time limit of that"),
	}
}

func operatorVaultKeys() []key {
	return []key{
		row("client_cache_size", "int", "10000", "client-cache-size", atLeast(1, func(c *Config) *int { return &c.Operator.ClientCacheSize }), "sessions with Vault that are kept without being used"),
		row("client_cache_num_locks", "int", "100", "client-cache-num-locks", atLeast(1, func(c *Config) *int { return &c.Operator.ClientCacheLocks }), "of the old operator; accepted, without effect"),
		row("client_cache_persistence_model", "string", PersistNone, "client-cache-persistence-model", oneOf(persistences, func(c *Config) *string { return &c.Operator.PersistenceModel }), "how sessions outlive the process, in Secrets: "+strings.Join(persistences(), ", ")),
		row("global_vault_auth_options", "words", DefaultGlobalsOption, "global-vault-auth-options", optionOf(DefaultGlobalsOption, func(c *Config) *[]string { return &c.Operator.VaultAuthOptions }), "allow-default-globals lets a VaultAuth take a VaultAuthGlobal that it does not name; none for nothing"),
		row("connection_interval", "duration", "5m", "connection-interval", duration(func(c *Config) *seconds { return &c.Operator.ConnectionInterval }), "how often the health of a VaultConnection is looked at that names no interval; one that is away, four times as often"),
		row("vault_qps", "rate", "0", "vault-client-qps", rate(func(c *Config) *float64 { return &c.Operator.VaultQPS }), "requests per second to the Vault of a VaultConnection that has no rateLimit; 0 for no bound"),
		row("vault_burst", "int", "0", "vault-client-burst", atLeast(0, func(c *Config) *int { return &c.Operator.VaultBurst }), "requests to it at once, above that rate"),
		row("secret_id_folders", "words", "", "secret-id-folders", list(func(c *Config) *[]string { return &c.Operator.SecretIDFolders }), "folders of files that appRole.secretIDPath of a VaultAuth may name; none if empty"),
	}
}

func operatorWorkKeys() []key {
	return []key{
		row("max_concurrent_reconciles", "int", strconv.Itoa(MaxConcurrentDefault), "max-concurrent-reconciles", atLeast(1, func(c *Config) *int { return &c.Operator.MaxConcurrent }), "objects of one kind that are worked on at a time"),
		row("max_concurrent_reconciles_vds", "int", "0", "max-concurrent-reconciles-vds", atLeast(0, func(c *Config) *int { return &c.Operator.MaxConcurrentDynamic }), "of the old operator: the same for VaultDynamicSecrets, where the former is not set; the former if 0"),
		row("global_transformation_options", "words", "", "global-transformation-options", optionOf(ExcludeRawOption, func(c *Config) *[]string { return &c.Operator.TransformationOptions }), "exclude-raw leaves the key _raw out of all Secrets"),
		row("backoff_initial_interval", "duration", "5s", "backoff-initial-interval", duration(func(c *Config) *seconds { return &c.Operator.BackoffInitial }), "first pause after Vault failed, for one object"),
		row("backoff_max_interval", "duration", "60s", "backoff-max-interval", duration(func(c *Config) *seconds { return &c.Operator.BackoffMax }), "longest pause"),
		row("backoff_max_elapsed_time", "duration", "0s", "backoff-max-elapsed-time", duration(func(c *Config) *seconds { return &c.Operator.BackoffMaxElapsed }), "time after which an object that still fails is left alone until something changes; what several objects read is tried on; 0 for never"),
		row("backoff_randomization_factor", "rate", "0.5", "backoff-randomization-factor", fraction(func(c *Config) *float64 { return &c.Operator.BackoffRandomization }), "part of a pause by which it is made shorter or longer at random"),
		row("backoff_multiplier", "rate", "1.5", "backoff-multiplier", rate(func(c *Config) *float64 { return &c.Operator.BackoffMultiplier }), "how much a pause is longer than the one before"),
		row("min_refresh_after_hvsa", "duration", "30s", "min-refresh-after-hvsa", duration(func(c *Config) *seconds { return &c.Operator.MinRefreshAfterHVSA }), "of the old operator; accepted, without effect"),
	}
}

func persistences() []string { return []string{PersistNone, PersistUnencrypted, PersistEncrypted} }

// switchable reads an address, or 0 for none.
func switchable(at func(*Config) *string) reader {
	return func(c *Config, s string) (string, error) {
		if s == "0" {
			*at(c) = ""
			return s, nil
		}
		return hostPort(at)(c, s)
	}
}

// rate reads a number that is not negative.
func rate(at func(*Config) *float64) reader {
	return func(c *Config, s string) (string, error) {
		x, err := scalar.Float(s)
		if err == nil && x < 0 {
			err = fmt.Errorf("%q is below 0", s)
		}
		*at(c) = x
		return strconv.FormatFloat(x, 'g', -1, 64), err
	}
}

// optionOf reads a list of options of which there is one; "none" stands for an
// empty list where the default is another one.
func optionOf(known string, at func(*Config) *[]string) reader {
	return func(c *Config, s string) (string, error) {
		*at(c) = nil
		if s == "none" {
			return s, nil
		}
		for _, word := range scalar.Words(s) {
			if word != known {
				return "", choice(word, []string{known})
			}
		}
		*at(c) = slices.Compact(scalar.Words(s))
		return s, nil
	}
}

// operatorNames returns the variables of the old operator.
func operatorNames(key string) []string {
	name, ok := strings.CutPrefix(key, "operator.")
	if !ok {
		return nil
	}
	switch name {
	case "namespace", "pod_name", "pod_uid":
		return []string{"OPERATOR_" + strings.ToUpper(name)}
	case "kube_qps", "kube_burst":
		return []string{"VSO_KUBE_CLIENT_" + strings.ToUpper(strings.TrimPrefix(name, "kube_"))}
	case "client_cache_size", "client_cache_num_locks", "client_cache_persistence_model", "max_concurrent_reconciles",
		"global_transformation_options", "global_vault_auth_options", "backoff_initial_interval", "backoff_max_interval",
		"backoff_max_elapsed_time", "backoff_randomization_factor", "backoff_multiplier":
		return []string{"VSO_" + strings.ToUpper(name)}
	}
	return nil
}

// overFlags tells whether a variable is stronger than a flag, as those of the old
// operator are.
func overFlags(source string) bool { return strings.HasPrefix(source, "env VSO_") }
