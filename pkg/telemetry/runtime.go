package telemetry

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// runtimeNumbers collects what the Vault Agent tells of the Go runtime. Reading
// it stops the program for some microseconds, once for each scrape.
type runtimeNumbers struct {
	descs map[string]*prometheus.Desc
}

func newRuntimeNumbers() *runtimeNumbers {
	all := newDescribed()
	descs := map[string]*prometheus.Desc{}
	for name := range readRuntime() {
		descs[name] = all.of(name).desc()
	}
	return &runtimeNumbers{descs: descs}
}

func readRuntime() map[string]float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return map[string]float64{
		"vault_runtime_alloc_bytes":       float64(m.Alloc),
		"vault_runtime_free_count":        float64(m.Frees),
		"vault_runtime_heap_objects":      float64(m.HeapObjects),
		"vault_runtime_malloc_count":      float64(m.Mallocs),
		"vault_runtime_num_goroutines":    float64(runtime.NumGoroutine()),
		"vault_runtime_sys_bytes":         float64(m.Sys),
		"vault_runtime_total_gc_pause_ns": float64(m.PauseTotalNs),
		"vault_runtime_total_gc_runs":     float64(m.NumGC),
	}
}

// Describe implements prometheus.Collector.
func (r *runtimeNumbers) Describe(to chan<- *prometheus.Desc) {
	for _, d := range r.descs {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (r *runtimeNumbers) Collect(to chan<- prometheus.Metric) {
	for name, value := range readRuntime() {
		to <- prometheus.MustNewConstMetric(r.descs[name], prometheus.GaugeValue, value)
	}
}
