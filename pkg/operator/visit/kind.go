package visit

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
)

// Recorder writes events about objects.
type Recorder interface {
	Event(object runtime.Object, eventType, reason, message string)
}

// Verdict is what a look at an object has brought, beside its conditions.
type Verdict struct {
	Again   time.Duration // when to look again at the latest; 0: when something changes
	Tell    bool          // something was done: an event says what Ready says, if that is new or not
	Pending bool          // the object is not ready yet, and nothing has failed
	Err     error         // no verdict: the API server failed, and the status stays as it is
}

// Judge looks at an object, does what is to be done, and changes the status: it calls
// [status.Conditions.Conclude].
type Judge[S any] func(ctx context.Context, object S, c *status.Conditions) Verdict

// Kind looks at the objects of one kind. S is *T, an object with conditions, one of
// those that [status.Of] knows.
type Kind[T any, S Subject[T]] struct {
	Client    client.Client
	Events    Recorder
	Tally     *tally.Kind
	Finalizer string // "" for none
	Judge     Judge[S]

	Owns  func(namespace string) bool          // whose objects are looked at here; nil: all
	Gone  func(types.NamespacedName)           // lets go what is kept of an object that ends; nil: nothing
	End   func(ctx context.Context, o S) error // before the finalizer goes; nil: nothing
	Rough bool                                 // of messages that only count on there are no events: status or reason have to change

	told sync.Map // the newest event of an object, by its name
}

// copied is a pointer to what can copy itself.
type copied[T any] interface {
	*T
	DeepCopy() *T
}

// Subject is an object of the API with conditions.
type Subject[T any] interface {
	copied[T]
	client.Object
}

// Complete builds the controller, which a manager then runs.
func (k *Kind[T, S]) Complete(m manager.Manager, b *builder.Builder) error {
	if err := m.Add(k.Tally); err != nil {
		return err
	}
	return b.Complete(k)
}

// Reconcile implements reconcile.Reconciler.
func (k *Kind[T, S]) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	if k.Owns != nil && !k.Owns(q.Namespace) {
		return reconcile.Result{}, nil
	}
	object := S(new(T))
	if err := k.Client.Get(ctx, q.NamespacedName, object); err != nil {
		if client.IgnoreNotFound(err) == nil {
			k.forget(q.NamespacedName)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !object.GetDeletionTimestamp().IsZero() {
		k.forget(q.NamespacedName)
		return reconcile.Result{}, k.release(ctx, object)
	}
	if err := k.guard(ctx, object); err != nil {
		return reconcile.Result{}, err
	}
	return k.look(ctx, object)
}

func (k *Kind[T, S]) forget(name types.NamespacedName) {
	k.told.Delete(name)
	k.Tally.Forget(name)
	if k.Gone != nil {
		k.Gone(name)
	}
}

// release ends an object, and takes the finalizer away.
func (k *Kind[T, S]) release(ctx context.Context, object S) error {
	if k.End != nil {
		if err := k.End(ctx, object); err != nil {
			return err
		}
	}
	return client.IgnoreNotFound(k.finalizer(ctx, object, controllerutil.RemoveFinalizer))
}

func (k *Kind[T, S]) guard(ctx context.Context, object S) error {
	return k.finalizer(ctx, object, controllerutil.AddFinalizer)
}

func (k *Kind[T, S]) finalizer(ctx context.Context, object S, change func(client.Object, string) bool) error {
	before := S(object.DeepCopy())
	if k.Finalizer == "" || !change(object, k.Finalizer) {
		return nil
	}
	return k.Client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// look judges the object, and writes and tells what is new.
func (k *Kind[T, S]) look(ctx context.Context, object S) (reconcile.Result, error) {
	before := S(object.DeepCopy())
	at := status.Of(object)
	c := status.Edit(*at, object.GetGeneration(), time.Now())
	verdict := k.Judge(ctx, object, c)
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err() // what it looks like is not what it is
	}
	ready, _ := c.Get(v1beta1.ConditionReady)
	done := verdict.Err == nil && ready.Status == metav1.ConditionTrue
	k.Tally.Visited(client.ObjectKeyFromObject(object), tally.Visit{Done: done, Failed: !done && !verdict.Pending})
	if verdict.Err != nil {
		return reconcile.Result{}, verdict.Err
	}
	*at = c.List()
	if !equality.Semantic.DeepEqual(before, object) {
		if err := k.Client.Status().Patch(ctx, object, client.MergeFrom(before)); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
		k.Tally.WroteStatus()
		k.tell(object, status.Ready(before), ready, verdict.Tell)
	}
	return reconcile.Result{RequeueAfter: verdict.Again}, nil
}

// tell writes an event where Ready says something else than before, or something was
// done.
func (k *Kind[T, S]) tell(object S, was, ready metav1.Condition, did bool) {
	if !did && was.Status == ready.Status && was.Reason == ready.Reason && (k.Rough || was.Message == ready.Message) {
		return
	}
	eventType := corev1.EventTypeNormal
	if ready.Status != metav1.ConditionTrue {
		eventType = corev1.EventTypeWarning
	}
	text := ready.Reason + ": " + ready.Message
	if last, _ := k.told.Swap(client.ObjectKeyFromObject(object), text); last == text && !did {
		return // the cache has not seen yet what was written
	}
	k.Events.Event(object, eventType, ready.Reason, ready.Message)
}
