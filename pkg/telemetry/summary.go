package telemetry

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// MetricsHandler serves the metrics as the Vault Agent does at /agent/v1/metrics:
// in the form of Prometheus where the request asks for it with format=prometheus
// or an Accept header, else as a summary in JSON. Without prometheus
// (prometheus_retention_time = 0) the first form is refused.
func MetricsHandler(m *Metrics, prometheus bool) http.Handler {
	serve := m.handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		format := r.URL.Query().Get("format")
		switch {
		case r.Method != http.MethodGet:
			respond(w, http.StatusMethodNotAllowed, "application/json", "{\"errors\":[]}\n")
		case format != "" && format != "prometheus":
			respond(w, http.StatusBadRequest, "text/plain", fmt.Sprintf("metric response format %q unknown", format))
		case format == "" && !accepts(r):
			m.serveSummary(w)
		case !prometheus:
			respond(w, http.StatusBadRequest, "text/plain", "prometheus is not enabled")
		default:
			serve.ServeHTTP(w, r)
		}
	})
}

func accepts(r *http.Request) bool {
	accept := r.Header.Values("Accept")
	return len(accept) > 0 && strings.HasPrefix(accept[0], "application/openmetrics-text") ||
		slices.ContainsFunc(accept, func(a string) bool { return strings.Contains(a, "prometheus/telemetry") })
}

func respond(w http.ResponseWriter, status int, contentType, text string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	//nolint:gosec // it is not HTML, by its content type
	_, _ = io.WriteString(w, text) // the caller has gone if this fails
}

func (m *Metrics) serveSummary(w http.ResponseWriter) {
	m.addProcess()
	families, err := m.Registry.Gather()
	if err != nil {
		respond(w, http.StatusInternalServerError, "text/plain", err.Error())
		return
	}
	text, err := json.Marshal(summarize(families, time.Now(), m.started))
	if err != nil {
		respond(w, http.StatusInternalServerError, "text/plain", err.Error())
		return
	}
	respond(w, http.StatusOK, "application/json", string(text))
}

// summary has the fields of the Vault Agent's answer. Its counters are those of
// ten seconds there; here they are those since the start of the program.
type summary struct {
	Timestamp string
	Gauges    []gaugeValue
	Points    []struct{} // the agent has none
	Counters  []sampled
	Samples   []sampled
}

type gaugeValue struct {
	Name   string
	Value  float64
	Labels map[string]string
}

type sampled struct {
	Name                              string
	Count                             uint64
	Rate, Sum, Min, Max, Mean, Stddev float64
	Labels                            map[string]string
}

// summarize leaves out what the Vault Agent does not have in its summary either:
// the metrics of the Go runtime under the names of Prometheus, and counters that
// never counted.
func summarize(families []*dto.MetricFamily, now, started time.Time) summary {
	s := summary{Timestamp: now.Truncate(time.Second).UTC().String(), Gauges: []gaugeValue{}, Points: []struct{}{}, Counters: []sampled{}, Samples: []sampled{}}
	seconds := max(now.Sub(started).Seconds(), 1)
	dotted := newDescribed()
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "vault") {
			continue
		}
		name := cmp.Or(dotted[f.GetName()].Dotted, f.GetName())
		for _, metric := range f.GetMetric() {
			s.add(name, metric, seconds)
		}
	}
	return s
}

func (s *summary) add(name string, m *dto.Metric, seconds float64) {
	if g := m.GetGauge(); g != nil {
		s.Gauges = append(s.Gauges, gaugeValue{Name: name, Value: g.GetValue(), Labels: labelsOf(m)})
		return
	}
	if sum := m.GetCounter().GetValue(); sum > 0 {
		s.Counters = append(s.Counters, sampled{
			Name: name, Count: uint64(sum), Rate: sum / seconds, Sum: sum, Min: 1, Max: 1, Mean: 1, Labels: labelsOf(m),
		})
	}
}

func labelsOf(m *dto.Metric) map[string]string {
	labels := map[string]string{}
	for _, pair := range m.GetLabel() {
		labels[pair.GetName()] = pair.GetValue()
	}
	return labels
}
