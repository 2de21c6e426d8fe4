package secret

import (
	"context"
	"slices"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// tokenGoneSpread spreads the issuing of leases whose token is dead already, so
// that many pods whose token was revoked together do not ask together.
const tokenGoneSpread = 2 * time.Second

// entry is one secret of one identity: a state machine of its own. The store's
// mu guards it; exchanges with Vault happen without the lock, and the schedule
// never runs an entry beside itself.
type entry struct {
	store    *Store
	group    *group
	task     *lease.Entry
	state    State
	watches  []*Watch
	idle     time.Time // since when nobody watches; zero: somebody does
	waiting  bool      // for a token
	retryAt  time.Time // after a failed read; zero: the newest read succeeded
	terms    lease.Terms
	initial  time.Duration // TTL of the lease when it was new: what renewals ask for
	grace    time.Duration
	fraction float64
	rotation time.Time
	renewAt  time.Time
	renewals int // that failed since the newest success
	reads    int // the same
	refused  bool
	lost     bool
	orphaned time.Time
	notified time.Time
	asked    time.Time // when the newest exchange began
	quota    lease.Quota
}

// step is the entry's task in the schedule.
func (e *entry) step(ctx context.Context) time.Time {
	e.store.mu.Lock()
	if e.abandoned() {
		e.store.mu.Unlock()
		return e.forget(ctx)
	}
	d := e.plan(time.Now())
	if e.waiting || d.due.After(time.Now()) {
		defer e.store.mu.Unlock()
		return e.sleep(d)
	}
	e.store.mu.Unlock()
	return e.act(ctx, d)
}

// plan decides what comes next: the policy's decision, held back by a failure
// before it or by the quota of issues. The caller holds mu.
func (e *entry) plan(now time.Time) decision {
	d := decide(observed{
		response: e.state.Response, received: e.state.Read, terms: e.terms, initial: e.initial, grace: e.grace, renewAt: e.renewAt,
		refused: e.refused, lost: e.lost, notified: e.notified, orphaned: e.orphaned, fraction: e.fraction,
		poll: pollInterval(e.state.Response, e.poll()), rotation: e.rotation, now: now,
	})
	if d.renew {
		return d
	}
	if !e.retryAt.IsZero() {
		d = decision{reason: RetryFailed, due: e.retryAt}
	}
	if e.issues() {
		if allowed := e.quota.Next(now, e.terms.TTL); allowed.After(d.due) {
			d.due = allowed
		}
	}
	return d
}

// issues tells whether a read makes something new in Vault. The caller holds mu.
func (e *entry) issues() bool {
	return e.state.Response != nil && (leased(e.state.Response) || !e.rotation.IsZero())
}

// sleep shows the decision in the state and returns when to look again. The
// caller holds mu.
func (e *entry) sleep(d decision) time.Time {
	e.state.Reason, e.state.Due = d.reason, d.due
	if e.waiting {
		e.state.Reason, e.state.Due = WaitForToken, time.Time{}
	}
	var forgetAt time.Time
	if !e.idle.IsZero() {
		forgetAt = e.idle.Add(e.group.policy.Linger)
	}
	return lease.Earliest(e.state.Due, forgetAt)
}

// act exchanges with Vault and keeps the outcome.
func (e *entry) act(ctx context.Context, d decision) time.Time {
	asked, via, ask := e.prepare(d)
	response, err := via.Do(ctx, ask)
	if ctx.Err() != nil {
		return time.Time{}
	}
	e.store.telling.RLock()
	defer e.store.telling.RUnlock()
	e.store.mu.Lock()
	before := e.state
	changed := e.keep(d, asked, response, err)
	if err == nil && away(before.Err) {
		e.store.back(e.group.identity.Connection)
	}
	due := e.sleep(e.plan(time.Now()))
	event := Event{Identity: e.group.identity, Reason: d.reason, Renewal: d.renew, Changed: changed, State: e.state}
	var told []*Watch
	if changed || (e.state.Err == nil) != (before.Err == nil) || e.state.Failures > before.Failures {
		told = slices.Clone(e.watches)
	}
	e.store.mu.Unlock()
	e.report(event, told)
	return due
}

// prepare returns the request of a decision, what sends it, and the epoch of the
// token that it will be sent with.
func (e *entry) prepare(d decision) (uint64, Vault, vault.Request) {
	e.store.mu.Lock()
	defer e.store.mu.Unlock()
	e.asked = time.Now()
	if d.renew {
		return e.group.token.Epoch, e.group.vault, renewal(e.state.Response, e.initial)
	}
	if e.issues() {
		e.quota.Spend(time.Now(), e.terms.TTL)
	}
	return e.group.token.Epoch, e.group.vault, request(e.state.Query)
}

// report tells the observer and the watchers.
func (e *entry) report(event Event, told []*Watch) {
	if e.store.options.Observe != nil {
		e.store.options.Observe(event)
	}
	for _, w := range told {
		if w.notify != nil {
			w.notify()
		}
	}
}
