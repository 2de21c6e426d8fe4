package due

import (
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Static is what is known of a VaultStaticSecret once Vault was read.
type Static struct {
	Verified     bool // hmacSecretData
	Generation   int64
	Synced       int64 // status.lastGeneration; 0: never
	Forced       bool  // a refresh was asked for, or a SecretTransformation changed
	Create       bool  // the operator owns the Secret
	Missing      bool  // there is no Secret
	Recorded     bool  // the status holds a MAC: it was written before
	Changed      bool  // Vault's data is not what was written last
	Drifted      bool  // the Secret's data is not
	Watched      bool  // new data and changes of the Secret cause a look by themselves
	RefreshAfter time.Duration
}

// Judge decides whether the Secret is written, and when to look again. Next is set
// for every action, but is 0, never, where changes cause a look by themselves.
//
// Applications are restarted when what they would read has changed since it was
// first written. An edited resource alone restarts nobody.
func (s Static) Judge(rnd lease.Rand) Decision {
	d := first(
		when(!s.Create && s.Missing, Decision{Action: Absent, Reason: v1beta1.ReasonInexistentDestination}),
		when(s.Synced == 0, s.sync(v1beta1.ReasonInitialSync)),
		when(s.Missing, s.sync(v1beta1.ReasonInexistentDestination)),
		when(!s.Verified, s.sync(ReasonUnverified)),
		when(s.Changed, s.sync(ReasonDataChanged)),
		when(s.Drifted, s.sync(v1beta1.ReasonSecretDataDrift)),
		when(s.Forced, s.sync(v1beta1.ReasonForceSync)),
		when(s.Generation != s.Synced, s.sync(v1beta1.ReasonResourceUpdated)),
	)
	if d.Action == Absent {
		d.Next = Horizon(Retry, rnd)
		return d
	}
	d.Next = s.poll(rnd)
	return d
}

func (s Static) sync(reason string) Decision {
	return Decision{Action: Sync, Reason: reason, Restart: s.Verified && s.Recorded && (s.Changed || s.Drifted)}
}

// poll is how long nobody looks. Drift is looked for even where no refreshAfter asks
// for it.
func (s Static) poll(rnd lease.Rand) time.Duration {
	if s.Watched {
		return 0
	}
	if s.RefreshAfter <= 0 && s.Verified {
		return Horizon(DriftPoll, rnd)
	}
	return Horizon(s.RefreshAfter, rnd)
}
