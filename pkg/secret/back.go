package secret

import (
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// backSpread is the time over which everything is tried again once a Vault answers
// that was away. Attempts are up to minutes apart by then; the first that succeeds
// spares the others their wait.
const backSpread = 10 * time.Second

// away tells whether a failure was that of a whole Vault.
func away(err error) bool { return err != nil && vault.KindOf(err).Away() }

// back brings forward what failed because a Vault was away, as it has just answered.
// Where that is not true of everything, what fails again waits as long as before. The
// caller holds mu.
func (s *Store) back(connection string) {
	now := time.Now()
	if now.Before(s.returned[connection].Add(backSpread)) {
		return
	}
	s.returned[connection] = now
	for id, g := range s.groups {
		if id.Connection != connection {
			continue
		}
		for _, e := range g.entries {
			if away(e.state.Err) {
				e.hasten(now.Add(time.Duration(float64(backSpread) * s.options.Rand())))
			}
		}
	}
}

// hasten brings the next attempt forward. The caller holds mu.
func (e *entry) hasten(at time.Time) {
	if e.retryAt.After(at) {
		e.retryAt = at
	}
	if e.renewals > 0 {
		e.renewAt = lease.Earliest(e.renewAt, at)
	}
	e.task.Wake(at)
}
