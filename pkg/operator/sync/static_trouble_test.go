package sync

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
)

// theirSecret is a Secret db of somebody else, where wanted.
func theirSecret(wanted bool) []client.Object {
	if !wanted {
		return nil
	}
	return []client.Object{&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"}, Data: map[string][]byte{"theirs": []byte("x")}}}
}

// TestStaticOutage: an outage costs one write and one event for each object however
// long it lasts, keeps the Secret, and ends by itself.
func TestStaticOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) { s.Spec.RefreshAfter = "30s" })
		w.create(s)
		w.forgetWrites()
		w.wantEvents(`db | Normal | SecretSynced | synced Secret "db"`)

		w.vault.Seal()
		pass(time.Hour)
		w.wantData("db", map[string]string{"password": "a"})
		w.wantWrites(map[string]int{"status VaultStaticSecret": 1})
		w.wantCondition(s, v1beta1.ConditionSecretSynced, metav1.ConditionFalse, "Synced", "GET http://vault/v1/secret/data/app/db: sealed")
		w.wantCondition(s, v1beta1.ConditionReconciling, metav1.ConditionTrue, "VaultClientError", "")
		if len(w.events) != 1 || !strings.HasPrefix(w.events[0], "db | Warning | VaultClientError | ") {
			t.Errorf("events: %q", w.events)
		}
		w.vault.ResetRequests()
		pass(time.Hour)
		if n := len(w.vault.Requests()); n > 3600/30 {
			t.Errorf("%d requests in an hour of outage", n)
		}

		w.vault.Unseal()
		w.forgetWrites()
		pass(time.Minute)
		w.wantWrites(map[string]int{"status VaultStaticSecret": 1})
		w.wantCondition(s, v1beta1.ConditionSecretSynced, metav1.ConditionTrue, "Synced", "the Secret has what Vault holds")
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", "")
	})
}

func TestStaticDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		allow := w.vault.Fault(fakevault.Fault{Path: "secret/*", Status: http.StatusForbidden})
		s := staticSecret("db")
		w.create(s)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "VaultClientError", "GET http://vault/v1/secret/data/app/db: denied")
		w.wantCondition(s, v1beta1.ConditionStalled, metav1.ConditionTrue, "VaultClientError", "")
		allow()
		pass(time.Minute)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", "")
	})
}

// TestStaticLogin: an object without a login says why, once, and is looked at when a
// login has succeeded, or what it refers to has changed.
func TestStaticLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		w.loginErr = effective.Missing("VaultAuth shop/vault")
		s := staticSecret("db")
		w.create(s)
		pass(10 * time.Minute)
		w.wantEvents("db | Warning | VaultClientConfigError | VaultAuth shop/vault: it does not exist")
		w.wantWrites(map[string]int{"patch VaultStaticSecret": 1, "status VaultStaticSecret": 1})
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "VaultClientConfigError", "")

		w.mu.Lock()
		w.loginErr = nil
		w.mu.Unlock()
		w.kinds.all[0].stranded().Create(t.Context(), createEvent(&v1beta1.VaultAuth{}), nil)
		pass(time.Second)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", "")
		w.wantData("db", map[string]string{"password": "a"})
	})
}

func createEvent(o client.Object) event.CreateEvent { return event.CreateEvent{Object: o} }

// TestStaticTokenEnds: the objects of a session that ended read with the next one.
func TestStaticTokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		w.create(staticSecret("db"))
		w.mu.Lock()
		w.store.Detach(w.sessions[""].id)
		delete(w.sessions, "")
		w.sessions["x"] = nil
		w.mu.Unlock()
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"})
		w.kinds.TokenChanged(session.TokenChange{CacheKey: "another"})
		pass(time.Second)
		w.wantData("db", map[string]string{"password": "a"})
		w.kinds.TokenChanged(session.TokenChange{CacheKey: "kubernetes-0123456789abcdef012345", Ended: true})
		pass(time.Second)
		w.wantData("db", map[string]string{"password": "b"})
	})
}

func TestStaticDestination(t *testing.T) {
	cases := map[string]struct {
		theirs bool
		change func(*vss)
		reason string
		text   string
		want   map[string]string
	}{
		"Foreign": {
			true, func(*vss) {}, "SecretSyncError",
			"secret shop/db exists, and VaultStaticSecret shop/db is not its owner: set destination.overwrite to take it over",
			map[string]string{"theirs": "x"},
		},
		"Overwrite": {true, func(s *vss) { s.Spec.Destination.Overwrite = true }, "Synced", "", map[string]string{"password": "a"}},
		"Fill":      {true, func(s *vss) { s.Spec.Destination.Create = false }, "Synced", "", map[string]string{"password": "a", "theirs": "x"}},
		"Absent":    {false, func(s *vss) { s.Spec.Destination.Create = false }, "InexistentDestination", `there is no Secret "db", and destination.create is false`, nil},
		"BadType":   {false, func(s *vss) { s.Spec.Destination.Type = "kubernetes.io/tls" }, "SecretSyncError", `secret shop/db: type kubernetes.io/tls needs the key "tls.crt"`, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, theirSecret(tc.theirs)...)
				w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
				s := staticSecret("db", tc.change)
				w.create(s)
				is := metav1.ConditionFalse
				if tc.text == "" {
					is = metav1.ConditionTrue
				}
				w.wantCondition(s, v1beta1.ConditionReady, is, tc.reason, tc.text)
				if tc.want != nil {
					w.wantData("db", tc.want)
				}
				w.forgetWrites()
				w.mu.Lock()
				w.events = nil
				w.mu.Unlock()
				pass(time.Hour)
				w.wantWrites(map[string]int{})
				w.wantEvents()
			})
		})
	}
}

// TestStaticAbsentComes: a Secret that others make is filled within seconds.
func TestStaticAbsentComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) { s.Spec.Destination.Create = false })
		w.create(s)
		if err := w.cluster.Create(t.Context(), theirSecret(true)[0]); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		w.wantData("db", map[string]string{"password": "a", "theirs": "x"})
	})
}

// TestStaticUnverified: without hmacSecretData nothing is recorded and nobody is
// restarted, but what changes in Vault is written.
func TestStaticUnverified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		no := false
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.HMACSecretData, s.Spec.RefreshAfter = &no, "30s"
			s.Spec.RolloutRestartTargets = []v1beta1.RolloutRestartTarget{{Kind: "Deployment", Name: "app"}}
		})
		w.create(s)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"})
		pass(time.Minute)
		w.wantData("db", map[string]string{"password": "b"})
		w.get(s)
		if s.Status.SecretMAC != "" {
			t.Error("a hash is recorded")
		}
		if got := w.takeRestarts(); len(got) != 0 {
			t.Errorf("restarts: %+v", got)
		}
		w.forgetWrites()
		pass(time.Hour)
		w.wantWrites(map[string]int{})
	})
}

// TestStaticAdopts: an object that the older operator has synced is taken over
// without a write of its Secret and without a restart.
func TestStaticAdopts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newWorld(t)
		first.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.RolloutRestartTargets = []v1beta1.RolloutRestartTarget{{Kind: "Deployment", Name: "app"}}
		})
		first.create(s)
		first.get(s)
		wrote := first.secret("db")
		s.ResourceVersion, wrote.ResourceVersion = "", ""
		s.Status.ObservedGeneration, s.Status.LastSyncTime, s.Status.SecretVersion = 0, nil, 0
		s.Status.Conditions = s.Status.Conditions[:1]

		second := newWorld(t, s, wrote)
		raw := first.vault // the times in _raw are those of the first Vault
		second.vault = raw
		second.wake(s)
		second.wantWrites(map[string]int{"status VaultStaticSecret": 1})
		if got := second.takeRestarts(); len(got) != 0 {
			t.Errorf("restarts: %+v", got)
		}
		second.wantEvents()
	})
}

// TestStaticRestart: what could not be restarted is tried again until it is, also by
// another process, and without the data changing again.
func TestStaticRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.RefreshAfter = "30s"
			s.Spec.RolloutRestartTargets = []v1beta1.RolloutRestartTarget{{Kind: "Deployment", Name: "app"}}
		})
		w.create(s)
		if got := w.takeRestarts(); len(got) != 0 {
			t.Errorf("the first sync restarted: %+v", got)
		}
		w.mu.Lock()
		w.restart = func(rollout.Request) (rollout.Outcome, error) {
			return rollout.Outcome{Pending: `Deployment "app" is paused`, After: 10 * time.Second}, nil
		}
		w.mu.Unlock()
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"})
		pass(time.Minute)
		w.wantCondition(s, v1beta1.ConditionRolloutRestart, metav1.ConditionFalse, "RolloutPending", `Deployment "app" is paused`)
		got := w.takeRestarts()
		if len(got) < 3 || !got[1].At.Equal(got[0].At) || got[1].Since.IsZero() {
			t.Errorf("requests: %+v", got)
		}
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", "")
		w.mu.Lock()
		w.restart = nil
		w.mu.Unlock()
		pass(10 * time.Second)
		w.wantCondition(s, v1beta1.ConditionRolloutRestart, metav1.ConditionTrue, "RolloutRestartTriggered", "")
		w.takeRestarts()
		pass(time.Hour)
		if got := w.takeRestarts(); len(got) != 0 {
			t.Errorf("restarts after the restart: %+v", got)
		}
	})
}

// TestStaticRestartSurvivesTheProcess: a process that ends between the write and the
// restart leaves a trace, and the next one restarts.
func TestStaticRestartSurvivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.RefreshAfter = "30s"
			s.Spec.RolloutRestartTargets = []v1beta1.RolloutRestartTarget{{Kind: "Deployment", Name: "app"}}
		})
		w.create(s)
		var kept *vss
		var wrote *corev1.Secret
		w.mu.Lock()
		w.restart = func(rollout.Request) (rollout.Outcome, error) { // here the process ends
			w.mu.Unlock()
			defer w.mu.Lock()
			if kept == nil {
				kept, wrote = s.DeepCopy(), w.secret("db")
				w.get(kept)
			}
			return rollout.Outcome{}, nil
		}
		w.mu.Unlock()
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"})
		pass(time.Minute)

		kept.ResourceVersion, wrote.ResourceVersion = "", ""
		next := newWorld(t, kept, wrote)
		next.vault = w.vault
		next.wake(kept)
		next.wantData("db", map[string]string{"password": "b"})
		if got := next.takeRestarts(); len(got) != 1 {
			t.Errorf("restarts by the next process: %+v", got)
		}
		next.wantCondition(kept, v1beta1.ConditionRolloutRestart, metav1.ConditionTrue, "RolloutRestartTriggered", "")
	})
}

func TestStaticOnlyOnKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a", "note": "x"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.RefreshAfter = "30s"
			s.Spec.RolloutRestartTargets = []v1beta1.RolloutRestartTarget{{Kind: "Deployment", Name: "app"}}
			s.Spec.RolloutRestartPolicy = &v1beta1.RolloutRestartPolicy{OnlyOnKeys: []string{"password"}}
		})
		w.create(s)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a", "note": "y"})
		pass(time.Minute)
		if got := w.takeRestarts(); len(got) != 0 {
			t.Errorf("restarts for another key: %+v", got)
		}
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b", "note": "y"})
		pass(time.Minute)
		if got := w.takeRestarts(); len(got) != 1 {
			t.Errorf("restarts: %+v", got)
		}
	})
}

// TestStaticDeletion: deletion does not need Vault, and leaves nothing watched.
func TestStaticDeletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) { s.Spec.RefreshAfter = "30s" })
		w.create(s)
		w.vault.Seal()
		w.get(s)
		if err := w.cluster.Delete(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		w.wake(s)
		if err := w.cluster.Get(t.Context(), client.ObjectKeyFromObject(s), s); client.IgnoreNotFound(err) != nil || err == nil {
			t.Errorf("the object is still there: %v", err)
		}
		w.wake(s)
		pass(10 * time.Minute)
		w.vault.ResetRequests()
		pass(time.Hour)
		w.wantReads(map[string]int{})
	})
}

func TestStaticTransformation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.Destination.Transformation = v1beta1.Transformation{
				ExcludeRaw: true, TransformationRefs: []v1beta1.TransformationRef{{Name: "shape"}},
			}
		})
		w.create(s)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "TransformationError", "transformationRefs[0]: SecretTransformation shop/shape: it does not exist")
		shape := &v1beta1.SecretTransformation{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shape"},
			Spec:       v1beta1.SecretTransformationSpec{Templates: map[string]v1beta1.Template{"x": {Text: `{{ get .Secrets "password" }}!`}}},
			Status:     v1beta1.SecretTransformationStatus{Valid: true},
		}
		if err := w.cluster.Create(t.Context(), shape); err != nil {
			t.Fatal(err)
		}
		w.kinds.all[0].users().Create(t.Context(), createEvent(shape), nil)
		pass(time.Second)
		w.wantData("db", map[string]string{"password": "a", "x": "a!"})
		w.vault.ResetRequests()
		shape.Spec.Templates["x"] = v1beta1.Template{Text: "?"}
		if err := w.cluster.Update(t.Context(), shape); err != nil {
			t.Fatal(err)
		}
		w.kinds.all[0].users().Update(t.Context(), event.UpdateEvent{ObjectOld: shape, ObjectNew: shape}, nil)
		pass(time.Second)
		w.wantData("db", map[string]string{"password": "a", "x": "?"})
		w.wantReads(map[string]int{})
	})
}

// TestStaticValuesStayHidden: no event and no condition holds a value.
func TestStaticValuesStayHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "canary-4f1", "bad key": "canary-4f2"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.Destination.Transformation.Templates = map[string]v1beta1.Template{"x": {Text: `{{ fail (get .Secrets "password") }}`}}
		})
		w.create(s)
		w.get(s)
		for _, c := range s.Status.Conditions {
			if strings.Contains(c.Message, "canary") {
				t.Errorf("condition: %s", c.Message)
			}
		}
		if all := strings.Join(w.events, "\n"); all == "" || strings.Contains(all, "canary") {
			t.Errorf("events: %s", all)
		}
	})
}
