package sync

import (
	"context"
	gosync "sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// wakeSpread is the time over which many objects that have one cause are woken, so
// that they do not come to the API server together.
const wakeSpread = 100 * time.Millisecond

// bell makes objects be looked at for causes outside of the cluster. It is a source
// of a controller, and never blocks who rings it: the queue keeps each name once.
type bell struct {
	mu      gosync.Mutex
	queue   workqueue.TypedRateLimitingInterface[reconcile.Request]
	started time.Time // when this process began to work on objects; zero: it has not
}

// Start implements source.Source. Nothing rings before it that the first list of
// objects would not bring.
func (b *bell) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue, b.started = queue, time.Now()
	return nil
}

// ring queues an object.
func (b *bell) ring(name types.NamespacedName, after time.Duration) {
	b.mu.Lock()
	queue := b.queue
	b.mu.Unlock()
	if queue != nil {
		queue.AddAfter(reconcile.Request{NamespacedName: name}, after)
	}
}

// since returns when this process began to work; now where it has not.
func (b *bell) since() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.started.IsZero() {
		return time.Now()
	}
	return b.started
}

func (r *Reconciler) wake(name types.NamespacedName) { r.bell.ring(name, 0) }

// wakeSoon is wake for one of many.
func (r *Reconciler) wakeSoon(m *memory) {
	r.bell.ring(m.name, time.Duration(float64(wakeSpread)*r.o.Random()))
}
