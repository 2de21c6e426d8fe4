package sync

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

type vss = v1beta1.VaultStaticSecret

func TestStaticSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a", "port": 5432})
		s := staticSecret("db")
		w.create(s)
		w.wantData("db", map[string]string{"password": "a", "port": "5432"})
		w.wantCondition(s, v1beta1.ConditionSecretSynced, metav1.ConditionTrue, "Synced", "the Secret has what Vault holds")
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", "")
		w.wantCondition(s, v1beta1.ConditionHealthy, metav1.ConditionTrue, "Healthy", "")
		w.wantEvents(`db | Normal | SecretSynced | synced Secret "db"`)
		w.wantWrites(map[string]int{"create Secret": 1, "patch VaultStaticSecret": 1, "status VaultStaticSecret": 1})
		data := w.secret("db").Data
		want := v1beta1.VaultStaticSecretStatus{
			LastGeneration: 1, ObservedGeneration: 1, SecretVersion: 1, SecretMAC: w.key.Text(data),
			VaultClientMeta: v1beta1.VaultClientMeta{CacheKey: "kubernetes-0123456789abcdef012345", ID: "client"},
			LastSyncTime:    s.Status.LastSyncTime, Conditions: s.Status.Conditions,
		}
		if diff := cmp.Diff(want, s.Status); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		if s.Status.LastSyncTime == nil {
			t.Error("lastSyncTime is not set")
		}

		w.wake(s)
		w.wantWrites(map[string]int{})
		w.wantEvents()
	})
}

// TestStaticIdle: without refreshAfter neither Vault nor the cluster is asked when
// nothing happens.
func TestStaticIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		w.create(staticSecret("db"))
		w.wantReads(map[string]int{"secret/data/app/db": 1})
		w.mu.Lock()
		w.visits = 0
		w.mu.Unlock()
		pass(30 * 24 * time.Hour)
		w.wantReads(map[string]int{})
		if w.visits != 0 {
			t.Errorf("%d visits, want none", w.visits)
		}
	})
}

func TestStaticRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) { s.Spec.RefreshAfter = "30s" })
		w.create(s)
		w.forgetWrites()
		w.wantEvents(`db | Normal | SecretSynced | synced Secret "db"`)
		w.vault.ResetRequests()

		pass(10 * time.Minute)
		w.wantReads(map[string]int{"secret/data/app/db": 23}) // 600 s / (0.85 * 30 s) = 23.5
		w.wantWrites(map[string]int{})
		w.wantEvents()

		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"})
		pass(27 * time.Second)
		w.wantData("db", map[string]string{"password": "b"})
		w.wantWrites(map[string]int{"patch Secret": 1, "status VaultStaticSecret": 1})
		w.wantEvents(`db | Normal | SecretRotated | wrote Secret "db": DataChanged`)
		w.get(s)
		if s.Status.SecretVersion != 2 {
			t.Errorf("secretVersion %d, want 2", s.Status.SecretVersion)
		}
	})
}

// TestStaticShares: objects of one identity that read one path cause one read, and a
// change that one of them finds out is there for all.
func TestStaticShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		for _, name := range []string{"a", "b", "c"} {
			w.create(staticSecret(name, func(s *vss) { s.Spec.RefreshAfter = "10m" }))
		}
		w.wantReads(map[string]int{"secret/data/app/db": 1})
		w.create(staticSecret("d", func(s *vss) { s.Spec.RefreshAfter = "1m" }))
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"})
		pass(time.Minute)
		w.wantReads(map[string]int{"secret/data/app/db": 1})
		for _, name := range []string{"a", "b", "c", "d"} {
			w.wantData(name, map[string]string{"password": "b"})
		}
	})
}

// TestStaticNewObjectGetsNewData: an object that is created later must not get what
// was read before, where nobody polls.
func TestStaticNewObjectGetsNewData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		w.create(staticSecret("first"))
		pass(time.Hour)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"})
		w.create(staticSecret("second"))
		pass(time.Second)
		w.wantData("second", map[string]string{"password": "b"})
		w.wantData("first", map[string]string{"password": "b"})
	})
}

func TestStaticEdit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.RolloutRestartTargets = []v1beta1.RolloutRestartTarget{{Kind: "Deployment", Name: "app"}}
		})
		w.create(s)
		w.vault.ResetRequests()

		w.edit(s, func() { s.Spec.Destination.Labels = map[string]string{"team": "shop"} })
		if got := w.secret("db").Labels["team"]; got != "shop" {
			t.Errorf("label %q, want shop", got)
		}
		w.wantReads(map[string]int{"secret/data/app/db": 1})
		if got := w.takeRestarts(); len(got) != 0 {
			t.Errorf("an edit restarted: %+v", got)
		}
		w.get(s)
		if s.Status.LastGeneration != 2 {
			t.Errorf("lastGeneration %d, want 2", s.Status.LastGeneration)
		}
	})
}

// TestStaticRefreshAnnotation: a new value reads Vault at once, and what has not
// changed there writes nothing.
func TestStaticRefreshAnnotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db")
		w.create(s)
		w.vault.ResetRequests()
		refresh := func(value string) {
			w.get(s)
			s.Annotations = map[string]string{v1beta1.AnnotationRefresh: value}
			if err := w.cluster.Update(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			w.forgetWrites()
			w.wake(s)
		}
		refresh("1")
		w.wantReads(map[string]int{"secret/data/app/db": 1})
		w.wantWrites(map[string]int{})
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"})
		refresh("2")
		w.wantData("db", map[string]string{"password": "b"})
	})
}

func TestStaticDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.RolloutRestartTargets = []v1beta1.RolloutRestartTarget{{Kind: "Deployment", Name: "app"}}
		})
		w.create(s)
		w.vault.ResetRequests()
		w.wantEvents(`db | Normal | SecretSynced | synced Secret "db"`)

		spoilt := w.secret("db")
		spoilt.Data["password"] = []byte("x")
		if err := w.cluster.Update(t.Context(), spoilt); err != nil {
			t.Fatal(err)
		}
		w.wake(s)
		w.wantData("db", map[string]string{"password": "a"})
		w.wantReads(map[string]int{})
		w.wantEvents(`db | Normal | SecretRotated | wrote Secret "db": SecretDataDrift`, `db | Normal | RolloutRestartTriggered | restarted Deployment "app"`)
		if got := w.takeRestarts(); len(got) != 1 || got[0].Hash != w.key.Text(w.secret("db").Data) || got[0].At.IsZero() {
			t.Errorf("restarts: %+v", got)
		}
		w.wantCondition(s, v1beta1.ConditionRolloutRestart, metav1.ConditionTrue, "RolloutRestartTriggered", "")

		if err := w.cluster.Delete(t.Context(), spoilt); err != nil {
			t.Fatal(err)
		}
		w.wake(s)
		w.wantData("db", map[string]string{"password": "a"})
	})
}
