package sync

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/instant"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
)

func TestStaticRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		s := dynamicSecret(func(s *vds) { s.Spec.Path, s.Spec.AllowStaticCreds = "static-creds/fixed", true })
		w.create(s)
		w.wantEvents(firstDB)
		w.wantWrites(map[string]int{"patch VaultDynamicSecret": 1, "create Secret": 1, "status VaultDynamicSecret": 1})
		w.get(s)
		if meta := s.Status.StaticCredsMetaData; meta.LastVaultRotation == 0 || meta.RotationPeriod != 3600 || meta.TTL == 0 {
			t.Errorf("metadata %+v", meta)
		}
		before := string(w.secret("db").Data["password"])
		w.vault.ResetRequests()
		pass(59 * time.Minute)
		w.wake(s)
		if got := w.vault.Count("GET", "database/*"); got != 0 {
			t.Errorf("%d reads before the rotation", got)
		}
		pass(2 * time.Minute)
		if got := string(w.secret("db").Data["password"]); got == before {
			t.Error("the Secret has the password before the rotation")
		}
		if got := w.vault.Count("GET", "database/*"); got > 3 {
			t.Errorf("%d reads around the rotation", got)
		}
		w.wantRestarts(1)
		w.wantEvents(rotated+"StaticRotationDue", `db | Normal | RolloutRestartTriggered | restarted Deployment "app"`)
		w.forgetWrites()
		w.edit(s, func() {
			s.Annotations = map[string]string{v1beta1.AnnotationRefresh: "1"}
			s.SetGeneration(s.GetGeneration() - 1)
		})
		w.wantRestarts(0)
		w.wantWrites(map[string]int{})
	})
}

// TestDynamicOverlap revokes a lease when everybody runs with the next.
func TestDynamicOverlap(t *testing.T) {
	policy := func(s *vds) {
		s.Spec.Rotation = &v1beta1.RotationPolicy{Previous: v1beta1.PreviousRevokeAfterRollout, GracePeriod: "20s", RolloutTimeout: "5m"}
	}
	cases := map[string]struct {
		rolled time.Duration // after the change; 0: never
		alive  time.Duration
		event  string
	}{
		"Rolled":  {rolled: time.Minute, alive: 79 * time.Second, event: "revoked lease"},
		"TimeOut": {alive: 98 * time.Minute, event: "is left to its end: the rollout of its successor, or its revocation, takes too long"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := database(t)
				s := dynamicSecret(policy)
				w.create(s)
				pass(time.Minute)
				w.wantEvents(firstDB)
				start := time.Now()
				w.rolled = func(rollout.Request) (bool, error) { return tc.rolled > 0 && time.Since(start) >= tc.rolled, nil }
				w.edit(s, func() { s.Annotations = map[string]string{v1beta1.AnnotationRefresh: "1"} })
				w.get(s)
				if len(s.Status.PreviousLeases) != 1 || len(w.vault.Leases()) != 2 {
					t.Fatalf("previous leases %+v, %d leases", s.Status.PreviousLeases, len(w.vault.Leases()))
				}
				pass(tc.alive - time.Since(start))
				if got := len(w.vault.Leases()); got != 2 {
					t.Errorf("%d leases, want 2 still", got)
				}
				pass(2 * time.Minute)
				if got := len(w.vault.Leases()); got != 1 {
					t.Errorf("%d leases, want 1", got)
				}
				w.get(s)
				if len(s.Status.PreviousLeases) != 0 {
					t.Errorf("previous leases %+v", s.Status.PreviousLeases)
				}
				if last := w.events[len(w.events)-1]; !strings.Contains(last, tc.event) {
					t.Errorf("events %q, want %q at last", w.events, tc.event)
				}
			})
		})
	}
}

// TestDynamicDelete deletes objects, with Vault and without.
func TestDynamicDelete(t *testing.T) {
	cases := map[string]struct {
		revoke, down bool
		now, later   int // leases
		event        string
	}{
		"Left":     {now: 1, later: 1},
		"Revoked":  {revoke: true, event: "db | Normal | SecretLeaseRevoke | revoked lease "},
		"Orphaned": {revoke: true, down: true, now: 1, event: "db | Warning | LeaseOrphaned | lease "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := database(t)
				k := w.kinds.all[1].kind.(*dynamic)
				done := make(chan error, 1)
				go func() { done <- k.Start(t.Context()) }()
				s := dynamicSecret(func(s *vds) { s.Spec.Revoke = tc.revoke })
				w.create(s)
				w.wantEvents(firstDB)
				if tc.down {
					w.vault.Fault(fakevault.Fault{Path: "sys/leases/revoke", Status: http.StatusServiceUnavailable, Times: 3})
				}
				if err := w.cluster.Delete(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				w.wake(s)
				if err := w.cluster.Get(t.Context(), client.ObjectKeyFromObject(s), s); client.IgnoreNotFound(err) != nil || err == nil {
					t.Errorf("the object is still there: %v", err)
				}
				if got := len(w.vault.Leases()); got != tc.now {
					t.Errorf("%d leases, want %d", got, tc.now)
				}
				if tc.event != "" && (len(w.events) != 1 || !strings.HasPrefix(w.events[0], tc.event)) {
					t.Errorf("events %q", w.events)
				}
				pass(time.Minute)
				if got := len(w.vault.Leases()); got != tc.later || k.orphans.waiting() != 0 {
					t.Errorf("later %d leases, want %d; %d orphans", got, tc.later, k.orphans.waiting())
				}
			})
		})
	}
}

// announcer is what tells of changes, by hand.
type announcer struct {
	followed string
	notify   func()
}

func (a *announcer) Follow(object string, _ Session, engine string, paths []string, hears instant.Hears) {
	a.followed, a.notify = object+" of "+engine+" at "+strings.Join(paths, ","), hears.Change
}
func (a *announcer) Forget(string) { a.followed, a.notify = "", nil }

// TestDynamicAnnounced has Vault tell of changes that are none, and of one.
func TestDynamicAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		told := &announcer{}
		w.kinds.all[1].kind.(*dynamic).o.Announced = told
		s := dynamicSecret(func(s *vds) { s.Spec.SyncConfig = &v1beta1.SyncConfig{InstantUpdates: true} })
		w.create(s)
		w.requests()
		if want := "VaultDynamicSecret shop/db of database at database/creds/app"; told.followed != want {
			t.Errorf("follows %q, want %q", told.followed, want)
		}
		told.notify()
		pass(time.Second)
		w.wantRequests(0, 1)
		w.wantRestarts(0)
		w.vault.RevokeAllLeases()
		told.notify()
		pass(time.Second)
		w.wantRequests(1, 1)
		w.wantRestarts(1)
		w.edit(s, func() { s.Spec.SyncConfig = nil })
		if told.followed != "" {
			t.Errorf("follows %q", told.followed)
		}
	})
}

// TestDynamicFlood has a lease of a second, and a status that cannot be written.
func TestDynamicFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		w.vault.DynamicRole("database", "short", time.Second, time.Second)
		s := dynamicSecret(func(s *vds) { s.Spec.Path = "creds/short" })
		w.create(s)
		pass(time.Minute)
		issued, renewed := w.requests()
		if issued > 70 || renewed > 70 {
			t.Errorf("%d requests and %d renewals in a minute, of leases of a second", issued, renewed)
		}
	})
}
