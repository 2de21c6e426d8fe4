package sync

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
)

// kind is what differs between the kinds of objects.
type kind interface {
	worker
	definition
}

// worker does the work of a kind.
type worker interface {
	// sync makes the Secret of an object what it should be. It changes the status of
	// the visit's object in place, and its conditions except for those of every kind.
	sync(ctx context.Context, v *visit) outcome
	// release ends what an object caused outside of this process, when it is deleted.
	// An error is tried again; it must not depend on Vault.
	release(ctx context.Context, v *visit) error
}

// definition says which kind of object it is.
type definition interface {
	name() string // as in the API
	empty() client.Object
}

// collected is a kind of whose objects some cause nothing that only release would end.
type collected interface {
	// collected tells whether the garbage collector ends all that an object causes.
	collected(v *visit) bool
}

// forgetful is a kind that keeps something of its objects in this process: memory.own.
type forgetful interface {
	// forget lets it go. The object is gone, or another process's now.
	forget(m *memory)
}

// Reconciler looks at the objects of one kind.
type Reconciler struct {
	o         Options
	kind      kind
	finalizer string
	bell      bell
	memories  memories
	books     books
	numbers   *tally.Kind
}

func newReconciler(o Options, k kind, finalizer string) *Reconciler {
	return &Reconciler{o: o, kind: k, finalizer: finalizer, numbers: o.Tally.Kind(k.name()), memories: memories{all: map[types.NamespacedName]*memory{}}}
}

// Reconcile implements reconcile.Reconciler. It returns only errors of the API
// server, which the controller's own backoff answers.
func (r *Reconciler) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	m := r.memories.of(q.NamespacedName)
	if m == nil {
		return reconcile.Result{}, nil // the manager has ended
	}
	m.visit.Lock()
	defer m.visit.Unlock()
	if _, err := r.settle(ctx, m); err != nil {
		return reconcile.Result{}, err
	}
	v, err := r.open(ctx, m)
	switch {
	case err != nil:
		return reconcile.Result{}, err
	case v.object == nil:
		r.o.Destination.Forget(m.uid)
		r.drop(m)
		return reconcile.Result{}, nil
	case m.uid != "" && m.uid != v.object.GetUID(): // it was deleted, and made anew
		r.o.Destination.Forget(m.uid)
		r.drop(m)
		return reconcile.Result{RequeueAfter: time.Millisecond}, nil
	case !v.object.GetDeletionTimestamp().IsZero():
		return reconcile.Result{}, r.end(ctx, v)
	}
	m.uid = v.object.GetUID()
	light := r.light(v)
	if !light {
		if err := r.guard(ctx, v); err != nil {
			return reconcile.Result{RequeueAfter: conflictPause(err)}, exceptConflict(err)
		}
	}
	return r.leave(ctx, v, r.kind.sync(ctx, v), light)
}

// open loads an object. It is never older than what this process wrote of it, or
// work would be done twice.
func (r *Reconciler) open(ctx context.Context, m *memory) (*visit, error) {
	v, name := &visit{r: r, name: m.name, memory: m}, m.name
	object := r.kind.empty()
	err := r.o.Client.Get(ctx, name, object)
	if err == nil && older(object.GetResourceVersion(), v.memory.written) {
		object = r.kind.empty()
		err = r.o.Live.Get(ctx, name, object)
	}
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("load %s %s: %w", r.kind.name(), name, err)
	}
	if err == nil {
		v.take(object)
	}
	return v, nil
}

// older tells whether a resource version is from before another. What cannot be
// compared is not.
func older(have, written string) bool {
	if written == "" {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(have, written)
	return err == nil && order < 0
}

// guard adds the finalizer, before anything is caused that only it would end.
func (r *Reconciler) guard(ctx context.Context, v *visit) error {
	if controllerutil.ContainsFinalizer(v.object, r.finalizer) {
		return nil
	}
	return v.edit(ctx, func() { controllerutil.AddFinalizer(v.object, r.finalizer) })
}

// end lets an object go. Nothing here waits for Vault.
func (r *Reconciler) end(ctx context.Context, v *visit) error {
	if !controllerutil.ContainsFinalizer(v.object, r.finalizer) {
		return nil
	}
	if err := r.kind.release(ctx, v); err != nil {
		return err
	}
	if err := r.o.Destination.Release(ctx, v.object, *v.parts.destination); err != nil {
		return err
	}
	if err := client.IgnoreNotFound(v.edit(ctx, func() { controllerutil.RemoveFinalizer(v.object, r.finalizer) })); err != nil {
		return err
	}
	r.drop(v.memory)
	return nil
}

// forget lets go what this process keeps of an object that is not visited.
func (r *Reconciler) forget(m *memory) {
	m.visit.Lock()
	defer m.visit.Unlock()
	r.drop(m)
}

// drop is forget at the end of a visit.
func (r *Reconciler) drop(m *memory) {
	r.memories.drop(m.name)
	if k, ok := r.kind.(forgetful); ok && m.own != nil {
		k.forget(m)
	}
	r.numbers.Forget(m.name)
}

// conclude writes what a visit has found, where it is something new.
func (r *Reconciler) conclude(ctx context.Context, v *visit, o outcome) (reconcile.Result, error) {
	if err := ctx.Err(); err != nil {
		return reconcile.Result{}, err // what it looks like is not what it is
	}
	o = v.bounded(o)
	if r.spared(v, o) {
		return r.spare(v, o), nil
	}
	if !o.silent {
		v.conditions.Conclude(o.Outcome)
		*v.parts.observed = v.object.GetGeneration()
		v.tell(o)
	}
	if o.State == status.Done && !o.silent {
		v.served()
	}
	r.count(v, o)
	if err := v.save(ctx); err != nil {
		return reconcile.Result{RequeueAfter: conflictPause(err)}, exceptConflict(err)
	}
	v.report()
	if err := r.guardLater(ctx, v, o); err != nil {
		return reconcile.Result{RequeueAfter: conflictPause(err)}, exceptConflict(err)
	}
	return reconcile.Result{RequeueAfter: v.next(o)}, nil
}

// conflictPause is when an object is looked at again that somebody else has changed
// meanwhile; the cache has the change by then.
func conflictPause(err error) time.Duration {
	if apierrors.IsConflict(err) {
		return 100 * time.Millisecond
	}
	return 0
}

// exceptConflict keeps conflicts out of the controller's log and backoff: they are no
// failure.
func exceptConflict(err error) error {
	if apierrors.IsConflict(err) {
		return nil
	}
	return err
}
