package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ObjectStat is what the metrics tell of one object of the operator that makes a
// Secret. Times that are not known have no series.
type ObjectStat struct {
	Kind      string
	Namespace string
	Name      string
	Synced    time.Time // when the Secret was known to have what Vault holds, by the newest answer of Vault
	Expires   time.Time // end of the lease or the certificate
	Syncs     uint64    // that wrote the Secret
	Failures  uint64    // looks at the object that ended in an error
}

// objectLabels are those of every metric of one object.
func objectLabels() []string { return []string{labelKind, "namespace", "name"} }

func aboutOperatorObjects() []Description {
	of := objectLabels()
	return []Description{
		{Name: "vaultk8s_operator_object_syncs_total", Type: TypeCounter, Labels: of, Meaning: "Times that the Secret of an object was written, in this process.", Panel: Panel{"Changed Secrets", "topk(20, increase(vaultk8s_operator_object_syncs_total[1h]))", "short", "more than the data changes"}},
		{Name: "vaultk8s_operator_object_failures_total", Type: TypeCounter, Labels: of, Meaning: "Looks at an object that ended in an error, in this process.", Panel: Panel{"Failing objects", "topk(20, increase(vaultk8s_operator_object_failures_total[1h]))", "short", "> 0 for an hour"}},
		{Name: "vaultk8s_operator_object_synced_timestamp_seconds", Type: TypeGauge, Labels: of, Meaning: "When the Secret of an object was known to have what Vault holds, in seconds since 1970.", Panel: Panel{"Age of Secrets", "topk(20, time() - vaultk8s_operator_object_synced_timestamp_seconds)", "s", "> three times the longest refreshAfter"}},
		{Name: "vaultk8s_operator_object_expiry_timestamp_seconds", Type: TypeGauge, Labels: of, Meaning: "When the lease or the certificate in the Secret of an object ends, in seconds since 1970.", Panel: Panel{"Next ends of leases and certificates", "bottomk(20, vaultk8s_operator_object_expiry_timestamp_seconds - time())", "s", "< 0"}},
	}
}

// collectObjects sends the series of objects.
func (n *operatorNumbers) collectObjects(to chan<- prometheus.Metric, objects []ObjectStat) {
	for _, o := range objects {
		send := func(name string, kind prometheus.ValueType, value float64) {
			to <- prometheus.MustNewConstMetric(n.descs[name], kind, value, o.Kind, o.Namespace, o.Name)
		}
		send("vaultk8s_operator_object_syncs_total", prometheus.CounterValue, float64(o.Syncs))
		send("vaultk8s_operator_object_failures_total", prometheus.CounterValue, float64(o.Failures))
		if !o.Synced.IsZero() {
			send("vaultk8s_operator_object_synced_timestamp_seconds", prometheus.GaugeValue, float64(o.Synced.Unix()))
		}
		if !o.Expires.IsZero() {
			send("vaultk8s_operator_object_expiry_timestamp_seconds", prometheus.GaugeValue, float64(o.Expires.Unix()))
		}
	}
}
