package sync

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
)

// looking is a Destination that counts the looks at Secrets.
type looking struct {
	Destination
	looks int
}

// Look implements Looker.
func (l *looking) Look(ctx context.Context, owner client.Object, d v1beta1.Destination) (*destination.Found, error) {
	l.looks++
	return l.Destination.Look(ctx, owner, d)
}

// TestStaticSettled: an outage has no Secret read that is as it was left. What has
// changed since is looked at.
func TestStaticSettled(t *testing.T) {
	cases := map[string]struct {
		meanwhile func(w *world, s *vss)
		looks     int
		want      map[string]string
	}{
		"Nothing": {func(*world, *vss) {}, 0, map[string]string{"password": "a"}},
		"NewData": {func(w *world, _ *vss) { w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"}) }, 1, map[string]string{"password": "b"}},
		"Drift": {func(w *world, _ *vss) {
			spoilt := w.secret("db")
			spoilt.Data["password"] = []byte("x")
			if err := w.cluster.Update(w.t.Context(), spoilt); err != nil {
				w.t.Fatal(err)
			}
		}, 1, map[string]string{"password": "a"}},
		"Deleted": {func(w *world, _ *vss) {
			if err := w.cluster.Delete(w.t.Context(), w.secret("db")); err != nil {
				w.t.Fatal(err)
			}
		}, 1, map[string]string{"password": "a"}},
		"Edited": {func(w *world, s *vss) {
			w.edit(s, func() { s.Spec.Destination.Labels = map[string]string{"team": "shop"} })
		}, 1, map[string]string{"password": "a"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &looking{}
				w := newWorldWith(t, func(o *Options) {
					l.Destination = o.Destination
					o.Destination = l
				})
				w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
				s := staticSecret("db", func(s *vss) { s.Spec.RefreshAfter = "30s" })
				w.create(s)
				w.vault.Seal()
				pass(10 * time.Minute)
				w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "VaultClientError", "")
				tc.meanwhile(w, s)
				w.vault.Unseal()
				pass(2 * time.Minute)
				w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", "")
				w.wantData("db", tc.want)
				if l.looks != tc.looks {
					t.Errorf("%d looks at the Secret, want %d", l.looks, tc.looks)
				}
			})
		})
	}
}
