package telemetry

// aboutRequests describes what the agent does for others: its listeners.
func aboutRequests() []Description {
	return []Description{
		{
			Name: "vault_agent_proxy_success", Type: TypeCounter, Modes: modeAgent, Dotted: "vault.agent.proxy.success",
			Meaning: "Requests of others that were answered by Vault or by the cache.",
			Panel:   Panel{"Proxied requests", "sum(rate(vault_agent_proxy_success[5m]))", "ops", ""},
		},
		{
			Name: "vault_agent_proxy_client_error", Type: TypeCounter, Modes: modeAgent, Dotted: "vault.agent.proxy.client_error",
			Meaning: "Requests of others that Vault answered with an error.",
			Panel:   Panel{"Refused requests", "sum(increase(vault_agent_proxy_client_error[15m]))", "short", ""},
		},
		{
			Name: "vault_agent_proxy_error", Type: TypeCounter, Modes: modeAgent, Dotted: "vault.agent.proxy.error",
			Meaning: "Requests of others that got no answer from Vault.",
			Panel:   Panel{"Requests without an answer", "sum(increase(vault_agent_proxy_error[15m]))", "short", "> 0"},
		},
		{
			Name: "vault_agent_cache_hit", Type: TypeCounter, Modes: modeAgent, Dotted: "vault.agent.cache.hit",
			Meaning: "Requests of others that the cache answered.",
			Panel:   Panel{"Share of hits", "sum(rate(vault_agent_cache_hit[5m])) / (sum(rate(vault_agent_cache_hit[5m])) + sum(rate(vault_agent_cache_miss[5m])))", "percentunit", ""},
		},
		{
			Name: "vault_agent_cache_miss", Type: TypeCounter, Modes: modeAgent, Dotted: "vault.agent.cache.miss",
			Meaning: "Requests of others that the cache had to pass on.",
			Panel:   Panel{"Misses", "sum(rate(vault_agent_cache_miss[5m]))", "ops", ""},
		},
	}
}

// aboutProgram describes the process. The names of the Vault Agent stand beside
// the go_* and process_* metrics, which say more.
func aboutProgram() []Description {
	return []Description{
		{
			Name: "vaultk8s_build_info", Type: TypeGauge, Labels: []string{"version", "goversion"}, Modes: modeAll,
			Meaning: "Always 1; its labels tell which version runs.",
			Panel:   Panel{"Versions", "count by (version) (vaultk8s_build_info)", "short", "more than one for long"},
		},
		runtimeNumber("alloc_bytes", "Bytes of the heap that are in use.", Panel{"Heap", "vault_runtime_alloc_bytes", "bytes", ""}),
		runtimeNumber("free_count", "Objects of the heap that were freed.", Panel{"Frees", "rate(vault_runtime_free_count[5m])", "ops", ""}),
		runtimeNumber("heap_objects", "Objects of the heap that are in use.", Panel{"Objects", "vault_runtime_heap_objects", "short", ""}),
		runtimeNumber("malloc_count", "Objects that were ever put on the heap.", Panel{"Allocations", "rate(vault_runtime_malloc_count[5m])", "ops", ""}),
		runtimeNumber("num_goroutines", "Goroutines.", Panel{"Goroutines", "vault_runtime_num_goroutines", "short", "growing"}),
		runtimeNumber("sys_bytes", "Bytes that the Go runtime has from the system.", Panel{"Memory of the runtime", "vault_runtime_sys_bytes", "bytes", ""}),
		runtimeNumber("total_gc_pause_ns", "Nanoseconds that collections have stopped the program.", Panel{"Pauses", "rate(vault_runtime_total_gc_pause_ns[5m])", "ns", ""}),
		runtimeNumber("total_gc_runs", "Collections of the heap.", Panel{"Collections", "rate(vault_runtime_total_gc_runs[5m])", "ops", ""}),
	}
}

// runtimeNumber describes a gauge of the Go runtime, as the Vault Agent names it.
func runtimeNumber(name, meaning string, panel Panel) Description {
	return Description{Name: "vault_runtime_" + name, Type: TypeGauge, Modes: modeAll, Dotted: "vault.runtime." + name, Meaning: meaning, Panel: panel}
}
