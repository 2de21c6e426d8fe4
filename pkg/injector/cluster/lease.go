package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
)

// The times of a lease: a holder that is lost is replaced after leaseTime. It
// renews after a third of that, so that one failure is no loss, and gives up
// leading when two thirds have passed without success.
const (
	leaseTime = 15 * time.Second
	renewTime = leaseTime / 3
	giveUp    = leaseTime * 2 / 3
)

// Elector holds a Lease, or waits for it, so that one of several replicas leads.
type Elector struct {
	client                    *kube.Client
	namespace, name, identity string
	report                    func(error)

	leading atomic.Bool

	// What was seen last of another holder, and when by our clock: clocks of
	// machines differ, so that the times in the Lease are not compared with it.
	seen   string
	seenAt time.Time
}

// NewElector names the Lease, and who this replica is. report hears of failed
// requests; it is called from the goroutine of [Elector.Run].
func NewElector(c *kube.Client, namespace, name, identity string, report func(error)) *Elector {
	return &Elector{client: c, namespace: namespace, name: name, identity: identity, report: report}
}

// Leading reports whether this replica holds the Lease.
func (e *Elector) Leading() bool { return e.leading.Load() }

// Run takes part until ctx ends, and calls lead, with a context that ends with the
// lease, whenever this replica holds it. At the end it gives the Lease back, so
// that another replica need not wait.
func (e *Elector) Run(ctx context.Context, lead func(context.Context)) {
	for ctx.Err() == nil {
		held, err := e.take(ctx)
		if err != nil && ctx.Err() == nil {
			e.report(fmt.Errorf("take the lease: %w", err))
		}
		if held {
			e.hold(ctx, lead)
		}
		pause.For(ctx, renewTime/2+rand.N(renewTime)) //nolint:gosec // only to spread the replicas
	}
}

// hold leads until the lease is lost or ctx ends.
func (e *Elector) hold(ctx context.Context, lead func(context.Context)) {
	term, end := context.WithCancel(ctx)
	done := make(chan struct{})
	e.leading.Store(true)
	go func() {
		defer close(done)
		lead(term)
	}()
	e.renew(ctx)
	e.leading.Store(false)
	end()
	<-done
	if ctx.Err() != nil {
		e.release(context.WithoutCancel(ctx))
	}
}

// renew returns when the lease is lost or ctx ends.
func (e *Elector) renew(ctx context.Context) {
	last := time.Now()
	for pause.For(ctx, renewTime) {
		attempt, cancel := context.WithDeadline(ctx, last.Add(giveUp))
		held, err := e.take(attempt)
		cancel()
		switch {
		case err == nil && !held:
			return
		case err == nil:
			last = time.Now()
		case ctx.Err() != nil:
			return
		default:
			e.report(fmt.Errorf("renew the lease: %w", err))
			if time.Since(last) >= giveUp {
				return
			}
		}
	}
}

func (e *Elector) path() string {
	return "/apis/coordination.k8s.io/v1/namespaces/" + e.namespace + "/leases"
}

// take makes, renews or takes over the Lease, and reports whether it is ours.
func (e *Elector) take(ctx context.Context) (bool, error) {
	var lease coordinationv1.Lease
	err := e.client.Do(ctx, kube.Request{Path: e.path() + "/" + e.name}, &lease)
	if kube.Status(err) == http.StatusNotFound {
		lease.OwnerReferences = owners(ctx, e.client, e.namespace)
		return e.write(ctx, kube.Request{Method: http.MethodPost, Path: e.path()}, e.claim(lease))
	}
	if err != nil {
		return false, err
	}
	if !e.free(lease) {
		return false, nil
	}
	return e.write(ctx, kube.Request{Method: http.MethodPut, Path: e.path() + "/" + e.name}, e.claim(lease))
}

func (e *Elector) write(ctx context.Context, r kube.Request, lease *coordinationv1.Lease) (bool, error) {
	r.Body = lease
	err := e.client.Do(ctx, r, nil)
	if kube.Status(err) == http.StatusConflict {
		return false, nil // somebody else was quicker
	}
	return err == nil, err
}

// free reports whether the Lease may be taken: it is ours, nobody's, or its holder
// has not renewed it for as long as it promised.
func (e *Elector) free(lease coordinationv1.Lease) bool {
	holder := lease.Spec.HolderIdentity
	if holder == nil || *holder == "" || *holder == e.identity {
		return true
	}
	now := *holder + " " + lease.ResourceVersion
	if now != e.seen {
		e.seen, e.seenAt = now, time.Now()
	}
	promised := leaseTime
	if s := lease.Spec.LeaseDurationSeconds; s != nil {
		promised = time.Duration(*s) * time.Second
	}
	return time.Since(e.seenAt) >= promised
}

// claim returns the Lease with us as its holder.
func (e *Elector) claim(lease coordinationv1.Lease) *coordinationv1.Lease {
	now, seconds := metav1.NowMicro(), int32(leaseTime/time.Second)
	lease.APIVersion, lease.Kind = "coordination.k8s.io/v1", "Lease"
	lease.Name, lease.Namespace, lease.ManagedFields = e.name, e.namespace, nil
	spec := &lease.Spec
	if spec.HolderIdentity == nil || *spec.HolderIdentity != e.identity {
		changes := int32(0)
		if spec.LeaseTransitions != nil {
			changes = *spec.LeaseTransitions + 1
		}
		spec.AcquireTime, spec.LeaseTransitions = &now, &changes
	}
	spec.HolderIdentity, spec.LeaseDurationSeconds, spec.RenewTime = &e.identity, &seconds, &now
	return &lease
}

// release lets go of the Lease; if that fails, it ends by itself.
func (e *Elector) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	var lease coordinationv1.Lease
	err := e.client.Do(ctx, kube.Request{Path: e.path() + "/" + e.name}, &lease)
	if err != nil || lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity != e.identity {
		return
	}
	lease.Spec.HolderIdentity, lease.ManagedFields = nil, nil
	if _, err := e.write(ctx, kube.Request{Method: http.MethodPut, Path: e.path() + "/" + e.name}, &lease); err != nil {
		e.report(fmt.Errorf("give the lease back: %w", err))
	}
}
