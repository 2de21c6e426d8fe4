package sync

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// TestStaticMissing: what becomes of the Secret when a secret is deleted in Vault, and
// when it comes back.
func TestStaticMissing(t *testing.T) {
	cases := map[string]struct {
		policy  v1beta1.MissingPolicy
		create  bool
		want    map[string]string // nil: there is no Secret
		message string
		events  []string
	}{
		"Default":       {"", true, map[string]string{"password": "a"}, "nothing is in Vault at secret/app/db; what the Secret holds is kept, as onMissing says", nil},
		"Retain":        {v1beta1.MissingRetain, true, map[string]string{"password": "a"}, "nothing is in Vault at secret/app/db; what the Secret holds is kept, as onMissing says", nil},
		"Clear":         {v1beta1.MissingClear, true, map[string]string{}, "nothing is in Vault at secret/app/db; the Secret holds no data, as onMissing says", []string{`db | Normal | SecretRotated | wrote Secret "db": DataChanged`}},
		"Delete":        {v1beta1.MissingDelete, true, nil, "nothing is in Vault at secret/app/db; the Secret is deleted, as onMissing says", []string{`db | Normal | SecretMissing | deleted Secret "db"`}},
		"DeleteForeign": {v1beta1.MissingDelete, false, map[string]string{"theirs": "x"}, "nothing is in Vault at secret/app/db; the Secret holds no data, as onMissing says", []string{`db | Normal | SecretRotated | wrote Secret "db": DataChanged`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, theirSecret(!tc.create)...)
				w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
				s := staticSecret("db", func(s *vss) {
					s.Spec.OnMissing, s.Spec.RefreshAfter, s.Spec.Destination.Create = tc.policy, "30s", tc.create
				})
				w.create(s)
				w.wantEvents(`db | Normal | SecretSynced | synced Secret "db"`)

				w.vault.DeleteKV("secret", "app/db")
				pass(10 * time.Minute)
				if tc.want == nil {
					if w.secret("db") != nil {
						t.Error("the Secret is still there")
					}
				} else {
					w.wantData("db", tc.want)
				}
				w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "SecretMissing", tc.message)
				w.wantCondition(s, v1beta1.ConditionSecretSynced, metav1.ConditionFalse, "Synced", tc.message)
				w.wantCondition(s, v1beta1.ConditionStalled, metav1.ConditionTrue, "SecretMissing", tc.message)
				w.wantEvents(append(tc.events, "db | Warning | SecretMissing | "+tc.message)...)
				w.forgetWrites()
				pass(time.Hour)
				w.wantWrites(map[string]int{})
				w.wantEvents()

				w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"})
				pass(time.Minute)
				want := map[string]string{"password": "b"}
				if !tc.create {
					want["theirs"] = "x"
				}
				w.wantData("db", want)
				w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", "")
			})
		})
	}
}

// TestStaticNeverThere: a secret that was never there makes no Secret, whatever the
// policy, and is found when it comes.
func TestStaticNeverThere(t *testing.T) {
	for _, policy := range []v1beta1.MissingPolicy{v1beta1.MissingRetain, v1beta1.MissingClear, v1beta1.MissingDelete} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s := staticSecret("db", func(s *vss) { s.Spec.OnMissing = policy })
				w.create(s)
				if w.secret("db") != nil {
					t.Error("there is a Secret")
				}
				w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "SecretMissing", "")
				w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
				pass(time.Minute)
				w.wantData("db", map[string]string{"password": "a"})
				w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", "")
			})
		})
	}
}
