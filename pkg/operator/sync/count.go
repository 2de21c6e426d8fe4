package sync

import (
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// Objects tells what is known of every object that was looked at, in no order.
func (k *Kinds) Objects() []telemetry.ObjectStat {
	var all []telemetry.ObjectStat
	for _, r := range k.all {
		r.memories.each(func(m *memory) bool {
			all = append(all, m.stat.of(r.kind.name(), m))
			return false
		}, nil)
	}
	return all
}

func (s *stat) of(kind string, m *memory) telemetry.ObjectStat {
	o := telemetry.ObjectStat{
		Kind: kind, Namespace: m.name.Namespace, Name: m.name.Name,
		Synced: s.synced, Expires: s.expires, Syncs: s.syncs, Failures: s.failures,
	}
	// What is polled is not visited when a poll finds nothing new.
	if !s.synced.IsZero() && len(s.watches) > 0 {
		o.Synced = oldest(s)
	}
	return o
}

// oldest is when the oldest part of what an object reads was read.
func oldest(s *stat) time.Time {
	first := time.Now()
	for _, w := range s.watches {
		if read := w.State().Read; read.Before(first) {
			first = read
		}
	}
	return first
}

// count counts the end of a visit.
func (r *Reconciler) count(v *visit, o outcome) {
	if o.silent {
		return
	}
	healthy := 0.0
	if o.State == status.Done {
		healthy = 1
	}
	r.memories.change(func() {
		s := &v.memory.stat
		s.expires = time.Time{}
		if end := v.parts.expires; end != nil && *end != nil {
			s.expires = (*end).Time
		}
		if o.State == status.Done {
			s.synced = time.Now()
		} else {
			s.failures++
		}
	})
	if r.o.Metrics != nil {
		r.o.Metrics.Status.WithLabelValues(r.controller(), v.name.Name, v.name.Namespace).Set(healthy)
	}
}

// count counts a write of a Secret.
func (v *visit) count(w destination.Written, err error) {
	if err == nil && !w.Changed {
		return
	}
	if err == nil {
		v.r.memories.change(func() { v.memory.stat.syncs++ })
	}
	if v.r.o.Metrics != nil {
		v.r.o.Metrics.SecretWrites.WithLabelValues(v.r.kind.name(), telemetry.Outcome(err)).Inc()
	}
}
