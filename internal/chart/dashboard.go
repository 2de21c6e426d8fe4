package chart

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// Dashboards returns the dashboard of each mode, by the name of its file. Their
// panels are those of docs/metrics.md, and the injector's own.
func Dashboards() (map[string][]byte, error) {
	out := make(map[string][]byte)
	for file, b := range map[string]struct{ title, mode string }{
		"agent": {"vaultk8s agents", "agent"}, "csi": {"vaultk8s CSI provider", "csi-provider"}, "operator": {"vaultk8s operator", "operator"},
	} {
		content, err := dashboard("vaultk8s-"+file, b.title, panelsOf(b.mode))
		if err != nil {
			return nil, err
		}
		out[file] = content
	}
	var err error
	out["injector"], err = dashboard("vaultk8s-injector", "vaultk8s injector", injectorPanels())
	return out, err
}

// panelsOf picks the panels of a mode. Of what every program has, only what an
// operator of a cluster looks at.
func panelsOf(mode string) []telemetry.Panel {
	everywhere := []string{"vaultk8s_build_info", "vault_runtime_alloc_bytes", "vault_runtime_num_goroutines"}
	var out []telemetry.Panel
	for _, d := range telemetry.Descriptions() {
		modes := strings.Split(d.Modes, ", ")
		if slices.Contains(modes, mode) || d.Modes == "all" && slices.Contains(everywhere, d.Name) {
			out = append(out, d.Panel)
		}
	}
	return out
}

func injectorPanels() []telemetry.Panel {
	return []telemetry.Panel{
		{Title: "Admissions by reason", Query: "sum by (reason) (rate(vaultk8s_injector_admissions_total[5m]))", Unit: "ops"},
		{Title: "Injections by namespace", Query: "sum by (namespace) (increase(vault_agent_injector_injections_by_namespace_total[1h]))", Unit: "short"},
		{Title: "Refused pods by namespace", Query: "sum by (namespace) (increase(vault_agent_injector_failed_injections_by_namespace_total[15m]))", Unit: "short", Threshold: "> 0"},
		{Title: "Pods without an agent", Query: "max(vaultk8s_injector_pods_without_agent)", Unit: "short", Threshold: "> 0 for 15 minutes"},
		{Title: "Slowest hundredth of requests", Query: "histogram_quantile(0.99, sum by (le) (rate(vault_agent_injector_request_processing_duration_ms_bucket[5m])))", Unit: "ms", Threshold: "> 1000"},
		{Title: "Requests that are being answered", Query: "sum(vault_agent_injector_request_queue_length)", Unit: "short"},
		{Title: "Malformed requests", Query: "sum(increase(vaultk8s_injector_malformed_requests_total[15m]))", Unit: "short", Threshold: "> 0"},
		{Title: "Life left of certificates", Query: "min by (pod) (vaultk8s_injector_certificate_expiry_timestamp_seconds) - time()", Unit: "s", Threshold: "< 3600"},
		{Title: "The webhook trusts the certificate", Query: "min by (pod) (vaultk8s_injector_ca_bundle_matches)", Unit: "bool", Threshold: "0 for 5 minutes"},
		{Title: "Bundles written", Query: "sum(increase(vaultk8s_injector_ca_bundle_patches_total[1h]))", Unit: "short"},
		{Title: "Bundles undone by somebody", Query: "sum(increase(vaultk8s_injector_ca_bundle_undone_total[1h]))", Unit: "short", Threshold: "> 0"},
		{Title: "Leaders", Query: "sum(vaultk8s_injector_leader)", Unit: "short", Threshold: "other than 1 for a minute, with several replicas"},
	}
}

// Of Grafana's grid, which is 24 wide: two panels in a row.
const panelWidth, panelHeight = 12, 8

type object = map[string]any

// dashboard is a board of time series. Its data source is chosen by whoever looks.
func dashboard(uid, title string, panels []telemetry.Panel) ([]byte, error) {
	source := object{"type": "prometheus", "uid": "${datasource}"}
	var all []object
	for i, p := range panels {
		description := ""
		if p.Threshold != "" {
			description = "Look when: " + p.Threshold
		}
		all = append(all, object{
			"id": i + 1, "type": "timeseries", "title": p.Title, "description": description, "datasource": source,
			"gridPos":     object{"x": i % 2 * panelWidth, "y": i / 2 * panelHeight, "w": panelWidth, "h": panelHeight},
			"targets":     []object{{"refId": "A", "expr": p.Query, "datasource": source, "legendFormat": "__auto"}},
			"fieldConfig": object{"defaults": object{"unit": p.Unit, "min": 0}, "overrides": []object{}},
		})
	}
	choice := object{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}
	content, err := json.MarshalIndent(object{
		"uid": uid, "title": title, "tags": []string{"vaultk8s"}, "schemaVersion": 39, "editable": true, "refresh": "1m",
		"time": object{"from": "now-6h", "to": "now"}, "templating": object{"list": []object{choice}}, "panels": all,
	}, "", " ")
	return append(content, '\n'), err
}
