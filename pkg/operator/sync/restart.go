package sync

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
)

// change is what a write means for applications.
type change struct {
	restart bool     // they have to see it
	keys    []string // of the Secret, that differ; nil: unknown
	hash    string   // keyed hash of the data
}

// restart lets the targets see a change, or one before that they have not seen yet:
// the condition RolloutRestart is what remembers it. It returns when to look again;
// 0 when all is done.
func (v *visit) restart(ctx context.Context, c change) time.Duration {
	if len(v.parts.targets) == 0 {
		return 0
	}
	was, _ := v.conditions.Get(v1beta1.ConditionRolloutRestart)
	owed := was.Status == metav1.ConditionFalse
	if !owed && (!c.restart || !rollout.Wanted(v.parts.policy, c.keys)) {
		return 0
	}
	q := rollout.Request{Namespace: v.name.Namespace, Targets: v.parts.targets, Policy: v.parts.policy, Hash: c.hash, At: v.writtenAt()}
	if owed {
		q.Since = was.LastTransitionTime.Time
	}
	done, err := v.r.o.Restarts.Restart(ctx, q)
	if err != nil || len(done.Restarted) > 0 {
		v.r.numbers.Restarted(err)
	}
	v.restarted(was, done, err)
	return done.After
}

// wroteNow records that the data is written now, in seconds.
func (v *visit) wroteNow() {
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	*v.parts.written = &now
}

// writtenAt is when the data was written last.
func (v *visit) writtenAt() time.Time {
	if at := *v.parts.written; at != nil {
		return at.Time
	}
	return time.Now()
}

// restarted puts the outcome into the condition and, where that says something new,
// into an event.
func (v *visit) restarted(was metav1.Condition, done rollout.Outcome, err error) {
	if len(done.Restarted) > 0 {
		v.did(v1beta1.ReasonRolloutRestartTriggered, "restarted "+strings.Join(done.Restarted, ", "))
	}
	is, reason, message := true, v1beta1.ReasonRolloutRestartTriggered, fmt.Sprintf("every restart target (%d) has the change", len(v.parts.targets))
	switch {
	case err != nil:
		is, reason, message = false, v1beta1.ReasonRolloutRestartFailed, text(err)
		if was.Reason != reason || was.Message != message {
			v.warn(reason, message)
		}
	case done.Pending != "":
		is, reason, message = false, v1beta1.ReasonRolloutPending, done.Pending
	}
	v.conditions.Put(v1beta1.ConditionRolloutRestart, is, reason, message)
}

// differing returns the keys whose values differ, in order.
func differing(before, after map[string][]byte) []string {
	keys := []string{}
	for key, value := range after {
		if old, ok := before[key]; !ok || !bytes.Equal(old, value) {
			keys = append(keys, key)
		}
	}
	for key := range maps.Keys(before) {
		if _, ok := after[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
