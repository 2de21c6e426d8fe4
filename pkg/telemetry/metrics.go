package telemetry

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Values of the label "outcome".
const (
	OutcomeOK     = "ok"
	OutcomeFailed = "failed"
)

// Metrics are the numbers of one process. The vault_agent_* names are those of
// the Vault Agent, so that dashboards go on working.
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

	processOnce sync.Once
}

// NewMetrics makes the metrics and registers them at a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		Registry:      prometheus.NewRegistry(),
		Authenticated: gauge("vault_agent_authenticated", "1 while the agent has a valid token, else 0."),
		AuthSuccess:   counter("vault_agent_auth_success", "Successful logins."),
		AuthFailure:   counter("vault_agent_auth_failure", "Failed logins."),
		Reads:         counters("vaultk8s_secret_reads_total", "Reads of secrets from Vault, by the reason that made them due.", "reason", "outcome"),
		Renewals:      counters("vaultk8s_lease_renewals_total", "Renewals of leases.", "outcome"),
		Deliveries:    counters("vaultk8s_deliveries_total", "Rendered files that were written because their content changed.", "outcome"),
		Commands:      counters("vaultk8s_commands_total", "Runs of commands after a delivery.", "outcome"),
		LastDelivery:  gauge("vaultk8s_last_delivery_timestamp_seconds", "When a rendered file was written last, in seconds since 1970."),
	}
	m.Registry.MustRegister(m.Authenticated, m.AuthSuccess, m.AuthFailure, m.Reads, m.Renewals, m.Deliveries, m.Commands, m.LastDelivery)
	return m
}

// handler serves the metrics. Those of the Go runtime and the process are
// collected from the first request on: their start costs more than that of an
// agent which nobody asks.
func (m *Metrics) handler() http.Handler {
	serve := promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.processOnce.Do(func() {
			m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		})
		serve.ServeHTTP(w, r)
	})
}

// AddGauge adds a number that is asked for when the metrics are read.
func (m *Metrics) AddGauge(name, help string, value func() float64) {
	m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Outcome is the value of the label "outcome" for an error.
func Outcome(err error) string {
	if err != nil {
		return OutcomeFailed
	}
	return OutcomeOK
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}
