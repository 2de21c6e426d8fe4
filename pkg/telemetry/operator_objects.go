package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ObjectStat is what the metrics tell of one object of the operator. Times that are
// not known have no series.
type ObjectStat struct {
	Kind       string
	Controller string // name of the kind in controller_resource_status
	Namespace  string // "": the object has none
	Name       string
	Looked     bool      // a look at it has ended, so that its health is known
	Healthy    bool      // by the newest look
	Plain      bool      // its kind writes nothing: only the health is told
	Synced     time.Time // when what is written was known to be as it should, by the newest answer of Vault where that is asked
	Expires    time.Time // end of the lease or the certificate
	Syncs      uint64    // writes
	Failures   uint64    // looks at the object that ended in an error
}

// healthMetric is the name that the old operator has for the health of an object.
const healthMetric = "controller_resource_status"

// objectLabels are those of every metric of one object.
func objectLabels() []string { return []string{labelKind, "namespace", "name"} }

func aboutOperatorObjects() []Description {
	of := objectLabels()
	return []Description{
		{Name: "vaultk8s_operator_object_syncs_total", Type: TypeCounter, Labels: of, Meaning: "Times that what an object makes was written, in this process: its Secret, for a VaultPushSecret the secret in Vault, for a ClusterVaultSecret the object of any namespace.", Panel: Panel{"Writes by object", "topk(20, increase(vaultk8s_operator_object_syncs_total[1h]))", "short", "more than the data changes"}},
		{Name: "vaultk8s_operator_object_failures_total", Type: TypeCounter, Labels: of, Meaning: "Looks at an object that ended in an error, in this process.", Panel: Panel{"Failing objects", "topk(20, increase(vaultk8s_operator_object_failures_total[1h]))", "short", "> 0 for an hour"}},
		{Name: "vaultk8s_operator_object_synced_timestamp_seconds", Type: TypeGauge, Labels: of, Meaning: "When what an object makes was known to be as it should, in seconds since 1970: the Secret to have what Vault holds, for a VaultPushSecret Vault to have what the Secret holds. For a ClusterVaultSecret it is the last look that found every namespace in order; while nothing changes there are no looks.", Panel: Panel{"Age of Secrets", `topk(20, time() - vaultk8s_operator_object_synced_timestamp_seconds{kind!="ClusterVaultSecret"})`, "s", "> three times the longest refreshAfter"}},
		{Name: "vaultk8s_operator_object_expiry_timestamp_seconds", Type: TypeGauge, Labels: of, Meaning: "When the lease or the certificate in the Secret of an object ends, in seconds since 1970; only VaultDynamicSecrets and VaultPKISecrets have one.", Panel: Panel{"Next ends of leases and certificates", "bottomk(20, vaultk8s_operator_object_expiry_timestamp_seconds - time())", "s", "< 0"}},
	}
}

// collectObjects sends the series of objects.
func (n *operatorNumbers) collectObjects(to chan<- prometheus.Metric, objects []ObjectStat) {
	for _, o := range objects {
		if o.Looked {
			to <- prometheus.MustNewConstMetric(n.descs[healthMetric], prometheus.GaugeValue, float64(truth(o.Healthy)), o.Controller, o.Name, o.Namespace)
		}
		if !o.Plain {
			n.collectWork(to, o)
		}
	}
}

// collectWork sends what an object has done.
func (n *operatorNumbers) collectWork(to chan<- prometheus.Metric, o ObjectStat) {
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
