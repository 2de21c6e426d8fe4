package sync

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

const (
	// outageRate is how many objects a second are told to be out of order because their
	// Vault is away, beyond the first outageBurst. What is written in an outage is written
	// again after it: the API server takes some 200 statuses a second on two processors,
	// so those of 10,000 objects would take nearly a minute each time. Within a minute
	// 200 + 60 x 50 = 3200 of them are told.
	outageRate  = 50
	outageBurst = 200
	// outageTurn is the least time until an object that was spared may be told of; the
	// most is three times that, at random. A visit of 10,000 objects each 30 s is a
	// twentieth of a processor's time.
	outageTurn = 15 * time.Second
)

// spared tells that an outage of Vault is not written down at this visit: the object is
// in order, as it says itself, nobody waits for what it should become, and many others
// say the same already. Its numbers tell, and so does the VaultConnection. The next
// attempt may be written down. What is stuck has none.
func (r *Reconciler) spared(v *visit, o outcome) bool {
	if !o.away || o.State == status.Stuck || v.forced() {
		return false
	}
	ready := status.Ready(v.stored)
	if ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != v.object.GetGeneration() {
		return false
	}
	return !r.o.Outages.Allow()
}

// spare ends a visit at which an outage is not written down.
func (r *Reconciler) spare(v *visit, o outcome) reconcile.Result {
	r.count(v, o)
	v.report()
	turn := outageTurn + time.Duration(float64(2*outageTurn)*r.o.Random())
	return reconcile.Result{RequeueAfter: due.Soonest(v.next(o), turn)}
}
