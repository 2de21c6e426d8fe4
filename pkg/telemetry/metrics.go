package telemetry

import (
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Values of the label "outcome".
const (
	OutcomeOK     = "ok"
	OutcomeFailed = "failed"
)

// Metrics are the numbers of one process; [Descriptions] says what each means.
// The vault_* names are those of the Vault Agent, so that dashboards go on
// working.
type Metrics struct {
	Registry      *prometheus.Registry
	Authenticated prometheus.Gauge
	AuthSuccess   prometheus.Counter
	AuthFailure   prometheus.Counter
	Reads         *prometheus.CounterVec // reason, outcome
	Renewals      *prometheus.CounterVec // outcome
	Deliveries    *prometheus.CounterVec // outcome
	Commands      *prometheus.CounterVec // outcome
	LastDelivery  prometheus.Gauge

	ProxySuccess     prometheus.Counter // answered
	ProxyClientError prometheus.Counter // Vault answered with an error
	ProxyError       prometheus.Counter // no answer
	CacheHit         prometheus.Counter
	CacheMiss        prometheus.Counter

	build       *prometheus.GaugeVec
	series      *series
	started     time.Time
	processOnce sync.Once
}

// NewMetrics makes the metrics and registers them at a registry of their own.
func NewMetrics() *Metrics {
	all := newDescribed()
	registry := prometheus.NewRegistry()
	gauge := func(name string) prometheus.Gauge {
		return registered(registry, prometheus.NewGauge(all.of(name).gauge()))
	}
	counter := func(name string) prometheus.Counter {
		return registered(registry, prometheus.NewCounter(all.of(name).counter()))
	}
	counters := func(name string) *prometheus.CounterVec {
		return registered(registry, prometheus.NewCounterVec(all.of(name).counter(), all.of(name).Labels))
	}
	return &Metrics{
		Registry:         registry,
		Authenticated:    gauge("vault_agent_authenticated"),
		AuthSuccess:      counter("vault_agent_auth_success"),
		AuthFailure:      counter("vault_agent_auth_failure"),
		Reads:            counters("vaultk8s_secret_reads_total"),
		Renewals:         counters("vaultk8s_lease_renewals_total"),
		Deliveries:       counters("vaultk8s_deliveries_total"),
		Commands:         counters("vaultk8s_commands_total"),
		LastDelivery:     gauge("vaultk8s_last_delivery_timestamp_seconds"),
		ProxySuccess:     counter("vault_agent_proxy_success"),
		ProxyClientError: counter("vault_agent_proxy_client_error"),
		ProxyError:       counter("vault_agent_proxy_error"),
		CacheHit:         counter("vault_agent_cache_hit"),
		CacheMiss:        counter("vault_agent_cache_miss"),
		build:            registered(registry, prometheus.NewGaugeVec(all.of("vaultk8s_build_info").gauge(), all.of("vaultk8s_build_info").Labels)),
		series:           newSeries(),
		started:          time.Now(),
	}
}

func registered[C prometheus.Collector](r *prometheus.Registry, c C) C {
	r.MustRegister(c)
	return c
}

// handler serves the metrics for Prometheus.
func (m *Metrics) handler() http.Handler {
	serve := promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.addProcess()
		serve.ServeHTTP(w, r)
	})
}

// addProcess adds the metrics of the Go runtime and the process, and those that
// others are asked for, at the first request: their start costs more than that
// of an agent which nobody asks.
func (m *Metrics) addProcess() {
	m.processOnce.Do(func() {
		m.Registry.MustRegister(m.series.describe(), newRuntimeNumbers(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	})
}

// AddBuildInfo adds the metric that tells the version of the program.
func (m *Metrics) AddBuildInfo(version string) {
	m.build.WithLabelValues(version, runtime.Version()).Set(1)
}

// Outcome is the value of the label "outcome" for an error.
func Outcome(err error) string {
	if err != nil {
		return OutcomeFailed
	}
	return OutcomeOK
}
