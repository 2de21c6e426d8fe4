package sync

import (
	"context"
	gosync "sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

const (
	// bookkeepers are how many first visits are written down at once. A hundred visits
	// write Secrets meanwhile, so that these get nearly all of what the API server can do.
	bookkeepers = 4
	// mostUnwritten bounds what is kept until it is written down: at 10 KiB for a
	// visit, 10 MiB.
	mostUnwritten = 1000
	// rebook is when an object is looked at again that could not be written down.
	rebook = time.Second
)

// books are the first visits that are done and not written down yet. Of many objects
// that are new at once, the Secrets come first: applications wait for them, and nobody
// for statuses, finalizers and events, which are three of four requests. What is lost
// with this process, the next one finds done, and writes down.
type books struct {
	mu    gosync.Mutex
	queue chan *memory // nil: nobody writes
}

// unwritten is a visit that is over, and what came of it.
type unwritten struct {
	visit   *visit
	outcome outcome
}

// begin returns the queue to write from.
func (b *books) begin() <-chan *memory {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = make(chan *memory, mostUnwritten)
	return b.queue
}

func (b *books) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = nil
}

// take puts an object into the queue, where there is one with room.
func (b *books) take(m *memory) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.queue <- m: // never, if it is nil
		return true
	default:
		return false
	}
}

// keepBooks writes down what first visits have left, until ctx ends.
func (r *Reconciler) keepBooks(ctx context.Context) error {
	queue := r.books.begin()
	var tasks gosync.WaitGroup
	for range bookkeepers {
		tasks.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case m := <-queue:
					r.writeDown(ctx, m)
				}
			}
		})
	}
	<-ctx.Done()
	r.books.end()
	tasks.Wait()
	return nil
}

func (r *Reconciler) writeDown(ctx context.Context, m *memory) {
	m.visit.Lock()
	defer m.visit.Unlock()
	if m.unwritten == nil {
		return // another visit has done it
	}
	result, err := r.settle(ctx, m)
	switch {
	case err != nil:
		r.bell.ring(m.name, rebook)
	case result.RequeueAfter > 0:
		r.bell.ring(m.name, result.RequeueAfter)
	}
}

// settle writes down what the visit before has left.
func (r *Reconciler) settle(ctx context.Context, m *memory) (reconcile.Result, error) {
	u := m.unwritten
	if u == nil {
		return reconcile.Result{}, nil
	}
	m.unwritten = nil
	return r.conclude(ctx, u.visit, u.outcome)
}

// leave concludes a visit, or leaves that to the bookkeepers.
func (r *Reconciler) leave(ctx context.Context, v *visit, o outcome, first bool) (reconcile.Result, error) {
	if first && o.State == status.Done && !o.silent {
		v.memory.unwritten = &unwritten{v, o}
		if r.books.take(v.memory) {
			return reconcile.Result{}, nil
		}
		v.memory.unwritten = nil
	}
	return r.conclude(ctx, v, o)
}

// light tells whether a visit needs no finalizer before it: it is the object's first,
// and the garbage collector ends all that it can cause.
func (r *Reconciler) light(v *visit) bool {
	k, ok := r.kind.(collected)
	return ok && *v.parts.synced == 0 && k.collected(v)
}

// guardLater adds the finalizer after a visit that was light.
func (r *Reconciler) guardLater(ctx context.Context, v *visit, o outcome) error {
	if o.silent {
		return nil // nothing was caused, and more visits follow
	}
	if err := r.guard(ctx, v); !apierrors.IsNotFound(err) {
		return err
	}
	return nil // it was deleted meanwhile
}
