package fanout

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// settle is how long the news of objects are gathered: a thousand objects that get
// ready within it cost one look and one status, not a thousand.
const settle = time.Second

// queue is where the controller takes its objects from.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// SetupWithManager registers the reconciler of ClusterVaultSecrets. The cache of the
// manager has to have all namespaces, and the objects in them.
func SetupWithManager(m manager.Manager, o Options) error {
	every := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, _ client.Object) []reconcile.Request { return all(ctx, m.GetClient()) })
	named := builder.WithPredicates(predicate.LabelChangedPredicate{})
	b := builder.ControllerManagedBy(m).Named("clustervaultsecret").
		For(&v1beta1.ClusterVaultSecret{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Namespace{}, every, named)
	for _, object := range []client.Object{&v1beta1.VaultStaticSecret{}, &v1beta1.VaultDynamicSecret{}, &v1beta1.VaultPKISecret{}} {
		b = b.Watches(object, news())
	}
	return kind(o, m.GetClient(), m.GetAPIReader()).Complete(m, b)
}

// all names every ClusterVaultSecret.
func all(ctx context.Context, cached client.Reader) []reconcile.Request {
	var list v1beta1.ClusterVaultSecretList
	if err := cached.List(ctx, &list); err != nil {
		return nil // the cache ends
	}
	var requests []reconcile.Request
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Name: list.Items[i].Name}})
	}
	return requests
}

// news wakes the ClusterVaultSecret of an object a little later, once for all that
// comes until then. Both labels count where an object has lost or changed its own.
func news() handler.EventHandler {
	tell := func(object client.Object, q queue) {
		if name := object.GetLabels()[v1beta1.LabelClusterName]; name != "" {
			q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}, settle)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { tell(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			tell(e.ObjectNew, q)
			tell(e.ObjectOld, q)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { tell(e.Object, q) },
	}
}
