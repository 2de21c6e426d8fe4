package due

import (
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Lease is what the status holds of a lease.
type Lease struct {
	ID        string
	TTL       time.Duration // as granted at the last issue or renewal
	Renewable bool
	Renewed   time.Time // of the last issue or renewal
}

// Client is the identity that a secret was read with.
type Client struct {
	CacheKey string // of the session; "": unknown
	ID       string // of the token; "": unknown
}

// Dynamic is what is known of a VaultDynamicSecret before Vault is asked.
type Dynamic struct {
	Now          time.Time
	Generation   int64
	Synced       int64 // status.lastGeneration; 0: never
	Forced       bool
	Create       bool
	Missing      bool          // there is no Secret
	Drifted      bool          // the Secret's data is not what was written last
	Held         bool          // the credentials are in memory
	Was, Is      Client        // of the status, and of the session as it is now
	Takeover     bool          // the credentials were requested by another operator process: a restart, a new leader, another product
	Since        time.Time     // of the first look of this process
	Extended     bool          // this process has renewed the lease, and so knows that it lives
	TokenTTL     time.Duration // that the session's token was granted, and so most likely the one before; 0: it does not end
	Lease        Lease
	Role         *Role // of a static role, read at Lease.Renewed; nil: it has a lease
	Percent      int
	MinTTL       time.Duration // of a lease; 0: not asked for
	RefreshAfter time.Duration // of what has no lease
}

// Judge decides what becomes of the credentials.
//
// A process that takes over finds leases that run. With another token than the
// one they were made with they are adopted rather than made anew: whoever may
// renew leases by their id can, and nobody's application is restarted because an
// operator was. It ends with its own token all the same, and is replaced before that;
// see [Dynamic.Foreign]. Within one process another token means that the former has
// ended, and its leases with it.
func (d Dynamic) Judge(rnd lease.Rand) Decision {
	return first(
		when(!d.Create && d.Missing, Decision{Action: Absent, Reason: v1beta1.ReasonInexistentDestination, Next: Horizon(Retry, rnd)}),
		when(d.Synced == 0, Decision{Action: Sync, Reason: v1beta1.ReasonInitialSync}),
		when(d.Forced, d.issue(v1beta1.ReasonForceSync)),
		when(d.Generation != d.Synced, d.issue(v1beta1.ReasonResourceUpdated)),
		when(d.Missing, d.repair(v1beta1.ReasonInexistentDestination)),
		when(differ(d.Was.CacheKey, d.Is.CacheKey), d.issue(v1beta1.ReasonVaultClientConfigChanged)),
		when(d.Drifted, d.repair(v1beta1.ReasonSecretDataDrift)),
		d.role(rnd),
		d.token(),
		d.wait(rnd),
		when(d.Lease.TTL <= 0, d.issue(ReasonRefresh)),
		when(d.Lease.Renewable && d.Lease.ID != "", Decision{Action: Renew, Reason: ReasonLeaseDue}),
		when(true, d.issue(ReasonLeaseDue)),
	)
}

// issue asks for new credentials. The very first ones restart nobody: the
// applications have none to throw away. What a static role answers is compared
// with what was written before anybody is restarted.
func (d Dynamic) issue(reason string) Decision {
	return Decision{Action: Sync, Reason: reason, Restart: d.Role == nil}
}

// repair writes what is held once more while it is good: nobody has to see a change
// that is none.
func (d Dynamic) repair(reason string) Decision {
	if d.Held && d.Role == nil && d.alive() {
		return Decision{Action: Restore, Reason: reason}
	}
	return d.issue(reason)
}

// alive tells whether a lease has not ended by its time; what has no end has not.
func (d Dynamic) alive() bool {
	return d.Lease.TTL <= 0 || d.Now.Before(d.Lease.Renewed.Add(d.Lease.TTL))
}

// token judges leases of another token than the present one. What has no lease
// does not end with a token.
func (d Dynamic) token() check {
	return func() (Decision, bool) {
		from, _ := d.Foreign()
		switch {
		case d.Lease.TTL <= 0 || d.Lease.ID == "" || !differ(d.Was.ID, d.Is.ID):
			return Decision{}, false
		case !d.Takeover || !d.alive() || !from.IsZero() && !d.Now.Before(from):
			return d.issue(v1beta1.ReasonVaultTokenRotated), true
		case !d.Lease.Renewable || d.Extended:
			return Decision{}, false // nobody can tell whether it lives, or it is known to
		default:
			return Decision{Action: Adopt, Reason: ReasonAdopted}, true
		}
	}
}

// Foreign returns the window in which a lease is replaced that hangs on a token
// which nobody renews any more; the zero time where there is none. Vault ends the
// lease with the token, however often it is renewed. A token is renewed after two
// thirds of its life, so that a third is left when its process ends, and the window
// is the second half of that third.
func (d Dynamic) Foreign() (from, to time.Time) {
	if !d.Takeover || d.Lease.TTL <= 0 || d.TokenTTL <= 0 || !differ(d.Was.ID, d.Is.ID) {
		return time.Time{}, time.Time{}
	}
	return d.Since.Add(d.TokenTTL / 6), d.Since.Add(d.TokenTTL / 3)
}

// differ tells whether something known has changed into something known: a
// status without it was written by somebody who did not record it.
func differ(was, is string) bool { return was != "" && is != "" && was != is }

// role judges a static role, which is read when Vault rotates it, whoever's token
// it was read with.
func (d Dynamic) role(rnd lease.Rand) check {
	return func() (Decision, bool) {
		if d.Role == nil {
			return Decision{}, false
		}
		if !d.Role.Valid() {
			return Decision{Action: Wait}, true
		}
		at := d.Lease.Renewed.Add(d.Role.bare())
		if !d.Now.Before(at) {
			return d.issue(ReasonRotation), true
		}
		return Decision{Action: Wait, Next: until(d.Now, at) + part(roleJitter, rnd)}, true
	}
}

// wait answers while the renewal point has not come.
func (d Dynamic) wait(rnd lease.Rand) check {
	return func() (Decision, bool) {
		lifetime := d.lifetime()
		if lifetime <= 0 {
			return Decision{Action: Wait}, true // it has no end: only a change brings it back
		}
		if !d.Now.Before(d.Lease.Renewed.Add(min(percent(lifetime, clamp(d.Percent)), d.latest()))) {
			return Decision{}, false
		}
		return Decision{Action: Wait, Next: d.Horizon(rnd)}, true
	}
}

// lifetime is what the percentage is taken of.
func (d Dynamic) lifetime() time.Duration {
	if d.Lease.TTL <= 0 {
		return d.RefreshAfter
	}
	return d.Lease.TTL
}

// latest is the part of a lifetime after which no more than the TTL is left that is
// wanted at least. A tenth of the lease is always used: one that is shorter than it
// is wanted would be replaced all the time.
func (d Dynamic) latest() time.Duration {
	lifetime := d.lifetime()
	if d.MinTTL <= 0 || d.Lease.TTL <= 0 {
		return lifetime
	}
	return max(lifetime-d.MinTTL, percent(lifetime, jitter))
}

// Horizon is how long nothing has to be done: to the renewal point, spread over a
// tenth of the lease; 0, never, for what has no end. The point from which on a look
// renews is the earliest that [Renewal] gives; the wait spreads from there.
func (d Dynamic) Horizon(rnd lease.Rand) time.Duration {
	if d.Role != nil {
		return d.Role.Next(rnd)
	}
	lifetime := d.lifetime()
	if lifetime <= 0 {
		return 0
	}
	next := until(d.Now, d.Lease.Renewed.Add(min(Renewal(lifetime, d.Percent, rnd), d.latest())))
	if from, to := d.Foreign(); !from.IsZero() {
		next = min(next, until(d.Now, from.Add(part(to.Sub(from), rnd))))
	}
	return next
}

// Truncated tells whether a renewal gave less than the one before: the lease
// nears its max TTL, and is replaced now.
func Truncated(before, after time.Duration) bool { return after < before }
