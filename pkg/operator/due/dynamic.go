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
	Missing      bool   // there is no Secret
	Was, Is      Client // of the status, and of the session as it is now
	Takeover     bool   // the last look was by another operator process: a restart, a new leader, another product
	Lease        Lease
	Role         *Role // of a static role, read at Lease.Renewed; nil: it has a lease
	Percent      int
	RefreshAfter time.Duration // of what has no lease
}

// Judge decides what becomes of the credentials.
//
// A process that takes over finds leases that run. With another token than the
// one they were made with they are adopted rather than made anew: whoever may
// renew leases by their id can, and nobody's application is restarted because an
// operator was. Within one process another token means that the former has
// ended, and its leases with it.
func (d Dynamic) Judge(rnd lease.Rand) Decision {
	return first(
		when(!d.Create && d.Missing, Decision{Action: Absent, Reason: v1beta1.ReasonInexistentDestination, Next: Horizon(Retry, rnd)}),
		when(d.Synced == 0, Decision{Action: Sync, Reason: v1beta1.ReasonInitialSync}),
		when(d.Forced, d.issue(v1beta1.ReasonForceSync)),
		when(d.Generation != d.Synced, d.issue(v1beta1.ReasonResourceUpdated)),
		when(d.Missing, d.issue(v1beta1.ReasonInexistentDestination)),
		when(differ(d.Was.CacheKey, d.Is.CacheKey), d.issue(v1beta1.ReasonVaultClientConfigChanged)),
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

// token judges leases of another token than the present one. What has no lease
// does not end with a token.
func (d Dynamic) token() check {
	return func() (Decision, bool) {
		alive := d.Takeover && d.Lease.ID != "" && d.Now.Before(d.Lease.Renewed.Add(d.Lease.TTL))
		switch {
		case d.Lease.TTL <= 0 || !differ(d.Was.ID, d.Is.ID):
			return Decision{}, false
		case !alive:
			return d.issue(v1beta1.ReasonVaultTokenRotated), true
		case !d.Lease.Renewable:
			return Decision{}, false // nobody can tell whether it lives; it is replaced when it is due
		default:
			return Decision{Action: Adopt, Reason: ReasonAdopted}, true
		}
	}
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
		if at := d.Lease.Renewed.Add(d.Role.bare()); d.Now.Before(at) {
			return Decision{Action: Wait, Next: until(d.Now, at) + part(roleJitter, rnd)}, true
		}
		return d.issue(ReasonRotation), true
	}
}

// wait answers while the renewal point has not come.
func (d Dynamic) wait(rnd lease.Rand) check {
	return func() (Decision, bool) {
		if d.lifetime() <= 0 {
			return Decision{Action: Wait}, true // it has no end: only a change brings it back
		}
		next := d.left(rnd)
		return Decision{Action: Wait, Next: next}, next > 0
	}
}

// lifetime is what the percentage is taken of.
func (d Dynamic) lifetime() time.Duration {
	if d.Lease.TTL <= 0 {
		return d.RefreshAfter
	}
	return d.Lease.TTL
}

// left is the time to the renewal point; 0 when it has come. The point from
// which on a look renews is the earliest that [Renewal] gives; the wait spreads
// from there.
func (d Dynamic) left(rnd lease.Rand) time.Duration {
	lifetime := d.lifetime()
	if lifetime <= 0 {
		return 0
	}
	earliest := d.Lease.Renewed.Add(percent(lifetime, clamp(d.Percent)))
	if !d.Now.Before(earliest) {
		return 0
	}
	return until(d.Now, d.Lease.Renewed.Add(Renewal(lifetime, d.Percent, rnd)))
}

// Truncated tells whether a renewal gave less than the one before: the lease
// nears its max TTL, and is replaced now.
func Truncated(before, after time.Duration) bool { return after < before }
