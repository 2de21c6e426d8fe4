package sync

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// renew extends the lease. New credentials are requested only when Vault says that
// the lease cannot be extended, or not by enough; while Vault does not answer, what
// runs is left alone.
func (w *leased) renew(ctx context.Context, d due.Decision) outcome {
	err := w.prolong(ctx)
	switch {
	case err == nil:
		return w.fine(ctx, change{})
	case errors.Is(err, errTruncated):
		return w.issue(ctx, due.Decision{Action: due.Sync, Reason: due.ReasonLeaseTruncated, Restart: true})
	case w.passing(err):
		o := failed(v1beta1.ReasonSecretLeaseRenewalError, err)
		o.next = atLeast(time.Until(w.leaseEnds()), leastLook)
		return o
	default:
		reason := v1beta1.ReasonSecretLeaseRenewalError
		if d.Action == due.Adopt {
			reason = v1beta1.ReasonVaultTokenRotated
		}
		return w.issue(ctx, due.Decision{Action: due.Sync, Reason: reason, Restart: true})
	}
}

func (w *leased) leaseEnds() time.Time {
	return time.Unix(w.status.LastRenewalTime, 0).Add(seconds(w.status.SecretLease.LeaseDuration))
}

// passing tells whether an error may go by while the lease still lives.
func (w *leased) passing(err error) bool {
	kind := vault.KindOf(err)
	return (kind.Temporary() || kind == vault.InvalidToken) && time.Now().Before(w.leaseEnds())
}

// errTruncated says that a lease nears the end of its longest life.
var errTruncated = errors.New("the lease nears its max TTL")

// prolong asks Vault for as much time as the lease had before.
func (w *leased) prolong(ctx context.Context) error {
	s := w.status
	r, err := w.session.Do(ctx, vault.Request{
		Method: http.MethodPut, Path: "sys/leases/renew",
		Body: map[string]any{"lease_id": s.SecretLease.ID, "increment": s.SecretLease.LeaseDuration},
	})
	if err != nil {
		w.conditions.Put(v1beta1.ConditionLeaseRenewal, false, v1beta1.ReasonSecretLeaseRenewalError, text(err))
		if !w.passing(err) { // the outcome tells of those
			w.warn(v1beta1.ReasonSecretLeaseRenewalError, text(err))
		}
		return err
	}
	before := seconds(s.SecretLease.LeaseDuration)
	least := minTTL(w.object.Spec.Rotation)
	s.LastRenewalTime, s.SecretLease.LeaseDuration, s.SecretLease.Renewable = r.Received.Unix(), int(r.LeaseDuration/time.Second), r.Renewable
	s.LeaseExpiry = leaseEnd(r.Received, s.SecretLease)
	w.own.extended = s.SecretLease.ID
	if r.RequestID != "" {
		s.SecretLease.RequestID = r.RequestID
	}
	if s.VaultClientMeta.ID == w.session.ClientID() {
		s.LastRuntimePodUID = w.k.o.Process
	}
	if due.Truncated(before, r.LeaseDuration.Truncate(time.Second)) || r.LeaseDuration < least && before >= least {
		return errTruncated
	}
	w.conditions.Put(v1beta1.ConditionLeaseRenewal, true, v1beta1.ReasonSecretLeaseRenewal, "the lease was renewed")
	return nil
}

// announced is what to do when Vault has told of a change and nothing else is due: a
// lease is asked about, anything else is read.
func (w *leased) announced() due.Decision {
	switch l := w.status.SecretLease; {
	case l.ID == "":
		return due.Decision{Action: due.Sync, Reason: due.ReasonDataChanged, Restart: true}
	case l.Renewable:
		return due.Decision{Action: due.Renew, Reason: due.ReasonLeaseDue}
	default:
		return due.Decision{} // nobody can tell whether it lives
	}
}

// follow has changes announced, or not any more. A change that is announced only
// makes the visit look; what it finds to be as it was costs nothing.
func (w *leased) follow(ctx context.Context) {
	if w.k.o.Announced == nil {
		return
	}
	id := w.k.name() + " " + w.name.String()
	if c := w.object.Spec.SyncConfig; c == nil || !c.InstantUpdates {
		w.k.o.Announced.Forget(id)
		return
	}
	if w.own.engine == "" {
		w.own.engine = engineOf(ctx, w.session, w.object.Spec.Mount)
	}
	own, name, wake := w.own, w.name, w.r.wake
	w.k.o.Announced.Follow(id, w.session, w.own.engine, []string{credentialPath(&w.object.Spec)}, w.hears(func() {
		own.announced.Store(true)
		wake(name)
	}))
}

// engineOf asks for the kind of a mount; "" where nobody says. Whoever may use a
// mount may ask.
func engineOf(ctx context.Context, s Session, mount string) string {
	r, err := s.Do(ctx, vault.Request{Method: http.MethodGet, Path: "sys/internal/ui/mounts/" + strings.Trim(mount, "/")})
	if err != nil {
		return ""
	}
	kind, _ := r.Data.Reveal()["type"].(string)
	return kind
}

// release revokes the lease of an object that is deleted, where its spec says so. One
// attempt is made; what fails is tried again without the object.
func (k *dynamic) release(ctx context.Context, v *visit) error {
	object := objectOf[*v1beta1.VaultDynamicSecret](v)
	w := &leased{visit: v, k: k, object: object, status: &object.Status, own: credentialsOf(v.memory)}
	if i := w.own.issued; i != nil && !i.delivered && i.lease.ID != object.Status.SecretLease.ID {
		k.orphans.add(w.ask(), revocation(i.lease.ID), i.at.Add(seconds(i.lease.LeaseDuration)))
	}
	if !object.Spec.Revoke {
		return nil
	}
	ids := []string{object.Status.SecretLease.ID}
	for _, previous := range object.Status.PreviousLeases {
		ids = append(ids, previous.ID)
	}
	for _, id := range ids {
		if id != "" {
			k.orphans.revoke(ctx, v, w.ask(), revocation(id), w.leaseEnds())
		}
	}
	return nil
}

// revocation is the request that ends a lease.
func revocation(id string) revocable {
	return revocable{
		id: id, what: "lease " + quoted(id), done: v1beta1.ReasonSecretLeaseRevoke, failed: v1beta1.ReasonSecretLeaseRevoke,
		request: vault.Request{Method: http.MethodPut, Path: "sys/leases/revoke", Body: map[string]any{"lease_id": id}},
	}
}

// retire keeps the lease that has a successor until nobody uses it, where the policy
// says so.
func (w *leased) retire(next *issued) {
	old := w.status.SecretLease
	if !revokesPrevious(w.object.Spec.Rotation) || old.ID == "" || old.ID == next.lease.ID || !time.Now().Before(w.leaseEnds()) {
		return
	}
	w.status.PreviousLeases = append(w.status.PreviousLeases, v1beta1.PreviousLease{ID: old.ID, ReplacedAt: nowTime()})
}

// succeed revokes the leases that have a successor, when all run with that. It
// returns when to look again.
func (w *leased) succeed(ctx context.Context) time.Duration {
	var former []former
	for _, p := range w.status.PreviousLeases {
		former = append(former, formerOf(revocation(p.ID), p.ReplacedAt.Time))
	}
	kept, next := w.overlap(ctx, w.session, overlapOf(w.object.Spec.Rotation), former, w.status.SecretMAC)
	var left []v1beta1.PreviousLease
	for _, p := range w.status.PreviousLeases {
		if kept[p.ID] {
			left = append(left, p)
		}
	}
	w.status.PreviousLeases = left
	return next
}
