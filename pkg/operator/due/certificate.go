package due

import (
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Certificate is what is known of a VaultPKISecret before Vault is asked.
type Certificate struct {
	Now        time.Time
	Generation int64
	Synced     int64  // status.lastGeneration
	Serial     string // status.serialNumber; "": none was issued
	Forced     bool
	Create     bool
	Missing    bool          // there is no Secret
	Drifted    bool          // the Secret's data is not what was written last
	Held       bool          // the certificate is in memory, with its key
	Issued     time.Time     // zero: unknown
	Expires    time.Time     // zero: unknown
	Offset     time.Duration // before the end at which it is replaced; 0: not set
	Percent    int           // of its life after which it is replaced, where no offset is set; 0: not set
	MinTTL     time.Duration // it is replaced when less is left, whatever the other two say; 0: not set
}

// last is the part of its life in which a certificate is replaced that has
// neither offset nor percentage: the last 5 %, of which 1 % are kept for the
// attempts.
const (
	last = 5 // percent
	kept = 1 // percent
	// unknownLife is the shortest life that is assumed: 5 % of it are a minute.
	unknownLife = 20 * time.Minute
)

// Judge decides whether a certificate is issued.
func (c Certificate) Judge(rnd lease.Rand) Decision {
	return first(
		when(!c.Create && c.Missing, Decision{Action: Absent, Reason: v1beta1.ReasonInexistentDestination, Next: Horizon(Retry, rnd)}),
		when(c.Serial == "", Decision{Action: Sync, Reason: v1beta1.ReasonInitialSync}),
		when(c.Forced, c.issue(v1beta1.ReasonForceSync)),
		when(c.Generation != c.Synced, c.issue(v1beta1.ReasonResourceUpdated)),
		when(c.Missing, c.repair(v1beta1.ReasonInexistentDestination)),
		when(c.Drifted, c.repair(v1beta1.ReasonSecretDataDrift)),
		c.wait(rnd),
	)
}

func (c Certificate) issue(reason string) Decision {
	return Decision{Action: Sync, Reason: reason, Restart: true}
}

// repair writes what is held once more, unless it has to be replaced anyway.
func (c Certificate) repair(reason string) Decision {
	if from, _ := c.Window(); c.Held && c.Now.Before(from) {
		return Decision{Action: Restore, Reason: reason, Restart: true}
	}
	return c.issue(reason)
}

// Window returns when the certificate may be replaced at the earliest, and by
// when it should be. Both are the zero time where its end is unknown.
func (c Certificate) Window() (from, to time.Time) {
	if c.Expires.IsZero() {
		return time.Time{}, time.Time{}
	}
	life := c.Expires.Sub(c.Issued)
	if c.Issued.IsZero() {
		life = max(c.Expires.Sub(c.Now), unknownLife)
	}
	from, to = c.window(life)
	if latest := c.Expires.Add(-c.MinTTL); c.MinTTL > 0 && c.MinTTL < life && latest.Before(to) {
		return earlier(from, latest.Add(-percent(c.MinTTL, last))), latest
	}
	return from, to
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// window is Window without a least TTL.
func (c Certificate) window(life time.Duration) (from, to time.Time) {
	switch {
	case c.Offset > 0:
		from = c.Expires.Add(-c.Offset)
		return from, from.Add(percent(c.Offset, last))
	case c.Percent > 0:
		before := life - percent(life, clamp(c.Percent))
		from = c.Expires.Add(-before)
		return from, from.Add(percent(before, last))
	default:
		return c.Expires.Add(-percent(life, last)), c.Expires.Add(-percent(life, kept))
	}
}

// wait waits for a moment by chance within the window, and issues from its
// beginning on. The wait is at least a second.
func (c Certificate) wait(rnd lease.Rand) check {
	return func() (Decision, bool) {
		from, _ := c.Window()
		if from.IsZero() {
			return Decision{Action: Wait}, true // a certificate a look would be the alternative
		}
		if !c.Now.Before(from) {
			return c.issue(v1beta1.ReasonInRenewalWindow), true
		}
		return Decision{Action: Wait, Next: c.Horizon(rnd)}, true
	}
}

// Horizon is how long nothing has to be done: to a moment by chance within the
// window, at least a second; 0, never, where the end is unknown.
func (c Certificate) Horizon(rnd lease.Rand) time.Duration {
	from, to := c.Window()
	if from.IsZero() {
		return 0
	}
	return max(from.Add(part(to.Sub(from), rnd)).Sub(c.Now), time.Second)
}
