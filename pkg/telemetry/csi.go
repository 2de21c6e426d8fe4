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
	Duration   prometheus.Histogram   // seconds
	FromMemory prometheus.Counter
	Stale      prometheus.Counter
	Logins     *prometheus.CounterVec // outcome
	Revoked    *prometheus.CounterVec // outcome
}

// CSIState is what the CSI provider holds at a moment.
type CSIState struct{ Volumes, Logins, Degraded int }

// mountBuckets are the upper bounds of mount times in seconds: an answer from
// memory takes less than the first, one round trip to Vault a few of the next,
// and the last is the usual time limit of a mount.
func mountBuckets() []float64 {
	return []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
}

// AddCSI adds the numbers of the CSI provider, and names the function that tells
// its state. That is called at each scrape, and must not block. Call AddCSI once.
func (m *Metrics) AddCSI(state func() CSIState) *CSI {
	all := newDescribed()
	gauge := func(name string, value func() int) {
		registered(m.Registry, prometheus.NewGaugeFunc(all.of(name).gauge(), func() float64 { return float64(value()) }))
	}
	gauge("vaultk8s_csi_volumes", func() int { return state().Volumes })
	gauge("vaultk8s_csi_logins", func() int { return state().Logins })
	gauge("vaultk8s_csi_degraded", func() int { return state().Degraded })
	counter := func(name string) prometheus.Counter {
		return registered(m.Registry, prometheus.NewCounter(all.of(name).counter()))
	}
	counters := func(name string) *prometheus.CounterVec {
		return registered(m.Registry, prometheus.NewCounterVec(all.of(name).counter(), all.of(name).Labels))
	}
	return &CSI{
		Calls:      counters("vaultk8s_csi_mounts_total"),
		Duration:   registered(m.Registry, prometheus.NewHistogram(all.of("vaultk8s_csi_mount_duration_seconds").histogram(mountBuckets()))),
		FromMemory: counter("vaultk8s_csi_mounts_from_memory_total"),
		Stale:      counter("vaultk8s_csi_mounts_stale_total"),
		Logins:     counters("vaultk8s_csi_logins_total"),
		Revoked:    counters("vaultk8s_csi_tokens_revoked_total"),
	}
}
