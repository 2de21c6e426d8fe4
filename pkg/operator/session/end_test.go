package session_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
)

// TestBound: of more sessions than are allowed the one that was not used for the
// longest time ends, and its resources are told.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, _ := w.start(func(o *session.Options) { o.CacheSize = 1 })
		first := in(t, s, orders)
		pass(time.Second)
		in(t, s, session.Ask{Namespace: "team", AuthRef: "shop/orders"})
		want := []session.TokenChange{{CacheKey: first.CacheKey(), Ended: true}}
		if diff := cmp.Diff(want, w.announced()); diff != "" {
			t.Errorf("announced (-want +got):\n%s", diff)
		}
		if got := s.State(); got.Sessions != 1 || got.Limit != 1 {
			t.Errorf("state %+v", got)
		}
		if _, err := get(t, first, "secret/data/orders"); err != nil {
			t.Errorf("the token of an evicted session was revoked: %v", err)
		}
	})
}

// TestUnused: a session that nobody uses is left after a while, and its token
// revoked; one with a watch, or with a lease, stays and is kept alive.
func TestUnused(t *testing.T) {
	cases := map[string]struct {
		use  func(t *testing.T, s *session.Session)
		stay bool
	}{
		"idle":    {use: func(t *testing.T, s *session.Session) { _, _ = get(t, s, "secret/data/orders") }},
		"watched": {use: func(t *testing.T, s *session.Session) { s.Watch(read("orders"), nil) }, stay: true},
		"leased": {use: func(t *testing.T, s *session.Session) {
			if _, err := get(t, s, "database/creds/orders"); err != nil {
				t.Fatal(err)
			}
		}, stay: true},
		"held": {use: func(t *testing.T, s *session.Session) { s.Hold(time.Now().Add(2 * time.Hour)) }, stay: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, _ := w.start()
				tc.use(t, in(t, s, orders))
				pass(70 * time.Minute)
				if n := s.State().Sessions; (n == 1) != tc.stay {
					t.Errorf("%d sessions", n)
				}
				if n := w.vault.Count("PUT", "auth/token/revoke-self"); (n == 0) != tc.stay {
					t.Errorf("%d tokens revoked", n)
				}
				if got := w.announced(); (len(got) == 0) != tc.stay {
					t.Errorf("announced %v", got)
				}
			})
		})
	}
}

// TestEnd: at the end of the process tokens are revoked on which nothing hangs.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, stop := w.start()
		static, dynamic := in(t, s, orders), in(t, s, session.Ask{Namespace: "team", AuthRef: "shop/orders"})
		if _, err := get(t, dynamic, "database/creds/orders"); err != nil {
			t.Fatal(err)
		}
		gone, stays := static.Token().Token.Accessor, dynamic.Token().Token.Accessor
		stop()
		var revoked []string
		for _, r := range w.vault.Requests() {
			if r.Path == "auth/token/revoke-self" {
				revoked = append(revoked, r.TokenAccessor)
			}
		}
		if diff := cmp.Diff([]string{gone}, revoked); diff != "" {
			t.Errorf("revoked tokens, %s must stay (-want +got):\n%s", stays, diff)
		}
		if len(w.vault.Leases()) != 1 {
			t.Error("a lease ended with the process")
		}
	})
}

// TestEndIsShort: a Vault that does not answer does not keep the process.
func TestEndIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, stop := w.start()
		in(t, s, orders)
		defer w.vault.Fault(fakevault.Fault{Delay: time.Hour})()
		began := time.Now()
		stop()
		if took := time.Since(began); took > time.Second {
			t.Errorf("the end took %v", took)
		}
	})
}
