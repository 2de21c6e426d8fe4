package sync

import (
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

// Outcomes of writes in metrics.
const (
	outcomeDone   = "done"
	outcomeFailed = "failed"
)

// count counts the end of a visit.
func (r *Reconciler) count(v *visit, o outcome) {
	if r.o.Metrics == nil || o.silent {
		return
	}
	healthy := 0.0
	if o.State == status.Done {
		healthy = 1
	}
	r.o.Metrics.Status.WithLabelValues(r.controller(), v.name.Name, v.name.Namespace).Set(healthy)
}

// count counts a write of a Secret.
func (v *visit) count(w destination.Written, err error) {
	if v.r.o.Metrics == nil || err == nil && !w.Changed {
		return
	}
	outcome := outcomeDone
	if err != nil {
		outcome = outcomeFailed
	}
	v.r.o.Metrics.SecretWrites.WithLabelValues(v.r.kind.name(), outcome).Inc()
}
