package agentfile

// telemetryKeys describes what the decoder of the block takes. Only the metrics
// in the form of Prometheus are served.
func telemetryKeys() []KeyDoc {
	const without = "taken, without effect"
	all := []KeyDoc{
		row("telemetry.disable_hostname", "bool", "false", without+": no name of a metric holds the host's"),
		row("telemetry.prometheus_retention_time", "duration", "24h", without+": metrics stay as long as what they count"),
		row("telemetry.prefix_filter", "list", "", without, `["+vault.agent"]`),
		row("telemetry.filter_default", "bool", "true", without),
	}
	for _, name := range []string{"enable_hostname_label", "add_lease_metrics_namespace_labels", "stackdriver_debug_logs"} {
		all = append(all, row("telemetry."+name, "bool", "", without))
	}
	for _, name := range []string{"maximum_gauge_cardinality", "num_lease_metrics_buckets"} {
		all = append(all, row("telemetry."+name, "int", "", without))
	}
	for _, name := range []string{"usage_gauge_period", "lease_metrics_epsilon"} {
		all = append(all, row("telemetry."+name, "duration", "", without))
	}
	all = append(all, row("telemetry.dogstatsd_tags", "list", "", without))
	for _, name := range telemetryStrings() {
		all = append(all, row("telemetry."+name, "string", "", without))
	}
	return all
}
