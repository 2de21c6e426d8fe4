package secret

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// keep takes over the outcome of an exchange that was sent with the token of an
// epoch, and tells whether the data changed. The caller holds mu.
func (e *entry) keep(d decision, asked uint64, response *Response, err error) bool {
	switch {
	case err == nil && d.renew:
		e.renewed(response)
	case err == nil:
		return e.hold(response)
	case vault.KindOf(err) == vault.InvalidToken && !(d.renew && e.state.Response.Auth != nil):
		// A login may have come between the answer and now; then there is
		// nothing to wait for.
		e.waiting = e.group.token.Epoch == asked
		e.state.Err = err
	case d.renew:
		e.renewalFailed(err)
	default:
		e.readFailed(err)
	}
	return false
}

// hold takes a new answer. It counts as a change only when data or lease differ.
func (e *entry) hold(response *Response) bool {
	old := e.state.Response
	e.succeeded()
	e.state.Read, e.terms = response.Received, termsOf(response)
	e.initial, e.grace = e.terms.TTL, lease.Grace(e.terms.TTL, e.store.options.Rand)
	e.renewAt = e.terms.RenewAt(e.state.Read, e.grace)
	e.fraction = e.spreadThreshold()
	e.rotation = rotationPoint(e.state.Query.Op, response, e.fraction)
	e.refused, e.lost, e.orphaned = false, false, time.Time{}
	if !e.notified.After(e.asked) {
		e.notified = time.Time{} // what was announced later may not be in this answer
	}
	if same(old, response) {
		return false
	}
	e.state.Response = response
	e.state.Version++
	if token := e.group.token; response.Epoch < token.Epoch {
		e.tokenReplaced(token, time.Now(), e.store.options.Rand())
	}
	e.setExpires()
	return true
}

// spreadThreshold returns the part of a life after which the secret is
// replaced: the threshold with a spread of 0.05, for certificates of 0.03,
// because their lives are long and 0.05 of 90 days would be four and a half.
func (e *entry) spreadThreshold() float64 {
	threshold, rnd := e.group.policy.Threshold, e.store.options.Rand
	if e.state.Query.Op != PKI {
		return lease.Fraction(threshold, rnd)
	}
	if f := threshold - 0.03 + 0.06*rnd(); f < 1 {
		return f
	}
	return threshold
}

// same tells whether two answers mean the same to a reader. A request id differs
// always and means nothing.
func same(a, b *Response) bool {
	if a == nil || a.LeaseID != b.LeaseID || a.WrapInfo != nil || b.WrapInfo != nil || a.Auth != nil || b.Auth != nil {
		return false
	}
	return reflect.DeepEqual(a.Data.Reveal(), b.Data.Reveal())
}

func (e *entry) succeeded() {
	e.state.Err, e.state.Failures, e.retryAt, e.renewals, e.waiting = nil, 0, time.Time{}, 0, false
	e.reads = 0
}

// renewed takes the new end of a lease.
func (e *entry) renewed(response *Response) {
	e.succeeded()
	granted := termsOf(response)
	granted.Issued = response.Received
	e.terms = granted
	e.renewAt = e.terms.RenewAt(granted.Issued, e.grace)
	e.refused = false
	e.setExpires()
}

// renewalFailed decides what a failed renewal means. The lease is kept in any
// case but one: Vault does not know it any more.
func (e *entry) renewalFailed(err error) {
	// Whatever comes next, no failure is answered with an attempt at once.
	e.renewAt = time.Now().Add(max(e.renewBackoff().Wait(e.renewals, e.store.options.Rand), vault.RetryAfter(err)))
	switch kind := vault.KindOf(err); {
	case kind == vault.NotFound || kind == vault.InvalidToken:
		e.lost = true
	case kind == vault.Permanent:
		e.terms.Renewable = false
		e.fraction = 1 - float64(e.grace)/float64(max(e.terms.TTL, 1))
	default:
		e.refused = kind == vault.Denied
	}
	e.renewals++
	e.state.Err = err
	e.state.Failures++
}

// renewBackoff spaces failed renewals: a hundredth of the lease at first, so
// that short leases get several attempts, up to five minutes for long ones.
func (e *entry) renewBackoff() lease.Backoff {
	initial := min(max(e.initial/100, 250*time.Millisecond), 10*time.Second)
	return lease.Backoff{Initial: initial, Max: 5 * time.Minute}
}

// readFailed plans the next attempt; what is held stays held.
func (e *entry) readFailed(err error) {
	if e.issues() && answered(err) {
		e.quota.Refund() // an outage must not use up what replaces a credential after it
	}
	// Failed renewals before it do not make a read wait longer: it comes at the end
	// of a lease, where seconds count.
	wait := e.group.policy.Backoff.Wait(e.reads, e.store.options.Rand)
	e.reads++
	e.retryAt = time.Now().Add(max(wait, vault.RetryAfter(err)))
	e.state.Err = err
	e.state.Failures++
}

// answered tells whether Vault itself said that a request failed. Where an answer
// was lost, something may have been issued.
func answered(err error) bool {
	said, ok := errors.AsType[*vault.Error](err)
	return ok && said.Status != 0
}

// tokenReplaced plans the replacement of a lease that dies with the token that
// asked for it. The caller holds mu.
func (e *entry) tokenReplaced(token vault.TokenState, now time.Time, random float64) {
	r := e.state.Response
	if r == nil || !leased(r) || r.Epoch >= token.Epoch || token.PreviousEnds.IsZero() || !e.orphaned.IsZero() {
		return
	}
	window := token.PreviousEnds.Sub(now) / 2
	if window <= 0 {
		window = tokenGoneSpread
	}
	e.orphaned = now.Add(time.Duration(float64(window) * random))
	e.state.Expires = lease.Earliest(e.state.Expires, token.PreviousEnds)
	e.task.Wake(e.orphaned)
}

// setExpires shows when Vault will end what is held.
func (e *entry) setExpires() {
	e.state.Expires = e.terms.Expires()
	if !e.rotation.IsZero() {
		e.state.Expires = certificateEnd(e.state.Response)
	}
}

// abandoned tells whether nobody has watched for the linger time. The caller holds mu.
func (e *entry) abandoned() bool {
	return !e.idle.IsZero() && !time.Now().Before(e.idle.Add(e.group.policy.Linger))
}

// forget takes the entry out of the store and revokes its lease. A refusal of
// that is no harm: the lease ends by itself.
func (e *entry) forget(ctx context.Context) time.Time {
	e.store.mu.Lock()
	if !e.abandoned() {
		e.store.mu.Unlock()
		return time.Now()
	}
	e.task.Stop()
	delete(e.group.entries, e.state.Query)
	event := Event{Identity: e.group.identity, Reason: Unwatched, State: e.state}
	via := e.group.vault
	e.store.mu.Unlock()
	event.State.Err = revoke(ctx, via, event.State.Response)
	e.report(event, nil)
	return time.Time{}
}

// revoke ends a lease that nobody uses any more.
func revoke(ctx context.Context, via Vault, r *Response) error {
	if r == nil || r.LeaseID == "" {
		return nil
	}
	_, err := via.Do(ctx, vault.Request{Method: http.MethodPut, Path: "sys/leases/revoke", Body: map[string]any{"lease_id": r.LeaseID}})
	return err
}

// renewal returns what to send to renew the lease of an answer by its first TTL.
func renewal(held *Response, ttl time.Duration) vault.Request {
	increment := int(ttl / time.Second)
	if held.Auth != nil {
		return vault.Request{Method: http.MethodPut, Path: "auth/token/renew-self", Token: held.Auth.Value, Body: map[string]any{"increment": increment}}
	}
	return vault.Request{Method: http.MethodPut, Path: "sys/leases/renew", Body: map[string]any{"lease_id": held.LeaseID, "increment": increment}}
}
