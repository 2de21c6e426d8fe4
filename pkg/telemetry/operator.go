package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Names of log fields of the operator.
const (
	FieldKind      = "kind"
	FieldName      = "name"
	FieldNamespace = "namespace"
	FieldShard     = "shard"
)

// Operator are the numbers of the operator, beside those that every mode has. The
// vso_* names are those of the Vault Secrets Operator.
type Operator struct {
	CacheHits      prometheus.Counter
	CacheMisses    prometheus.Counter
	CacheEvictions prometheus.Counter

	CloneHits      prometheus.Counter // of sessions in a Vault namespace that is not the one of their login
	CloneMisses    prometheus.Counter
	CloneEvictions prometheus.Counter

	Asked         prometheus.Counter // searches for the session of an object
	AskedErrors   prometheus.Counter
	AskedDuration *prometheus.HistogramVec // component, operation; seconds

	StorageOperations    *prometheus.CounterVec // operation
	StorageErrors        *prometheus.CounterVec // operation
	StorageRequests      *prometheus.CounterVec // operation
	StorageRequestErrors *prometheus.CounterVec // operation

	Requests        *prometheus.CounterVec   // operation, vault_connection
	RequestErrors   *prometheus.CounterVec   // operation, vault_connection
	RequestDuration *prometheus.HistogramVec // operation, vault_connection; seconds

	SecretWrites *prometheus.CounterVec // kind, outcome: requests that change what the object is for
	StatusWrites *prometheus.CounterVec // kind
	Restarts     *prometheus.CounterVec // outcome
}

// OperatorConfig is what vso_runtime_config shows, by the names of its labels.
type OperatorConfig map[string]string

// OperatorState is what the operator holds at a moment.
type OperatorState struct {
	Sessions       int // with Vault
	SessionLimit   int
	KeptSessions   int // in Secrets
	Shards         int // held
	Unhealthy      int // VaultConnections
	OtherOperators int // running old operators
	Encrypted      bool
	ObjectsReady   map[string]int // by kind
	ObjectsUnready map[string]int // by kind
	Objects        []ObjectStat   // one by one; none twice
}

// requestBuckets are the upper bounds of times of requests to Vault in seconds: a
// request takes about a millisecond, a login or new credentials a hundred, and the
// last is the usual time limit.
func requestBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
}

// AddOperator adds the numbers of the operator, and names the function that tells
// its state. That is called at each scrape, and must not block. Call AddOperator
// once.
func (m *Metrics) AddOperator(version string, settings OperatorConfig, state func() OperatorState) *Operator {
	all := newDescribed()
	counter := func(name string) prometheus.Counter {
		return registered(m.Registry, prometheus.NewCounter(all.of(name).counter()))
	}
	counters := func(name string) *prometheus.CounterVec {
		return registered(m.Registry, prometheus.NewCounterVec(all.of(name).counter(), all.of(name).Labels))
	}
	gauges := func(name string) *prometheus.GaugeVec {
		return registered(m.Registry, prometheus.NewGaugeVec(all.of(name).gauge(), all.of(name).Labels))
	}
	gauges("vso_build_info").WithLabelValues(version).Set(1)
	gauges("vso_runtime_config").With(prometheus.Labels(settings)).Set(1)
	m.Registry.MustRegister(newOperatorNumbers(all, state))
	histograms := func(name string) *prometheus.HistogramVec {
		return registered(m.Registry, prometheus.NewHistogramVec(all.of(name).histogram(requestBuckets()), all.of(name).Labels))
	}
	return &Operator{
		CacheHits:            counter("vso_client_cache_hits"),
		CacheMisses:          counter("vso_client_cache_misses"),
		CacheEvictions:       counter("vso_client_cache_evictions"),
		CloneHits:            counter("vso_client_clone_cache_hits"),
		CloneMisses:          counter("vso_client_clone_cache_misses"),
		CloneEvictions:       counter("vso_client_clone_cache_evictions"),
		Asked:                counter("vso_client_factory_requests_total"),
		AskedErrors:          counter("vso_client_factory_requests_errors_total"),
		AskedDuration:        histograms("vso_client_factory_operations_time_seconds"),
		StorageRequests:      counters("vso_client_cache_storage_requests_total"),
		StorageRequestErrors: counters("vso_client_cache_storage_requests_errors_total"),
		StorageOperations:    counters("vso_client_cache_storage_operations_total"),
		StorageErrors:        counters("vso_client_cache_storage_operations_errors_total"),
		Requests:             counters("vso_client_operations_total"),
		RequestErrors:        counters("vso_client_operations_errors_total"),
		RequestDuration:      histograms("vso_client_operations_time_seconds"),
		SecretWrites:         counters("vaultk8s_operator_secret_writes_total"),
		StatusWrites:         counters("vaultk8s_operator_status_writes_total"),
		Restarts:             counters("vaultk8s_operator_restarts_total"),
	}
}

// operatorNumbers collects what the operator holds.
type operatorNumbers struct {
	state func() OperatorState
	descs map[string]*prometheus.Desc
}

func newOperatorNumbers(all described, state func() OperatorState) *operatorNumbers {
	n := &operatorNumbers{state: state, descs: map[string]*prometheus.Desc{"vaultk8s_operator_objects": all.of("vaultk8s_operator_objects").desc()}}
	for _, d := range append(aboutOperatorObjects(), all.of(healthMetric)) {
		n.descs[d.Name] = all.of(d.Name).desc()
	}
	for name := range (OperatorState{}).numbers() {
		n.descs[name] = all.of(name).desc()
	}
	return n
}

// numbers are those without labels.
func (s OperatorState) numbers() map[string]int {
	return map[string]int{
		"vso_client_cache_size":                   s.SessionLimit,
		"vso_client_cache_length":                 s.Sessions,
		"vso_client_cache_storage_length":         s.KeptSessions,
		"vso_client_cache_storage_config":         truth(s.Encrypted),
		"vaultk8s_operator_shards":                s.Shards,
		"vaultk8s_operator_connections_unhealthy": s.Unhealthy,
		"vaultk8s_operator_other_operators":       s.OtherOperators,
	}
}

// truth is a bool as metrics show it.
func truth(is bool) int {
	if is {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (n *operatorNumbers) Describe(to chan<- *prometheus.Desc) {
	for _, d := range n.descs {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (n *operatorNumbers) Collect(to chan<- prometheus.Metric) {
	state := n.state()
	n.collectObjects(to, state.Objects)
	for name, value := range state.numbers() {
		to <- prometheus.MustNewConstMetric(n.descs[name], prometheus.GaugeValue, float64(value))
	}
	for ready, objects := range map[string]map[string]int{"true": state.ObjectsReady, "false": state.ObjectsUnready} {
		for kind, count := range objects {
			to <- prometheus.MustNewConstMetric(n.descs["vaultk8s_operator_objects"], prometheus.GaugeValue, float64(count), kind, ready)
		}
	}
}
