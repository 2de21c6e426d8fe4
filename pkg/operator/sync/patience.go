package sync

import (
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

// bounded ends the attempts on an object that has failed for too long: it is stuck
// then, until something changes. Whatever wakes it is one more attempt, and an edit
// begins anew.
func (v *visit) bounded(o outcome) outcome {
	m := v.memory
	if o.silent {
		return o
	}
	if !o.backoff || m.failed != v.object.GetGeneration() {
		m.failing = time.Time{}
	}
	if !o.backoff || v.r.o.Patience <= 0 {
		return o
	}
	if m.failing.IsZero() {
		m.failing, m.failed = time.Now(), v.object.GetGeneration()
	}
	if time.Since(m.failing) >= v.r.o.Patience {
		o.backoff = false
		o.State, o.Message = status.Stuck, o.Message+"; it is not tried again until something changes"
	}
	return o
}

// next is when an object is looked at again.
func (v *visit) next(o outcome) time.Duration {
	if !o.backoff {
		if !o.silent {
			v.memory.failures = 0
		}
		return o.next
	}
	wait := v.r.o.Backoff.Wait(v.memory.failures, v.r.o.Random)
	v.memory.failures++
	return due.Soonest(max(wait, o.asked), o.next)
}
