package telemetry

const modeOperator = "operator"

// operatorConfigLabels are those of the old operator.
func operatorConfigLabels() []string {
	return []string{
		"backoffInitialInterval", "backoffMaxInterval", "backoffMaxElapsedTime", "backoffMultiplier", "backoffRandomizationFactor",
		"clientCachePersistenceModel", "clientCacheSize", "globalTransformationOptions", "globalVaultAuthOptions", "maxConcurrentReconciles",
	}
}

func aboutOperator() []Description {
	all := aboutOperatorSessions()
	for i := range all {
		all[i].Modes = modeOperator
	}
	for _, d := range append(aboutOperatorWork(), aboutOperatorObjects()...) {
		d.Modes = modeOperator
		all = append(all, d)
	}
	return all
}

func aboutOperatorSessions() []Description {
	operation := []string{"operation"}
	request := []string{"operation", "vault_connection"}
	return []Description{
		{Name: "vso_build_info", Type: TypeGauge, Labels: []string{"version"}, Meaning: "Always 1; its label tells which version of the operator runs.", Panel: Panel{"Operators", "count by (version) (vso_build_info)", "short", ""}},
		{Name: "vso_runtime_config", Type: TypeGauge, Labels: operatorConfigLabels(), Meaning: "Always 1; its labels tell the settings.", Panel: Panel{"Settings", "vso_runtime_config", "short", ""}},
		{Name: "vso_client_cache_size", Type: TypeGauge, Meaning: "Sessions with Vault that may be kept.", Panel: Panel{"Room for sessions", "vso_client_cache_size", "short", ""}},
		{Name: "vso_client_cache_length", Type: TypeGauge, Meaning: "Sessions with Vault that are held.", Panel: Panel{"Sessions", "vso_client_cache_length", "short", ""}},
		{Name: "vso_client_cache_hits", Type: TypeCounter, Meaning: "Times that an object found its session.", Panel: Panel{"Sessions found", "rate(vso_client_cache_hits[5m])", "ops", ""}},
		{Name: "vso_client_cache_misses", Type: TypeCounter, Meaning: "Times that an object needed a new session.", Panel: Panel{"Sessions made", "rate(vso_client_cache_misses[5m])", "ops", ""}},
		{Name: "vso_client_cache_evictions", Type: TypeCounter, Meaning: "Sessions that were ended to make room.", Panel: Panel{"Sessions ended", "increase(vso_client_cache_evictions[1h])", "short", "> 0: the cache is too small"}},
		{Name: "vso_client_clone_cache_hits", Type: TypeCounter, Meaning: "Times that an object found its session in a Vault namespace which is not that of the login.", Panel: Panel{"Sessions of other Vault namespaces found", "rate(vso_client_clone_cache_hits[5m])", "ops", ""}},
		{Name: "vso_client_clone_cache_misses", Type: TypeCounter, Meaning: "Times that such a session was made; it costs no login.", Panel: Panel{"Sessions of other Vault namespaces made", "rate(vso_client_clone_cache_misses[5m])", "ops", ""}},
		{Name: "vso_client_clone_cache_evictions", Type: TypeCounter, Meaning: "Such sessions that ended with their login.", Panel: Panel{"Sessions of other Vault namespaces ended", "increase(vso_client_clone_cache_evictions[1h])", "short", ""}},
		{Name: "vso_client_factory_requests_total", Type: TypeCounter, Meaning: "Times that an object asked for its session.", Panel: Panel{"Sessions asked for", "rate(vso_client_factory_requests_total[5m])", "ops", ""}},
		{Name: "vso_client_factory_requests_errors_total", Type: TypeCounter, Meaning: "Times that it got none.", Panel: Panel{"Sessions not had", "increase(vso_client_factory_requests_errors_total[15m])", "short", "> 0 for 15 minutes"}},
		{Name: "vso_client_factory_operations_time_seconds", Type: TypeHistogram, Labels: []string{"component", "operation"}, Meaning: "Seconds until an object had its session, with the login where there was none.", Panel: Panel{"Slowest hundredth of sessions asked for", "histogram_quantile(0.99, sum by (le) (rate(vso_client_factory_operations_time_seconds_bucket[5m])))", "s", "> 5"}},
		{Name: "vso_client_cache_storage_config", Type: TypeGauge, Meaning: "1 while sessions are kept encrypted, else 0.", Panel: Panel{"Kept sessions are encrypted", "vso_client_cache_storage_config", "bool", ""}},
		{Name: "vso_client_cache_storage_length", Type: TypeGauge, Meaning: "Sessions that are kept in Secrets.", Panel: Panel{"Kept sessions", "vso_client_cache_storage_length", "short", ""}},
		{Name: "vso_client_cache_storage_requests_total", Type: TypeCounter, Labels: operation, Meaning: "Requests for work on kept sessions. Each is one piece of work; both names are those of the old operator.", Panel: Panel{"Requests for work on kept sessions", "sum by (operation) (rate(vso_client_cache_storage_requests_total[5m]))", "ops", ""}},
		{Name: "vso_client_cache_storage_requests_errors_total", Type: TypeCounter, Labels: operation, Meaning: "Such requests that failed.", Panel: Panel{"Failed requests for work on kept sessions", "sum by (operation) (increase(vso_client_cache_storage_requests_errors_total[15m]))", "short", "> 0"}},
		{Name: "vso_client_cache_storage_operations_total", Type: TypeCounter, Labels: operation, Meaning: "Work on kept sessions: store, restore, prune, purge.", Panel: Panel{"Work on kept sessions", "sum by (operation) (rate(vso_client_cache_storage_operations_total[5m]))", "ops", ""}},
		{Name: "vso_client_cache_storage_operations_errors_total", Type: TypeCounter, Labels: operation, Meaning: "Such work that failed.", Panel: Panel{"Failed work on kept sessions", "sum by (operation) (increase(vso_client_cache_storage_operations_errors_total[15m]))", "short", "> 0"}},
		{Name: "vso_client_operations_total", Type: TypeCounter, Labels: request, Meaning: "Requests to Vault: login, renew, read, write.", Panel: Panel{"Requests to Vault", "sum by (operation) (rate(vso_client_operations_total[5m]))", "ops", ""}},
		{Name: "vso_client_operations_errors_total", Type: TypeCounter, Labels: request, Meaning: "Requests to Vault that failed.", Panel: Panel{"Failed requests to Vault", "sum by (operation) (increase(vso_client_operations_errors_total[15m]))", "short", "> 0 for 15 minutes"}},
		{Name: "vso_client_operations_time_seconds", Type: TypeHistogram, Labels: request, Meaning: "Seconds that requests to Vault took.", Panel: Panel{"Slowest hundredth of requests to Vault", "histogram_quantile(0.99, sum by (le) (rate(vso_client_operations_time_seconds_bucket[5m])))", "s", "> 5"}},
	}
}

func aboutOperatorWork() []Description {
	return []Description{
		{Name: healthMetric, Type: TypeGauge, Labels: []string{"controller", "name", "namespace"}, Meaning: "1 for an object that is healthy, else 0.", Panel: Panel{"Objects that are not healthy", "controller_resource_status == 0", "short", "any for 15 minutes"}},
		{Name: "vaultk8s_operator_objects", Type: TypeGauge, Labels: []string{labelKind, labelReady}, Meaning: "Objects of the held shards, by kind, and whether they are ready.", Panel: Panel{"Objects that are not ready", `sum by (kind) (vaultk8s_operator_objects{ready="false"})`, "short", "> 0 for 15 minutes"}},
		{Name: "vaultk8s_operator_secret_writes_total", Type: TypeCounter, Labels: []string{labelKind, labelOutcome}, Meaning: "Writes that made or changed a Secret; for VaultPushSecret a secret in Vault, for ClusterVaultSecret the object of a namespace.", Panel: Panel{"Writes by kind", "sum by (kind, outcome) (rate(vaultk8s_operator_secret_writes_total[5m]))", "ops", "failed > 0"}},
		{Name: "vaultk8s_operator_status_writes_total", Type: TypeCounter, Labels: []string{labelKind}, Meaning: "Status of objects that was written because it changed.", Panel: Panel{"Writes of status", "sum by (kind) (rate(vaultk8s_operator_status_writes_total[5m]))", "ops", "as many as polls: an object has no rest"}},
		{Name: "vaultk8s_operator_restarts_total", Type: TypeCounter, Labels: []string{labelOutcome}, Meaning: "Restarts of workloads.", Panel: Panel{"Restarts", "sum by (outcome) (increase(vaultk8s_operator_restarts_total[1h]))", "short", "failed > 0"}},
		{Name: "vaultk8s_operator_shards", Type: TypeGauge, Meaning: "Shards that this process holds the Lease of.", Panel: Panel{"Shards", "sum by (pod) (vaultk8s_operator_shards)", "short", "the sum is not the number of shards for a minute"}},
		{Name: "vaultk8s_operator_connections_unhealthy", Type: TypeGauge, Meaning: "VaultConnections whose Vault does not answer, is sealed or not initialized.", Panel: Panel{"Vaults that are away", "max(vaultk8s_operator_connections_unhealthy)", "short", "> 0 for 5 minutes"}},
		{Name: "vaultk8s_operator_other_operators", Type: TypeGauge, Meaning: "Deployments of the Vault Secrets Operator that run in other namespaces.", Panel: Panel{"Other operators", "max(vaultk8s_operator_other_operators)", "short", "> 0"}},
	}
}
