package push

import (
	"context"
	"fmt"
	"math/rand/v2"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	ctrlsource "sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// SetupWithManager registers the reconciler of VaultPushSecrets, and the watches of
// their sources, which need the permission to watch Secrets.
func SetupWithManager(m manager.Manager, o Options) error {
	watcher, err := client.NewWithWatch(m.GetConfig(), client.Options{Scheme: m.GetScheme(), Mapper: m.GetRESTMapper(), HTTPClient: m.GetHTTPClient()})
	if err != nil {
		return fmt.Errorf("watch the sources of VaultPushSecrets: %w", err)
	}
	sources := newSources(watcher, rand.Float64)
	if err := m.Add(sources); err != nil {
		return err
	}
	// Templates see the labels and annotations; vaultk8s.io/refresh is one.
	changed := predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	return kind(o, m.GetClient(), sources).Complete(m, builder.ControllerManagedBy(m).Named("vaultpushsecret").
		For(&v1beta1.VaultPushSecret{}, builder.WithPredicates(changed)).
		WatchesRawSource(ctrlsource.Func(sources.into)))
}

// into makes the sources wake objects of a queue.
func (s *sources) into(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake = func(name types.NamespacedName) { q.Add(reconcile.Request{NamespacedName: name}) }
	return nil
}
