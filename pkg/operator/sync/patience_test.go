package sync

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// TestPatience: an object that fails for longer than allowed is left alone, and is
// looked at again when something changes.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWith(t, func(o *Options) { o.Patience = 10 * time.Minute }, theirSecret(true)...)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) { s.Generation = 1 })
		w.create(s)
		const refused = "secret shop/db exists, and VaultStaticSecret shop/db is not its owner: set destination.overwrite to take it over"
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "SecretSyncError", refused)
		pass(9 * time.Minute)
		before := w.looks()
		if before < 9 {
			t.Errorf("%d looks in nine minutes", before)
		}
		pass(5 * time.Minute)
		const left = refused + "; it is not tried again until something changes"
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "SecretSyncError", left)
		w.wantCondition(s, v1beta1.ConditionStalled, metav1.ConditionTrue, "SecretSyncError", left)
		before = w.looks()
		pass(24 * time.Hour)
		if after := w.looks(); after != before {
			t.Errorf("%d looks after it was left alone", after-before)
		}
		// An edit begins anew.
		w.edit(s, func() { s.Generation = 2 })
		pass(5 * time.Minute)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "SecretSyncError", refused)
		if err := w.cluster.Delete(t.Context(), theirSecret(true)[0].(*corev1.Secret)); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Minute)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", "")
	})
}

// looks counts the visits.
func (w *world) looks() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.visits
}

func TestWorkers(t *testing.T) {
	cases := map[string]struct {
		o                 Options
		statics, dynamics int
	}{
		"Nothing": {Options{}, 100, 100},
		"General": {Options{Workers: 7}, 7, 7},
		"Both":    {Options{Workers: 7, Dynamic: 3}, 7, 3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			all := New(c.o).all
			if all[0].o.Workers != c.statics || all[1].o.Workers != c.dynamics {
				t.Errorf("%d and %d workers, want %d and %d", all[0].o.Workers, all[1].o.Workers, c.statics, c.dynamics)
			}
		})
	}
}
