package telemetry_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

func TestMetricsHandlerChoosesTheForm(t *testing.T) {
	const (
		prometheusText = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
		openMetrics    = "application/openmetrics-text; version=1.0.0"
	)
	cases := map[string]struct {
		method, query string
		header        []string
		off           bool // without the form of Prometheus
		status        int
		contentType   string
		body          string // a part
	}{
		"summary":                    {status: 200, contentType: "application/json", body: `{"Timestamp":"20`},
		"summary while off":          {off: true, status: 200, contentType: "application/json", body: `"Gauges":[{"Name":"vault.agent.authenticated","Value":0,"Labels":{}}`},
		"prometheus":                 {query: "?format=prometheus", status: 200, contentType: prometheusText, body: "\nvault_agent_authenticated 0\n"},
		"prometheus while off":       {query: "?format=prometheus", off: true, status: 400, contentType: "text/plain", body: "prometheus is not enabled"},
		"accepts open metrics":       {header: []string{"Accept", openMetrics + ",*/*"}, status: 200, contentType: prometheusText, body: "vault_agent_authenticated 0"},
		"accepts protobuf":           {header: []string{"Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;version=prometheus/telemetry"}, status: 200, contentType: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores", body: "vault_agent_authenticated"},
		"accepts JSON":               {header: []string{"Accept", "application/json"}, status: 200, contentType: "application/json", body: `{"Timestamp"`},
		"open metrics second":        {header: []string{"Accept", "text/html", "Accept", openMetrics}, status: 200, contentType: "application/json"},
		"accepts open metrics, off":  {header: []string{"Accept", openMetrics}, off: true, status: 400, body: "prometheus is not enabled"},
		"other format":               {query: "?format=x", status: 400, contentType: "text/plain", body: `metric response format "x" unknown`},
		"other format with a quote":  {query: "?format=%22", status: 400, body: `metric response format "\"" unknown`},
		"other method":               {method: http.MethodPost, status: 405, contentType: "application/json", body: `{"errors":[]}`},
		"other method, other format": {method: http.MethodPut, query: "?format=x", status: 405, body: `{"errors":[]}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := telemetry.MetricsHandler(telemetry.NewMetrics(), !tc.off)
			r := httptest.NewRequestWithContext(t.Context(), tc.method, "/agent/v1/metrics"+tc.query, http.NoBody)
			for i := 0; i < len(tc.header); i += 2 {
				r.Header.Add(tc.header[i], tc.header[i+1])
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.body) {
				t.Errorf("answer %d %.200s, want %d %s", w.Code, w.Body, tc.status, tc.body)
			}
			if got := w.Header().Get("Content-Type"); tc.contentType != "" && got != tc.contentType {
				t.Errorf("content type %q, want %q", got, tc.contentType)
			}
		})
	}
}

// TestSummary has the fields in the order of the Vault Agent's answer, as it was
// recorded from version 1.21.2.
func TestSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := telemetry.NewMetrics()
		m.Authenticated.Set(1)
		m.AuthSuccess.Add(3)
		m.Reads.WithLabelValues("first read", telemetry.OutcomeOK).Add(60)
		<-time.After(30 * time.Second)
		text := get(t, telemetry.MetricsHandler(m, true), "/agent/v1/metrics").Body.String()
		var got struct {
			Timestamp string
			Gauges    []struct {
				Name   string
				Value  float64
				Labels map[string]string
			}
			Points, Samples []any
			Counters        []map[string]any
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if got.Timestamp != "2000-01-01 00:00:30 +0000 UTC" || len(got.Points) != 0 || len(got.Samples) != 0 {
			t.Errorf("summary %s", text)
		}
		wantGauges := []string{
			"vault.agent.authenticated", "vault.runtime.alloc_bytes", "vault.runtime.free_count", "vault.runtime.heap_objects",
			"vault.runtime.malloc_count", "vault.runtime.num_goroutines", "vault.runtime.sys_bytes", "vault.runtime.total_gc_pause_ns",
			"vault.runtime.total_gc_runs", "vaultk8s_last_delivery_timestamp_seconds",
		}
		names := []string{}
		for _, g := range got.Gauges {
			names = append(names, g.Name)
		}
		if diff := cmp.Diff(wantGauges, names); diff != "" {
			t.Errorf("gauges (-want +got):\n%s", diff)
		}
		wantCounters := []map[string]any{
			{"Name": "vault.agent.auth.success", "Count": 3., "Rate": 0.1, "Sum": 3., "Min": 1., "Max": 1., "Mean": 1., "Stddev": 0., "Labels": map[string]any{}},
			{
				"Name": "vaultk8s_secret_reads_total", "Count": 60., "Rate": 2., "Sum": 60., "Min": 1., "Max": 1., "Mean": 1., "Stddev": 0.,
				"Labels": map[string]any{"reason": "first read", "outcome": "ok"},
			},
		}
		if diff := cmp.Diff(wantCounters, got.Counters); diff != "" {
			t.Errorf("counters (-want +got):\n%s", diff)
		}
		order := []int{}
		for _, field := range []string{`{"Timestamp":`, `"Gauges":[{"Name":`, `"Value":1,"Labels":{}}`, `"Points":[]`, `"Counters":[{"Name":`, `"Count":3,"Rate":0.1,"Sum":3,"Min":1,"Max":1,"Mean":1,"Stddev":0,"Labels":{}`, `"Samples":[]}`} {
			order = append(order, strings.Index(text, field))
		}
		if !slices.IsSorted(order) || order[0] != 0 {
			t.Errorf("fields stand at %v in %s", order, text)
		}
	})
}
