package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Names of log fields of the CSI provider.
const (
	FieldClass   = "class"
	FieldCode    = "code"
	FieldObjects = "objects"
	FieldPod     = "pod"
	FieldTarget  = "target"
)

// CSI are the numbers of the CSI provider, beside those that every mode has.
type CSI struct {
	Calls      *prometheus.CounterVec // code
	Seconds    prometheus.Counter
	FromMemory prometheus.Counter
	Stale      prometheus.Counter
	Logins     *prometheus.CounterVec // outcome
	Revoked    *prometheus.CounterVec // outcome
}

// AddCSI adds the numbers of the CSI provider. Call it once.
func (m *Metrics) AddCSI() *CSI {
	all := newDescribed()
	counter := func(name string) prometheus.Counter {
		return registered(m.Registry, prometheus.NewCounter(all.of(name).counter()))
	}
	counters := func(name string) *prometheus.CounterVec {
		return registered(m.Registry, prometheus.NewCounterVec(all.of(name).counter(), all.of(name).Labels))
	}
	return &CSI{
		Calls:      counters("vaultk8s_csi_mounts_total"),
		Seconds:    counter("vaultk8s_csi_mount_seconds_total"),
		FromMemory: counter("vaultk8s_csi_mounts_from_memory_total"),
		Stale:      counter("vaultk8s_csi_mounts_stale_total"),
		Logins:     counters("vaultk8s_csi_logins_total"),
		Revoked:    counters("vaultk8s_csi_tokens_revoked_total"),
	}
}
