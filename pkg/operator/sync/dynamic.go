package sync

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
)

// dynamic keeps VaultDynamicSecrets. Their credentials are nobody else's, so they
// are requested for each object, outside of the shared store. What a visit does is
// judged by package due; all that has to outlive the process is in the status.
type dynamic struct {
	o       Options
	orphans *orphans
}

func newDynamic(o Options) *dynamic { return &dynamic{o: o, orphans: newOrphans(o)} }

func (*dynamic) name() string         { return "VaultDynamicSecret" }
func (*dynamic) empty() client.Object { return &v1beta1.VaultDynamicSecret{} }

// Start revokes what could not be revoked at once, until ctx ends.
func (k *dynamic) Start(ctx context.Context) error { return k.orphans.run(ctx) }

const (
	// leastLook is the shortest time between two looks that only time causes: the
	// shortest life of a lease that Vault grants is a second.
	leastLook = time.Second

	holdsCredentials = "the Secret has credentials of Vault"
)

// leased is one look at a VaultDynamicSecret.
type leased struct {
	*visit
	k       *dynamic
	object  *v1beta1.VaultDynamicSecret
	status  *v1beta1.VaultDynamicSecretStatus // of object
	own     *credentials
	session Session
	found   *destination.Found
}

func (k *dynamic) sync(ctx context.Context, v *visit) outcome {
	object := objectOf[*v1beta1.VaultDynamicSecret](v)
	w := &leased{visit: v, k: k, object: object, status: &object.Status, own: credentialsOf(v.memory)}
	var bad *outcome
	if w.session, bad = v.login(ctx); bad != nil {
		return *bad
	}
	w.follow(ctx)
	w.recall()
	if w.found, bad = v.look(ctx); bad != nil {
		return w.keep(ctx, *bad)
	}
	return w.act(ctx)
}

// act does what is due.
func (w *leased) act(ctx context.Context) outcome {
	if w.own.undelivered(w.object) && w.found.Exists() || w.own.undelivered(w.object) && w.object.Spec.Destination.Create {
		return w.finish(ctx)
	}
	decision := w.world(time.Now()).Judge(w.k.o.Random)
	if w.own.announced.Swap(false) && decision.Action == due.Wait {
		decision = w.announced()
	}
	switch decision.Action {
	case due.Absent:
		return w.keep(ctx, w.absent(decision))
	case due.Renew, due.Adopt:
		return w.renew(ctx, decision)
	case due.Restore:
		return w.restore(ctx)
	case due.Sync:
		return w.issue(ctx, decision)
	default:
		return w.fine(ctx, change{})
	}
}

// world is what the judgment is made of.
func (w *leased) world(now time.Time) due.Dynamic {
	spec, s := &w.object.Spec, w.status
	refresh, _ := spec.RefreshAfter.Parse() // the API server has checked the patterns
	d := due.Dynamic{
		Now: now, Generation: w.object.Generation, Synced: s.LastGeneration, Forced: w.forced(),
		Create: spec.Destination.Create, Missing: w.found != nil && !w.found.Exists(), Drifted: w.drifted(), Held: w.own.holds(s),
		Was: due.Client{CacheKey: s.VaultClientMeta.CacheKey, ID: s.VaultClientMeta.ID},
		Is:  due.Client{CacheKey: w.session.CacheKey(), ID: w.session.ClientID()},
		// Whoever wrote the status last knows which token the lease is of.
		Takeover: s.LastRuntimePodUID != w.k.o.Process, Since: w.memory.since, Extended: w.own.extended == s.SecretLease.ID, TokenTTL: tokenTTL(w.session),
		Lease:   due.Lease{ID: s.SecretLease.ID, TTL: seconds(s.SecretLease.LeaseDuration), Renewable: s.SecretLease.Renewable, Renewed: w.own.readAt(s)},
		Role:    w.own.roleOf(spec, s),
		Percent: spec.RenewAfterPercent(), MinTTL: minTTL(spec.Rotation), RefreshAfter: refresh,
	}
	return d
}

// drifted tells whether the Secret is not what this operator wrote for the lease. A
// status without the time of the last write is of another product, which records no
// hash for leases.
func (w *leased) drifted() bool {
	if w.found == nil || !w.found.Exists() || w.status.SecretMAC == "" || w.k.o.Key.None() || w.status.LastSyncTime == nil {
		return false
	}
	return !w.k.o.Key.Is(w.status.SecretMAC, w.compared(w.found.Data(nil)))
}

// compared is the part of some data that tells whether credentials are others: all
// of it, and of a static role what does not differ at each read.
func (w *leased) compared(data map[string][]byte) map[string][]byte {
	if w.object.Spec.AllowStaticCreds {
		return mac.Without(data, mac.RotationKeys()...)
	}
	return data
}

// fine ends a look at credentials that are as they should be.
func (w *leased) fine(ctx context.Context, c change) outcome {
	now := time.Now()
	world := w.world(now)
	if world.Lease.TTL > 0 {
		w.session.Hold(world.Lease.Renewed.Add(world.Lease.TTL))
	}
	c.hash = w.status.SecretMAC
	next := world.Horizon(w.k.o.Random)
	next = due.Soonest(next, w.restart(ctx, c))
	next = due.Soonest(next, w.succeed(ctx))
	w.synced(holdsCredentials)
	return done(holdsCredentials, atLeast(next, leastLook))
}

// keep extends a lease that is in use when the visit could not do what was asked for:
// an edit that is wrong, or a Secret that is gone, must not end what runs.
func (w *leased) keep(ctx context.Context, o outcome) outcome {
	if w.status.LastGeneration == 0 || w.status.SecretLease.ID == "" {
		return o
	}
	world := w.world(time.Now())
	world.Synced, world.Forced, world.Create, world.Missing, world.Drifted = world.Generation, false, true, false, false
	world.Was.CacheKey = world.Is.CacheKey
	if d := world.Judge(w.k.o.Random); d.Action == due.Renew || d.Action == due.Adopt {
		_ = w.prolong(ctx) // the condition LeaseRenewal tells of a failure
	}
	o.next = due.Soonest(o.next, atLeast(w.world(time.Now()).Horizon(w.k.o.Random), due.Retry))
	return o
}

// forget drops what the process keeps of an object.
func (k *dynamic) forget(m *memory) {
	if k.o.Announced != nil {
		k.o.Announced.Forget(k.name() + " " + m.name.String())
	}
}

// objectOf is the object of a visit, which is of the kind that its reconciler loads.
func objectOf[T client.Object](v *visit) T {
	object, _ := v.object.(T)
	return object
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// atLeast raises a horizon; never stays never.
func atLeast(next, least time.Duration) time.Duration {
	if next <= 0 {
		return 0
	}
	return max(next, least)
}

// tokenTTL is what the session's token was granted; 0 where it does not end.
func tokenTTL(s Session) time.Duration {
	if token := s.Token().Token; token != nil {
		return token.TTL
	}
	return 0
}

func minTTL(p *v1beta1.RotationPolicy) time.Duration {
	if p == nil {
		return 0
	}
	length, _ := p.MinTTL.Parse()
	return length
}
