package sync

import (
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// count counts the end of a visit.
func (r *Reconciler) count(v *visit, o outcome) {
	if o.silent {
		return
	}
	done := o.State == status.Done
	seen := tally.Visit{Done: done, Failed: !done}
	if end := v.parts.expires; end != nil && *end != nil {
		seen.Expires = (*end).Time
	}
	if watches := v.memory.watches; len(watches) > 0 {
		// What is polled is not visited when a poll finds nothing new.
		seen.Read = func() time.Time { return oldest(watches) }
	}
	r.numbers.Visited(v.name, seen)
}

// oldest is when the oldest part of what an object reads was read.
func oldest(watches []*secret.Watch) time.Time {
	first := time.Now()
	for _, w := range watches {
		if read := w.State().Read; read.Before(first) {
			first = read
		}
	}
	return first
}

// count counts a write of a Secret.
func (v *visit) count(w destination.Written, err error) {
	if err != nil || w.Changed {
		v.r.numbers.Wrote(v.name, err)
	}
}
