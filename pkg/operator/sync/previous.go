package sync

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
)

// former is a lease or a certificate that has a successor.
type former struct {
	revocable
	at time.Time // when the successor was written
}

func formerOf(r revocable, at time.Time) former { return former{revocable: r, at: at} }

// terms say when a former lease or certificate is revoked.
type terms struct {
	revoke  bool          // else it is left to its end
	rolled  bool          // only after the rollout
	grace   time.Duration // after that
	timeout time.Duration // after which it is left to its end
}

const (
	defaultGrace   = 30 * time.Second
	defaultTimeout = 10 * time.Minute
)

func revokesPrevious(p *v1beta1.RotationPolicy) bool {
	return p != nil && p.Previous == v1beta1.PreviousRevokeAfterRollout
}

// overlapOf reads a policy.
func overlapOf(p *v1beta1.RotationPolicy) terms {
	t := terms{revoke: revokesPrevious(p), rolled: true, grace: defaultGrace, timeout: defaultTimeout}
	if p == nil {
		return t
	}
	if p.GracePeriod != "" {
		t.grace, _ = p.GracePeriod.Parse() // the API server has checked the patterns
	}
	if p.RolloutTimeout != "" {
		t.timeout, _ = p.RolloutTimeout.Parse()
	}
	return t
}

// overlap ends what has a successor, when nothing uses it any more. It returns what
// is still to be ended, by id, and when to look again.
func (v *visit) overlap(ctx context.Context, s Session, t terms, all []former, hash string) (kept map[string]bool, next time.Duration) {
	kept = map[string]bool{}
	now := time.Now()
	var alive []former
	for _, f := range all {
		switch {
		case !t.revoke:
		case now.Sub(f.at) >= t.timeout+t.grace:
			v.warn(f.failed, f.what+" is left to its end: the rollout of its successor, or its revocation, takes too long")
		default:
			alive, kept[f.id] = append(alive, f), true
		}
	}
	if len(alive) == 0 {
		v.memory.rolled = time.Time{}
		return kept, 0
	}
	if wait := v.unused(ctx, t, alive, hash, now); wait > 0 {
		return kept, wait
	}
	return kept, v.revokeAll(ctx, s, alive, kept)
}

// unused returns how long to wait until nothing uses what has a successor; 0: now.
func (v *visit) unused(ctx context.Context, t terms, all []former, hash string, now time.Time) time.Duration {
	if !t.rolled {
		return 0
	}
	newest := all[len(all)-1].at
	// A rollout takes seconds or minutes: a look comes after as much time again, from
	// 2 to 30 seconds.
	wait := min(max(now.Sub(newest), 2*time.Second), 30*time.Second)
	if restart, _ := v.conditions.Get(v1beta1.ConditionRolloutRestart); restart.Status == metav1.ConditionFalse {
		return wait
	}
	q := rollout.Request{Namespace: v.name.Namespace, Targets: v.parts.targets, Policy: v.parts.policy, Hash: hash, At: v.writtenAt()}
	if rolled, err := v.r.o.Restarts.Rolled(ctx, q); err != nil || !rolled {
		v.memory.rolled = time.Time{}
		return wait
	}
	if v.memory.rolled.IsZero() {
		v.memory.rolled = now
	}
	return max(v.memory.rolled.Add(t.grace).Sub(now), 0)
}

// revokeAll revokes, and takes out of the kept what is done with. What Vault refuses
// is told once and left to its end.
func (v *visit) revokeAll(ctx context.Context, s Session, all []former, kept map[string]bool) (next time.Duration) {
	for _, f := range all {
		_, err := s.Do(ctx, f.request)
		if err != nil && passes(err) {
			next = due.Horizon(2*due.Retry, v.r.o.Random)
			continue
		}
		delete(kept, f.id)
		if err != nil {
			v.warn(f.failed, "revoke "+f.what+": "+text(err))
			continue
		}
		v.did(f.done, "revoked "+f.what)
	}
	return next
}

func nowTime() metav1.Time { return metav1.NewTime(time.Now().Truncate(time.Second)) }
