package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// SetupWithManager registers the reconciler, with everything that makes it look at an
// object again.
func (r *Reconciler) SetupWithManager(m manager.Manager) error {
	b := builder.ControllerManagedBy(m).
		For(r.kind.empty(), builder.WithPredicates(edited())).
		Watches(&v1beta1.SecretTransformation{}, r.users(), builder.WithPredicates(transformed())).
		WatchesRawSource(&r.bell).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.o.Workers,
			// Of the API server only; those of Vault have the backoff of their object.
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](100*time.Millisecond, 30*time.Second),
		})
	for _, referred := range []client.Object{&v1beta1.VaultAuth{}, &v1beta1.VaultAuthGlobal{}, &v1beta1.VaultConnection{}} {
		b = b.Watches(referred, r.stranded(), builder.WithPredicates(predicate.GenerationChangedPredicate{}))
	}
	if r.o.Drift != nil {
		secrets := &metav1.PartialObjectMetadata{}
		secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		b = b.WatchesMetadata(secrets, r.o.Drift(r.kind.name()))
	}
	if err := errors.Join(m.Add(manager.RunnableFunc(r.finish)), m.Add(manager.RunnableFunc(r.keepBooks)), m.Add(r.numbers)); err != nil {
		return fmt.Errorf("set up the controller of %s: %w", r.kind.name(), err)
	}
	if err := b.Complete(r); err != nil {
		return fmt.Errorf("set up the controller of %s: %w", r.kind.name(), err)
	}
	return nil
}

// finish lets go what is kept of all objects, when the manager ends.
func (r *Reconciler) finish(ctx context.Context) error {
	<-ctx.Done()
	r.memories.change(func() { r.memories.closed = true })
	r.memories.each(func(*memory) bool { return true }, r.forget)
	return nil
}

// edited passes what may change the Secret: the spec, and labels and annotations,
// which templates read and which ask for a refresh. The operator's own status does
// not come back.
func edited() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, is := e.ObjectOld, e.ObjectNew
		return was.GetGeneration() != is.GetGeneration() || was.GetUID() != is.GetUID() ||
			was.GetDeletionTimestamp().IsZero() != is.GetDeletionTimestamp().IsZero() ||
			!maps.Equal(was.GetLabels(), is.GetLabels()) || !maps.Equal(was.GetAnnotations(), is.GetAnnotations())
	}}
}

// transformed passes changes of a SecretTransformation that its users can see.
func transformed() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, ok1 := e.ObjectOld.(*v1beta1.SecretTransformation)
		is, ok2 := e.ObjectNew.(*v1beta1.SecretTransformation)
		return ok1 && ok2 && (was.Generation != is.Generation || was.Status.Valid != is.Status.Valid)
	}}
}

// users wakes the objects that refer to a SecretTransformation. Those that were not
// looked at yet do not need it.
func (r *Reconciler) users() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		r.memories.each(usesOf(client.ObjectKeyFromObject(o)), r.wakeSoon)
		return nil
	})
}

// stranded wakes the objects that have no login: what has changed may be what they
// lack. Those that have one are told by the sessions.
func (r *Reconciler) stranded() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		r.memories.each(func(m *memory) bool { return m.waits }, r.wakeSoon)
		return nil
	})
}
