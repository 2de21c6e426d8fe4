package due

import (
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
)

const (
	// commit is what Vault gets to rotate once a period is over.
	commit = 500 * time.Millisecond
	// roleJitter spreads the objects that read one static role.
	roleJitter = 150 * time.Millisecond
	// ending is the TTL from which on a rotation is expected any moment.
	ending = 2 * time.Second
	// tolerance is by how much a TTL may be longer than it should be before that
	// is taken for a new period.
	tolerance = 5 * time.Second
)

// Role is what the answer of a static role says of its rotation.
type Role struct {
	LastRotation int64         // Unix seconds; 0: unknown
	Period       time.Duration // 0: it has a schedule
	Schedule     string        // a cron expression; "" for none
	TTL          time.Duration // until the next rotation, when Vault was read
}

// Valid tells whether the answer is that of a static role which Vault rotates.
func (r Role) Valid() bool {
	return r.LastRotation > 0 && (r.Period >= time.Second || r.Schedule != "")
}

// Next is how long after a read the role is read again: when its TTL is over,
// and a moment more for Vault to rotate it; 0, never, for what is not valid.
func (r Role) Next(rnd lease.Rand) time.Duration {
	if !r.Valid() {
		return 0
	}
	return r.bare() + part(roleJitter, rnd)
}

func (r Role) bare() time.Duration {
	switch {
	case r.TTL <= 0:
		return time.Second
	case r.Period >= time.Second:
		return r.TTL + commit
	default:
		return r.TTL
	}
}

// Unsettled tells whether an answer falls into a rotation: nothing has rotated
// since the former answer, and yet the TTL is over, or has begun anew. Vault
// is asked again then, at most [SettlePoll] apart and for [SettleLimit]. Elapsed
// is the time between both answers.
func (r Role) Unsettled(former Role, elapsed time.Duration) bool {
	if r.LastRotation != former.LastRotation || !r.Valid() {
		return false
	}
	begun := r.Schedule != "" && r.TTL > former.TTL-elapsed+tolerance && former.TTL-elapsed <= ending
	return r.TTL <= ending || begun
}

const (
	// SettlePoll is the longest pause between two looks at a role that rotates.
	SettlePoll = 2 * time.Second
	// SettleLimit is how long one such wait may take.
	SettleLimit = 10 * time.Second
)
