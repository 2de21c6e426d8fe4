package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
)

// write makes the Secret of what the sources hold.
func (k *static) write(ctx context.Context, v *visit, s *v1beta1.VaultStaticSecret, plan *shape.Plan, got *contents) outcome {
	answer, err := shape.Combine(got.sources, s.Spec.ConflictPolicy)
	switch {
	case errors.Is(err, shape.ErrConflict):
		return v.unsynced(stuck(v1beta1.ReasonKeyConflict, err))
	case err != nil:
		return v.unsynced(stuck(v1beta1.ReasonSecretDataBuilderError, err))
	}
	out, bad := v.build(plan, answer)
	if bad != nil {
		return *bad
	}
	const message = "the Secret has what Vault holds"
	if k.settled(ctx, v, s, out) {
		v.synced(message)
		return done(message, v.restart(ctx, change{hash: s.Status.SecretMAC}))
	}
	found, bad := v.expect(ctx)
	if bad != nil {
		return *bad
	}
	next, bad := k.deliver(ctx, v, s, found, out, got)
	if bad != nil {
		return *bad
	}
	v.synced(message)
	return done(message, next)
}

// deliver writes the data, where that changes anything, and restarts who uses it. It
// returns when to look again.
func (k *static) deliver(ctx context.Context, v *visit, s *v1beta1.VaultStaticSecret, found *destination.Found, out *shape.Output, got *contents) (time.Duration, *outcome) {
	before := found.Data(out.Data)
	compared := k.compare(s, out.Data, before)
	decision := k.judge(v, s, found, compared)
	if decision.Action == due.Absent {
		o := v.absent(decision)
		return 0, &o
	}
	c := change{restart: decision.Restart, keys: differing(before, out.Data), hash: k.o.Key.Text(out.Data)}
	if c.restart {
		// Before the write: were this process to end after it, the next one would find
		// the Secret as it should be, and nobody to tell.
		v.wroteNow()
		if bad := v.owe(ctx, c); bad != nil {
			return 0, bad
		}
	}
	// It is applied even where the data is as it was: labels and annotations may not
	// be. What would change nothing is not sent.
	written, err := k.o.Destination.Apply(ctx, found, destination.Data{Values: out.Data, Labels: out.Labels, Annotations: out.Annotations})
	v.count(written, err)
	if err != nil {
		o := v.refused(err)
		return 0, &o
	}
	k.record(v, s, compared, written, decision, got)
	v.memory.settled = settledBy(v, out, orElse(written.Version, found.Version()))
	if decision.Action == due.Sync {
		v.prune(ctx)
	}
	return due.Soonest(decision.Next, v.restart(ctx, c)), nil
}

// compare judges the data by the hash in the status. Without one nothing is known.
func (k *static) compare(s *v1beta1.VaultStaticSecret, fresh, current map[string][]byte) mac.Comparison {
	if !s.Spec.HMAC() {
		return mac.Comparison{}
	}
	return k.o.Key.Compare(s.Status.SecretMAC, fresh, current)
}

func (k *static) judge(v *visit, s *v1beta1.VaultStaticSecret, found *destination.Found, c mac.Comparison) due.Decision {
	every, _ := s.Spec.RefreshAfter.Parse() // it was parsed before
	return due.Static{
		Verified: s.Spec.HMAC(), Generation: s.Generation, Synced: s.Status.LastGeneration, Forced: v.forced(),
		Create: s.Spec.Destination.Create, Missing: !found.Exists(), Recorded: c.Recorded, Changed: c.Changed, Drifted: c.Drifted,
		Watched: k.o.Drift != nil && s.Spec.Destination.Create, RefreshAfter: every,
	}.Judge(k.o.Random)
}

// record puts what was done into the status, where anything was.
func (k *static) record(v *visit, s *v1beta1.VaultStaticSecret, c mac.Comparison, w destination.Written, d due.Decision, got *contents) {
	first := s.Status.LastGeneration == 0
	if w.Changed && !d.Restart {
		v.wroteNow()
	}
	if w.Changed || d.Action == due.Sync && s.Spec.HMAC() {
		v.used(got.first)
	}
	s.Status.LastGeneration, s.Status.SecretVersion = s.Generation, got.version
	if !k.o.Key.None() || !s.Spec.HMAC() {
		s.Status.SecretMAC = c.Text
	}
	switch {
	case first:
		v.did(v1beta1.ReasonSecretSynced, "synced Secret "+quoted(s.Spec.Destination.Name))
	case w.Changed:
		v.did(v1beta1.ReasonSecretRotated, fmt.Sprintf("wrote Secret %s: %s", quoted(s.Spec.Destination.Name), orElse(d.Reason, v1beta1.ReasonSecretDataDrift)))
	}
}

// missing does what the policy says about a secret that is not there.
func (k *static) missing(ctx context.Context, v *visit, s *v1beta1.VaultStaticSecret, got *contents) outcome {
	policy := orElse(s.Spec.OnMissing, v1beta1.MissingRetain)
	kept := "what the Secret holds is kept"
	if policy != v1beta1.MissingRetain {
		if bad := k.clear(ctx, v, s, policy, got); bad != nil {
			return *bad
		}
		kept = "the Secret holds no data"
		if policy == v1beta1.MissingDelete && s.Spec.Destination.Create {
			kept = "the Secret is deleted"
		}
	}
	err := fmt.Errorf("nothing is in Vault at %s; %s, as onMissing says", strings.Join(got.missing, ", "), kept)
	return v.unsynced(stuck(v1beta1.ReasonSecretMissing, err))
}

// clear takes the data away that was written before. A Secret that is not there, or
// was never written, is left alone.
func (k *static) clear(ctx context.Context, v *visit, s *v1beta1.VaultStaticSecret, policy v1beta1.MissingPolicy, got *contents) *outcome {
	if s.Status.LastGeneration == 0 {
		return nil
	}
	found, bad := v.look(ctx)
	if bad != nil || !found.Exists() {
		return bad
	}
	if policy == v1beta1.MissingDelete && s.Spec.Destination.Create {
		if err := k.o.Destination.Remove(ctx, s, s.Spec.Destination); err != nil {
			o := v.refused(err)
			return &o
		}
		v.did(v1beta1.ReasonSecretMissing, "deleted Secret "+quoted(s.Spec.Destination.Name))
		return nil
	}
	_, bad = k.deliver(ctx, v, s, found, &shape.Output{Data: map[string][]byte{}}, got)
	return bad
}

func quoted(name string) string { return fmt.Sprintf("%q", name) }
