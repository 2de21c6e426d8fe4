package destination

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// queue is where a controller takes its objects from.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Drift returns the handler of a watch of the metadata of Secrets, for the
// controller of a kind. It wakes the owner of a Secret that somebody else has
// changed or deleted; what this Writer has written or seen wakes nobody, and
// neither do the Secrets that are there at the start.
func (w *Writer) Drift(kind string) handler.EventHandler {
	return handler.Funcs{
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { w.noticed(kind, e.ObjectNew, false, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { w.noticed(kind, e.Object, true, q) },
	}
}

func (w *Writer) noticed(kind string, secret client.Object, deleted bool, q queue) {
	wake := func(name types.NamespacedName) { q.Add(reconcile.Request{NamespacedName: name}) }
	n := news{uid: secret.GetUID(), version: secret.GetResourceVersion(), deleted: deleted}
	if w.ledger.tell(client.ObjectKeyFromObject(secret), kind, n, wake) {
		return
	}
	if name, ok := named(secret, kind); ok {
		wake(name)
	}
}

// named returns the owner that a Secret names itself, for one that nobody has
// looked at yet.
func named(secret client.Object, kind string) (types.NamespacedName, bool) {
	for _, ref := range secret.GetOwnerReferences() {
		gv, err := schema.ParseGroupVersion(ref.APIVersion)
		if err == nil && gv.Group == v1beta1.Group && ref.Kind == kind {
			return types.NamespacedName{Namespace: secret.GetNamespace(), Name: ref.Name}, true
		}
	}
	return types.NamespacedName{}, false
}
