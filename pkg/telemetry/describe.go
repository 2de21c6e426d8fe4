package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Types of metrics.
const (
	TypeGauge     = "gauge"
	TypeCounter   = "counter"
	TypeHistogram = "histogram"
)

// Description is a metric as users read of it, and the one source of its help
// text: what is not described here cannot be registered.
type Description struct {
	Name    string
	Type    string
	Labels  []string
	Modes   string // modes that have it
	Meaning string // one sentence
	Dotted  string // what the Vault Agent calls it in JSON; "" where it has no such metric
	Panel   Panel
}

// Panel is what a dashboard shows of a metric.
type Panel struct {
	Title     string
	Query     string // PromQL; it may name several metrics
	Unit      string // of Grafana: "s", "short", "bytes", "ops", "bool"
	Threshold string // when somebody should look; "" for never
}

// Names of labels.
const (
	labelDestination = "destination"
	labelIdentity    = "identity"
	labelKind        = "kind"
	labelReady       = "ready"
	labelList        = "list"
	labelOutcome     = "outcome"
	labelReason      = "reason"
	labelSecret      = "secret"
)

// Descriptions returns all metrics of this package, in the order in which users
// read of them. docs/metrics.md is made of it.
func Descriptions() []Description {
	var all []Description
	for _, group := range [][]Description{aboutLogin(), aboutWork(), aboutTemplates(), aboutSecrets(), aboutRequests(), aboutCSI(), aboutOperator(), aboutProgram()} {
		all = append(all, group...)
	}
	return all
}

// described are the descriptions by name.
type described map[string]Description

func newDescribed() described {
	all := described{}
	for _, d := range Descriptions() {
		all[d.Name] = d
	}
	return all
}

// of returns a description. A name without one is a mistake in the program that
// the first test to make the metrics finds.
func (all described) of(name string) Description {
	d, ok := all[name]
	if !ok {
		panic("metric " + name + " has no description")
	}
	return d
}

func (d Description) gauge() prometheus.GaugeOpts {
	return prometheus.GaugeOpts{Name: d.Name, Help: d.Meaning}
}

func (d Description) counter() prometheus.CounterOpts {
	return prometheus.CounterOpts{Name: d.Name, Help: d.Meaning}
}

func (d Description) histogram(buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Name: d.Name, Help: d.Meaning, Buckets: buckets}
}

// desc is for metrics that are made at each scrape.
func (d Description) desc() *prometheus.Desc {
	return prometheus.NewDesc(d.Name, d.Meaning, d.Labels, nil)
}

func (d Description) valueType() prometheus.ValueType {
	if d.Type == TypeCounter {
		return prometheus.CounterValue
	}
	return prometheus.GaugeValue
}
