package agentfile

import "time"

// telemetry reads the keys of the metrics library that the Vault tools share. A
// value of a wrong type is an error; the old injector dropped the whole block.
func (d *decoder) telemetry(path string, n *node) map[string]any {
	var all map[string]any
	known := readers{}
	for _, name := range []string{"disable_hostname", "enable_hostname_label", "add_lease_metrics_namespace_labels", "filter_default", "stackdriver_debug_logs"} {
		known[name] = typed(&all, name, truth, func(v bool) any { return v })
	}
	for _, name := range []string{"maximum_gauge_cardinality", "num_lease_metrics_buckets"} {
		known[name] = typed(&all, name, count, func(v int) any { return int64(v) })
	}
	for _, name := range []string{"usage_gauge_period", "lease_metrics_epsilon", "prometheus_retention_time"} {
		known[name] = typed(&all, name, span, func(v time.Duration) any { return v.String() })
	}
	for _, name := range []string{"prefix_filter", "dogstatsd_tags"} {
		known[name] = typed(&all, name, texts, func(v []string) any { return v })
	}
	for _, name := range telemetryStrings() {
		known[name] = typed(&all, name, str, func(v string) any { return v })
	}
	d.object(path, n, lenient, known)
	return all
}

// typed reads a value with the reader of its type and puts it into the map.
func typed[T any](at *map[string]any, name string, read func(*T) reader, as func(T) any) reader {
	return func(d *decoder, path string, f field) {
		var v T
		before := len(d.problems)
		read(&v)(d, path, f)
		if len(d.problems) == before {
			put(at, name, as(v))
		}
	}
}

func telemetryStrings() []string {
	return []string{
		"statsite_address", "statsd_address", "dogstatsd_addr",
		"circonus_api_token", "circonus_api_app", "circonus_api_url", "circonus_submission_interval",
		"circonus_submission_url", "circonus_check_id", "circonus_check_force_metric_activation",
		"circonus_check_instance_id", "circonus_check_search_tag", "circonus_check_display_name",
		"circonus_check_tags", "circonus_broker_id", "circonus_broker_select_tag",
		"stackdriver_project_id", "stackdriver_location", "stackdriver_namespace",
	}
}
