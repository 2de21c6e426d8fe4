package references

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

// frame is what the reconcilers have in common.
type frame struct {
	Options
	client client.Client
}

// copied is a pointer to what can copy itself.
type copied[T any] interface {
	*T
	DeepCopy() *T
}

// subject is an object with conditions.
type subject[T any] interface {
	copied[T]
	client.Object
}

// judge looks at an object and changes its status; it returns when to look again,
// 0 for never.
type judge[S any] func(ctx context.Context, object S, c *status.Conditions) time.Duration

// kind is one reconciler.
type kind[T any, S subject[T]] struct {
	frame
	name       string // of the kind
	finalizer  string // "" for none
	conditions func(S) *[]metav1.Condition
	judge      judge[S]
	gone       func(types.NamespacedName) // nil: nothing is done
	told       sync.Map                   // the newest event of an object, by its name
}

// Reconcile implements reconcile.Reconciler.
func (k *kind[T, S]) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	if !k.owns(q.Namespace) {
		return reconcile.Result{}, nil
	}
	object := S(new(T))
	if err := k.client.Get(ctx, q.NamespacedName, object); err != nil {
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

func (k *kind[T, S]) forget(name types.NamespacedName) {
	k.told.Delete(name)
	if k.gone != nil {
		k.gone(name)
	}
	if k.Metrics != nil {
		k.Metrics.Status.DeleteLabelValues(strings.ToLower(k.name), name.Name, name.Namespace)
	}
}

// show sets the metric of an object.
func (k *kind[T, S]) show(name types.NamespacedName, ready metav1.Condition) {
	if k.Metrics == nil {
		return
	}
	healthy := 0.0
	if ready.Status == metav1.ConditionTrue {
		healthy = 1
	}
	k.Metrics.Status.WithLabelValues(strings.ToLower(k.name), name.Name, name.Namespace).Set(healthy)
}

// release takes the finalizer away.
func (k *kind[T, S]) release(ctx context.Context, object S) error {
	before := S(object.DeepCopy())
	if k.finalizer == "" || !controllerutil.RemoveFinalizer(object, k.finalizer) {
		return nil
	}
	err := k.client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	return client.IgnoreNotFound(err)
}

func (k *kind[T, S]) guard(ctx context.Context, object S) error {
	before := S(object.DeepCopy())
	if k.finalizer == "" || !controllerutil.AddFinalizer(object, k.finalizer) {
		return nil
	}
	return k.client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// look judges the object, and writes and tells what is new.
func (k *kind[T, S]) look(ctx context.Context, object S) (reconcile.Result, error) {
	before := S(object.DeepCopy())
	at := k.conditions(object)
	c := status.Edit(*at, object.GetGeneration(), time.Now())
	again := k.judge(ctx, object, c)
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err()
	}
	*at = c.List()
	ready, _ := c.Get(v1beta1.ConditionReady)
	k.show(client.ObjectKeyFromObject(object), ready)
	if !equality.Semantic.DeepEqual(before, object) {
		if err := k.client.Status().Patch(ctx, object, client.MergeFrom(before)); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
		if k.Metrics != nil {
			k.Metrics.StatusWrites.WithLabelValues(k.name).Inc()
		}
		k.tell(object, *k.conditions(before), ready)
	}
	return reconcile.Result{RequeueAfter: again}, nil
}

// tell writes an event where Ready says something else than before.
func (k *kind[T, S]) tell(object S, before []metav1.Condition, ready metav1.Condition) {
	for _, was := range before {
		if was.Type == ready.Type && was.Status == ready.Status && was.Reason == ready.Reason && was.Message == ready.Message {
			return
		}
	}
	eventType := corev1.EventTypeNormal
	if ready.Status != metav1.ConditionTrue {
		eventType = corev1.EventTypeWarning
	}
	text := ready.Reason + ": " + ready.Message
	if last, _ := k.told.Swap(client.ObjectKeyFromObject(object), text); last == text {
		return // the cache has not seen yet what was written
	}
	k.Events.Event(object, eventType, ready.Reason, ready.Message)
}

// lines makes one line of an error that has several, and one that is the same for
// each connection: of "10.0.0.1:40000->10.0.0.2:8200" the first is another each time.
func lines(err error) string {
	words := strings.Split(strings.ReplaceAll(err.Error(), "\n", "; "), " ")
	for i, word := range words {
		if _, to, ok := strings.Cut(word, "->"); ok {
			words[i] = to
		}
	}
	return strings.Join(words, " ")
}

// sound is the outcome of an object that is as it should be.
func sound(format string, args ...any) status.Outcome {
	return status.Outcome{State: status.Done, Reason: v1beta1.ReasonAccepted, Message: fmt.Sprintf(format, args...)}
}

func stuck(reason string, err error) status.Outcome {
	return status.Outcome{State: status.Stuck, Reason: reason, Message: lines(err)}
}
