package webhook

import (
	"mime"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
)

// Metrics are the numbers of one injector. Those that begin with vault_agent_injector_
// are the old injector's.
type Metrics struct {
	Registry   *prometheus.Registry
	queue      prometheus.Gauge
	duration   prometheus.Histogram
	injections *prometheus.CounterVec
	failures   *prometheus.CounterVec
	admissions *prometheus.CounterVec
	malformed  prometheus.Counter
}

// Metric is one metric as users read of it.
type Metric struct {
	Name, Type string
	Labels     []string
	Meaning    string // one sentence
}

// Described returns all metrics of the injector, besides go_* and process_*.
func Described() []Metric {
	return []Metric{
		{"vault_agent_injector_request_queue_length", "gauge", nil, "Requests that are being answered."},
		{"vault_agent_injector_request_processing_duration_ms", "histogram", nil, "Time of a request, in milliseconds."},
		{"vault_agent_injector_injections_by_namespace_total", "counter", []string{"namespace", "injection_type"}, "Pods that were injected."},
		{"vault_agent_injector_failed_injections_by_namespace_total", "counter", []string{"namespace"}, "Pods that were refused."},
		{"vaultk8s_injector_admissions_total", "counter", []string{"reason"}, "Requests by what became of the pod."},
		{"vaultk8s_injector_malformed_requests_total", "counter", nil, "Requests that were no review of an admission."},
		{"vaultk8s_injector_certificate_expiry_timestamp_seconds", "gauge", nil, "When the certificate in use ends, in seconds since 1970."},
		{"vaultk8s_injector_ca_bundle_matches", "gauge", nil, "1 while the webhook configuration trusts the certificate in use, else 0."},
		{"vaultk8s_injector_ca_bundle_patches_total", "counter", nil, "Times that the bundle was written to the webhook configuration."},
		{"vaultk8s_injector_ca_bundle_undone_total", "counter", nil, "Times that somebody undid that."},
		{"vaultk8s_injector_leader", "gauge", nil, "1 while this replica holds the lease, else 0."},
		{"vaultk8s_injector_pods_without_agent", "gauge", nil, "Running pods that asked for an injection and do not have it; 0 unless this replica leads and looks for them."},
	}
}

// NewMetrics makes the metrics and registers them at a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		queue:    prometheus.NewGauge(prometheus.GaugeOpts(options("vault_agent_injector_request_queue_length"))),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "vault_agent_injector_request_processing_duration_ms", Help: meaning("vault_agent_injector_request_processing_duration_ms"),
			Buckets: []float64{5, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 7500, 10000},
		}),
		injections: counters("vault_agent_injector_injections_by_namespace_total"),
		failures:   counters("vault_agent_injector_failed_injections_by_namespace_total"),
		admissions: counters("vaultk8s_injector_admissions_total"),
		malformed:  prometheus.NewCounter(prometheus.CounterOpts(options("vaultk8s_injector_malformed_requests_total"))),
	}
	m.Registry.MustRegister(m.queue, m.duration, m.injections, m.failures, m.admissions, m.malformed,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func describedAs(name string) Metric {
	for _, m := range Described() {
		if m.Name == name {
			return m
		}
	}
	panic("metric " + name + " has no description")
}

func meaning(name string) string { return describedAs(name).Meaning }

func options(name string) prometheus.Opts {
	return prometheus.Opts{Name: name, Help: meaning(name)}
}

func counters(name string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts(options(name)), describedAs(name).Labels)
}

// Add registers a number that is asked for at each scrape; its name is one of
// [Described].
func (m *Metrics) Add(name string, value func() float64) {
	if describedAs(name).Type == "counter" {
		m.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts(options(name)), value))
		return
	}
	m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts(options(name)), value))
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{})
}

func (m *Metrics) count(v verdict) {
	m.admissions.WithLabelValues(string(v.reason)).Inc()
	switch {
	case v.reason == injector.Injected:
		m.injections.WithLabelValues(v.namespace, string(v.injection)).Inc()
	case !v.response.Allowed:
		m.failures.WithLabelValues(v.namespace).Inc()
	}
}

// isJSON tells whether a content type is that of JSON, whatever its parameters.
func isJSON(contentType string) bool {
	if contentType == "application/json" { // what API servers write
		return true
	}
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && t == "application/json"
}
