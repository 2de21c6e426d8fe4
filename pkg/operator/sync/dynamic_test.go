package sync

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

type vds = v1beta1.VaultDynamicSecret

const (
	leaseTTL = 100 * time.Minute
	firstDB  = `db | Normal | SecretSynced | synced Secret "db"`
	rotated  = `db | Normal | SecretRotated | wrote new credentials to Secret "db": `
)

// dynamicSecret is a VaultDynamicSecret that makes Secret db of database/creds/app,
// and restarts a Deployment.
func dynamicSecret(change ...func(*vds)) *vds {
	s := &vds{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"},
		Spec: v1beta1.VaultDynamicSecretSpec{
			Mount: "database", Path: "creds/app",
			Destination:           v1beta1.Destination{Name: "db", Create: true},
			RolloutRestartTargets: []v1beta1.RolloutRestartTarget{{Kind: "Deployment", Name: "app"}},
		},
	}
	for _, edit := range change {
		edit(s)
	}
	return s
}

// database is a world whose Vault makes credentials for 100 minutes, at most 1000.
func database(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := newWorld(t, objects...)
	w.vault.EnableDatabase("database")
	w.vault.DynamicRole("database", "app", leaseTTL, 10*leaseTTL)
	w.vault.StaticRole("database", "fixed", time.Hour)
	w.vault.ResetRequests()
	return w
}

// takeover makes the reconcilers anew, as in another process.
func (w *world) takeover(change func(*Options)) {
	w.t.Helper()
	o := w.kinds.all[0].o
	o.Process = "another"
	if change != nil {
		change(&o)
	}
	w.kinds = New(o)
	w.run()
	w.forgetWrites()
}

// requests tells how often credentials were requested, and leases renewed, since the
// last time.
func (w *world) requests() (issued, renewed int) {
	defer w.vault.ResetRequests()
	return w.vault.Count("GET", "database/creds/*"), w.vault.Count("PUT", "sys/leases/renew")
}

func (w *world) wantRequests(issued, renewed int) {
	w.t.Helper()
	i, r := w.requests()
	if i != issued || r != renewed {
		w.t.Errorf("%d requests for credentials and %d renewals, want %d and %d", i, r, issued, renewed)
	}
}

// username is that of a Secret.
func (w *world) username(name string) string {
	w.t.Helper()
	s := w.secret(name)
	if s == nil {
		return ""
	}
	return string(s.Data["username"])
}

func (w *world) wantRestarts(want int) {
	w.t.Helper()
	if got := w.takeRestarts(); len(got) != want {
		w.t.Errorf("%d restarts, want %d: %+v", len(got), want, got)
	}
}

func TestDynamicFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		s := dynamicSecret()
		w.create(s)
		w.wantRequests(1, 0)
		w.wantRestarts(0)
		w.wantEvents(firstDB)
		w.wantWrites(map[string]int{"patch VaultDynamicSecret": 1, "create Secret": 1, "status VaultDynamicSecret": 1})
		w.wantCondition(s, v1beta1.ConditionSecretSynced, metav1.ConditionTrue, "Synced", holdsCredentials)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", holdsCredentials)
		leases := w.vault.Leases()
		if len(leases) != 1 || w.username("db") == "" {
			t.Fatalf("%d leases, user %q", len(leases), w.username("db"))
		}
		at := leases[0].IssuedAt
		end := metav1.NewTime(at.Add(leaseTTL).Local())
		want := v1beta1.VaultDynamicSecretStatus{
			LastRenewalTime: at.Unix(), LastGeneration: 1, ObservedGeneration: 1, LastRuntimePodUID: "process",
			SecretLease:     v1beta1.SecretLease{ID: leases[0].ID, LeaseDuration: 6000, Renewable: true, RequestID: s.Status.SecretLease.RequestID},
			VaultClientMeta: v1beta1.VaultClientMeta{CacheKey: "kubernetes-0123456789abcdef012345", ID: "client"},
			SecretMAC:       w.key.Text(w.secret("db").Data), LeaseExpiry: &end, LastSyncTime: s.Status.LastSyncTime, Conditions: s.Status.Conditions,
		}
		if diff := cmp.Diff(want, s.Status); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		if s.Status.SecretLease.RequestID == "" || s.Status.LastSyncTime == nil {
			t.Errorf("status %+v", s.Status)
		}
		w.wake(s)
		w.wantWrites(map[string]int{})
	})
}

// TestDynamicLife follows a lease through its renewals to its max TTL.
func TestDynamicLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		s := dynamicSecret()
		w.create(s)
		w.wantEvents(firstDB)
		user := w.username("db")
		pass(71 * time.Minute)
		w.wantRequests(1, 0)
		pass(2 * time.Minute) // 67 % and half of the tenth: 72 minutes
		w.wantRequests(0, 1)
		w.wantCondition(s, v1beta1.ConditionLeaseRenewal, metav1.ConditionTrue, "SecretLeaseRenewal", "the lease was renewed")
		w.wantEvents()
		// 12 renewals reach minute 936; the next would get 64 minutes of the 100.
		pass(862 * time.Minute)
		w.wantRequests(0, 11)
		if w.username("db") != user {
			t.Error("a renewal made other credentials")
		}
		w.wantRestarts(0)
		pass(2 * time.Minute)
		w.wantRequests(1, 1)
		if w.username("db") == user {
			t.Error("the truncated lease has no successor")
		}
		w.wantRestarts(1)
		w.wantEvents(rotated+"LeaseTruncated", `db | Normal | RolloutRestartTriggered | restarted Deployment "app"`)
		if got := len(w.vault.Leases()); got != 2 {
			t.Errorf("%d leases, want both", got)
		}
		w.get(s)
		for _, c := range s.Status.Conditions {
			if c.Type == v1beta1.ConditionLeaseRenewal {
				t.Error("the new lease was not renewed yet")
			}
		}
	})
}

func TestDynamicRequest(t *testing.T) {
	cases := map[string]struct {
		method string
		params map[string]string
		want   string
		body   map[string]any
	}{
		"Default": {want: "GET"},
		"Params":  {params: map[string]string{"ttl": "1h"}, want: "PUT", body: map[string]any{"ttl": "1h"}},
		"GetPut":  {method: "GET", params: map[string]string{"a": "b"}, want: "PUT", body: map[string]any{"a": "b"}},
		"Post":    {method: "POST", params: map[string]string{"a": "b"}, want: "POST", body: map[string]any{"a": "b"}},
		"Empty":   {method: "POST", want: "POST"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := credentialRequest(&v1beta1.VaultDynamicSecretSpec{Mount: "/aws/", Path: "/creds/a", RequestHTTPMethod: tc.method, Params: tc.params})
			if r.Method != tc.want || r.Path != "aws/creds/a" {
				t.Errorf("%s %s", r.Method, r.Path)
			}
			if diff := cmp.Diff(tc.body, r.Body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDynamicEdits tells what makes new credentials and what does not.
func TestDynamicEdits(t *testing.T) {
	cases := map[string]struct {
		edit           func(*vds)
		spec           bool
		issued, starts int
		event          string
	}{
		"Label":      {edit: func(s *vds) { s.Labels = map[string]string{"tool": "gitops"} }},
		"Annotation": {edit: func(s *vds) { s.Annotations = map[string]string{"tool": "gitops"} }},
		"Refresh": {
			edit:   func(s *vds) { s.Annotations = map[string]string{v1beta1.AnnotationRefresh: "1"} },
			issued: 1, starts: 1, event: "ForceSync",
		},
		"Spec": {edit: func(s *vds) { s.Spec.Revoke = true }, spec: true, issued: 1, starts: 1, event: "ResourceUpdated"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := database(t)
				s := dynamicSecret()
				w.create(s)
				w.requests()
				pass(time.Minute)
				w.wantEvents(firstDB)
				w.edit(s, func() {
					tc.edit(s)
					if !tc.spec {
						s.SetGeneration(s.GetGeneration() - 1) // edit counts it up
					}
				})
				w.wantRequests(tc.issued, 0)
				w.wantRestarts(tc.starts)
				if tc.event != "" {
					w.wantEvents(rotated+tc.event, `db | Normal | RolloutRestartTriggered | restarted Deployment "app"`)
				}
				w.wake(s)
				w.wantRequests(0, 0)
			})
		})
	}
}

// TestDynamicRepair deletes and changes the Secret: what is held is written again.
func TestDynamicRepair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		s := dynamicSecret()
		w.create(s)
		w.requests()
		w.wantEvents(firstDB)
		user := w.username("db")
		secret := w.secret("db")
		if err := w.cluster.Delete(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		w.wake(s)
		w.wantEvents(`db | Normal | SecretSync | restored Secret "db"`)
		secret = w.secret("db")
		secret.Data["username"] = []byte("somebody")
		if err := w.cluster.Update(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		w.wake(s)
		if got := w.username("db"); got != user {
			t.Errorf("user %q, want %q", got, user)
		}
		w.wantRequests(0, 0)
		w.wantRestarts(0)

		w.takeover(nil)
		if err := w.cluster.Delete(t.Context(), w.secret("db")); err != nil {
			t.Fatal(err)
		}
		w.wake(s)
		w.wantRequests(1, 0)
		if got := w.username("db"); got == user || got == "" {
			t.Errorf("user %q: another process holds nothing, and asks anew", got)
		}
		w.wantRestarts(1)
	})
}

// TestDynamicTakeover is a restart of the operator, with and without its tokens.
func TestDynamicTakeover(t *testing.T) {
	cases := map[string]struct {
		client          string
		tokenTTL        time.Duration
		touch           func(*world)
		issued, renewed int // at once
		later           int // issued within an hour
	}{
		"SameToken":     {client: "client", tokenTTL: time.Hour},
		"OtherToken":    {client: "new", renewed: 1},
		"OldTokenEnds":  {client: "new", tokenTTL: time.Hour, renewed: 1, later: 1},
		"LeaseIsGone":   {client: "new", touch: func(w *world) { w.vault.RevokeAllLeases() }, issued: 1, renewed: 1},
		"SameTokenGone": {client: "client", touch: func(w *world) { w.vault.RevokeAllLeases() }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := database(t)
				s := dynamicSecret()
				w.create(s)
				pass(time.Minute)
				w.requests()
				if tc.touch != nil {
					tc.touch(w)
				}
				w.client, w.tokenTTL = tc.client, tc.tokenTTL
				w.takeover(nil)
				w.wake(s)
				w.wantRequests(tc.issued, tc.renewed)
				w.wantRestarts(tc.issued)
				w.get(s)
				if tc.issued == 0 && s.Status.VaultClientMeta.ID != "client" {
					t.Errorf("the status names token %q; the lease is of another", s.Status.VaultClientMeta.ID)
				}
				w.wake(s)
				w.wantRequests(0, 0)
				pass(time.Hour)
				issued, _ := w.requests()
				if issued != tc.later {
					t.Errorf("%d requests within an hour, want %d", issued, tc.later)
				}
			})
		})
	}
}

// TestDynamicTokenRotated: within a process another token means that leases have
// ended.
func TestDynamicTokenRotated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		s := dynamicSecret()
		w.create(s)
		w.wantEvents(firstDB)
		w.requests()
		w.client = "new"
		w.wake(s)
		w.wantRequests(1, 0)
		w.wantEvents(rotated+"VaultTokenRotated", `db | Normal | RolloutRestartTriggered | restarted Deployment "app"`)
		w.wantRestarts(1)
	})
}

// TestDynamicOutage seals Vault over a renewal: what lives is kept, and renewed when
// Vault is back.
func TestDynamicOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		s := dynamicSecret()
		w.create(s)
		w.wantEvents(firstDB)
		user := w.username("db")
		pass(70 * time.Minute)
		w.vault.Seal()
		w.requests()
		pass(10 * time.Minute)
		issued, renewed := w.requests()
		// 8 minutes: 5 s growing by 1.5 to 60 s, of which half is random, are 17 attempts.
		if issued != 0 || renewed < 8 || renewed > 20 {
			t.Errorf("%d requests and %d renewals in an outage", issued, renewed)
		}
		w.wantCondition(s, v1beta1.ConditionLeaseRenewal, metav1.ConditionFalse, "SecretLeaseRenewalError", "PUT http://vault/v1/sys/leases/renew: sealed")
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "SecretLeaseRenewalError", "")
		if got := len(w.events); got != 1 {
			t.Errorf("%d events, want one: %q", got, w.events)
		}
		w.forgetWrites()
		pass(time.Minute)
		w.wantWrites(map[string]int{})
		w.vault.Unseal()
		pass(time.Minute)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", "")
		if w.username("db") != user {
			t.Error("the outage has made other credentials")
		}
		w.wantRestarts(0)
	})
}

// TestDynamicRefused has Vault refuse a renewal.
func TestDynamicRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		s := dynamicSecret()
		w.create(s)
		w.wantEvents(firstDB)
		w.requests()
		w.vault.RevokeAllLeases()
		pass(73 * time.Minute)
		w.wantRequests(1, 1)
		events := w.events
		if len(events) != 3 || !strings.HasPrefix(events[0], "db | Warning | SecretLeaseRenewalError | PUT http://vault/v1/sys/leases/renew: not found (HTTP 400)") ||
			events[1] != rotated+"SecretLeaseRenewalError" {
			t.Errorf("events %q", events)
		}
	})
}

// TestDynamicWriteFails: credentials that could not be written are not requested again.
func TestDynamicWriteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the server is broken")
		w := database(t)
		s := dynamicSecret()
		var fail atomic.Bool
		fail.Store(true)
		w.kinds.all[1].kind.(*dynamic).o.Destination = failing{w.writer, func() error {
			if fail.Load() {
				return broken
			}
			return nil
		}}
		w.create(s)
		pass(time.Minute)
		w.wantRequests(1, 0)
		w.wantCondition(s, v1beta1.ConditionSecretSynced, metav1.ConditionFalse, "Synced", "the server is broken")
		fail.Store(false)
		pass(time.Minute)
		w.wantRequests(0, 0)
		w.wantCondition(s, v1beta1.ConditionSecretSynced, metav1.ConditionTrue, "Synced", "")
		if w.username("db") == "" || len(w.vault.Leases()) != 1 {
			t.Error("not delivered")
		}
	})
}

// TestDynamicBadEdit: an edit that cannot be carried out does not end what runs.
func TestDynamicBadEdit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		s := dynamicSecret()
		w.create(s)
		w.requests()
		pass(time.Minute)
		w.edit(s, func() {
			s.Spec.Destination.Transformation.Templates = map[string]v1beta1.Template{"x": {Text: "{{ wrong"}}
		})
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "TransformationError", "")
		pass(10 * time.Hour)
		issued, renewed := w.requests()
		if issued != 0 || renewed < 7 {
			t.Errorf("%d requests, %d renewals", issued, renewed)
		}
		if got := len(w.vault.Leases()); got != 1 {
			t.Errorf("%d leases, want the first", got)
		}
	})
}

func TestDynamicAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		s := dynamicSecret(func(s *vds) { s.Spec.Destination.Create = false })
		w.create(s)
		pass(time.Minute)
		w.wantRequests(0, 0)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "InexistentDestination", `there is no Secret "db", and destination.create is false`)
	})
}

// TestDynamicNoLease polls what has no lease, and writes nothing while it is the same.
func TestDynamicNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := database(t)
		w.vault.PutKV("secret", "key", map[string]any{"value": "a"})
		s := dynamicSecret(func(s *vds) { s.Spec.Mount, s.Spec.Path, s.Spec.RefreshAfter = "secret", "data/key", "10m" })
		w.create(s)
		w.wantEvents(firstDB)
		w.forgetWrites()
		w.vault.ResetRequests()
		pass(time.Hour) // 67 and 5 % of 10 minutes are 7.2
		if got := w.vault.Count("GET", "secret/data/key"); got != 8 {
			t.Errorf("%d reads, want 8", got)
		}
		w.wantWrites(map[string]int{})
		w.wantRestarts(0)
		w.vault.PutKV("secret", "key", map[string]any{"value": "b"})
		pass(10 * time.Minute)
		if got := string(w.secret("db").Data["data"]); got != `{"value":"b"}` {
			t.Errorf("data %s", got)
		}
		w.wantRestarts(1)
	})
}
