package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/proxy"
)

// times lists when requests of a path reached Vault.
func (w *world) times(path string, since time.Time) []string {
	var out []string
	for _, r := range w.vault.Requests() {
		if r.Path == path {
			out = append(out, r.Time.Sub(since).Round(time.Second).String())
		}
	}
	return out
}

func TestLeaseIsRenewedUntilItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		begun := time.Now()
		first := w.credentials()
		elapse(3*time.Hour + 50*time.Minute)
		if a := w.credentials(); a.body != first.body {
			t.Error("the lease was not kept for almost four hours")
		}
		elapse(10 * time.Minute)
		if a := w.credentials(); a.body == first.body || a.header.Get("X-Cache") != "MISS" {
			t.Error("after the maximum of four hours the old lease is still given out")
		}
		// An hour, of which the grace is 15 % or 9 m: each renewal comes after
		// 40 m + 3 m. From 3h35m on Vault grants only what is left to 4 h: 25 m, of
		// which two thirds and 3 m are 19m40s. Then less than the grace is left.
		want := []string{"43m0s", "1h26m0s", "2h9m0s", "2h52m0s", "3h35m0s"}
		if diff := cmp.Diff(want, w.times("sys/leases/renew", begun)); diff != "" {
			t.Errorf("renewals (-want +got):\n%s", diff)
		}
	})
}

func TestTokenIsRenewedUntilItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		begun := time.Now()
		first := w.userLogin()
		lease := w.credentials("X-Vault-Token", first)
		elapse(2*time.Hour + 40*time.Minute)
		if w.userLogin() != first {
			t.Error("the token was not kept")
		}
		w.wantCached("token and lease", 2)
		elapse(20 * time.Minute)
		w.wantCached("the token ended, and its lease with it", 0)
		if second := w.userLogin(); second == first || w.credentials("X-Vault-Token", second).body == lease.body {
			t.Error("after the maximum of three hours the old token is still given out")
		}
		want := []string{"43m0s", "1h26m0s", "2h9m0s", "2h46m0s"}
		if diff := cmp.Diff(want, w.times("auth/token/renew-self", begun)); diff != "" {
			t.Errorf("renewals (-want +got):\n%s", diff)
		}
	})
}

func TestAgeCountsFromTheRenewal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.credentials()
		elapse(50 * time.Minute)
		if a := w.credentials(); a.header.Get("Age") != "420" { // renewed after 43 minutes
			t.Errorf("Age = %s, want 420", a.header.Get("Age"))
		}
	})
}

func TestRenewalsFail(t *testing.T) {
	cases := map[string]struct {
		reason string
		fault  fakevault.Fault
		after  time.Duration
		cached int
		asked  int // renewals
	}{
		"refused":           {"nobody keeps it alive", fakevault.Fault{Status: 400, Body: `{"errors":["lease is not renewable"]}`}, 44 * time.Minute, 0, 1},
		"denied":            {"nobody keeps it alive", fakevault.Fault{Status: 403}, 44 * time.Minute, 0, 1},
		"gone":              {"it was revoked behind our back", fakevault.Fault{Status: 400, Body: `{"errors":["lease not found"]}`}, 44 * time.Minute, 0, 1},
		"token gone":        {"its leases went with it", fakevault.Fault{Status: 403, Body: `{"errors":["permission denied","invalid token"]}`}, 44 * time.Minute, 0, 1},
		"away for a while":  {"10 s doubling, 12.5 % less on average: after 8.75 s it works", fakevault.Fault{Status: 503, Times: 1}, 44 * time.Minute, 1, 2},
		"connection breaks": {"as if Vault was away", fakevault.Fault{Drop: true, Times: 3}, 50 * time.Minute, 1, 4},
		"away to the end":   {"8.75+17.5+35+70+140+262.5 s: six more before the grace at 51 m begins", fakevault.Fault{Status: 503}, 50*time.Minute + 59*time.Second, 1, 6},
		"away past the end": {"the lease is over", fakevault.Fault{Status: 503}, 51 * time.Minute, 0, 6},
		"asked to wait":     {"for ten minutes: that is past the end", fakevault.Fault{Status: 429, RetryAfter: 10 * time.Minute}, 50 * time.Minute, 1, 1},
		"odd answer":        {"as if Vault was away", fakevault.Fault{Status: 200, Body: "<html>", Times: 1}, 44 * time.Minute, 1, 2},
		"ended meanwhile":   {"Vault grants nothing", fakevault.Fault{Status: 200, Body: `{"lease_id":"x","lease_duration":0,"renewable":true}`}, 44 * time.Minute, 0, 1},
		"for the last time": {"it is kept until it ends, without asking again", fakevault.Fault{Status: 200, Body: `{"lease_id":"x","lease_duration":3600,"renewable":false}`}, 90 * time.Minute, 1, 1},
		"for the last end":  {"43 m + 51 m", fakevault.Fault{Status: 200, Body: `{"lease_id":"x","lease_duration":3600,"renewable":false}`}, 94 * time.Minute, 0, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.credentials()
				tc.fault.Path = "sys/leases/renew"
				w.vault.Fault(tc.fault)
				elapse(tc.after)
				w.wantCached(tc.reason, tc.cached)
				w.wantAsked("sys/leases/renew", tc.asked)
			})
		})
	}
}

// TestRenewalUnderWayWhenEvicted: what comes back for an entry that is gone is
// left alone.
func TestRenewalUnderWayWhenEvicted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.credentials()
		w.vault.Fault(fakevault.Fault{Path: "sys/leases/renew", Delay: 30 * time.Second})
		elapse(43*time.Minute + 10*time.Second)
		w.clear(t, "all", "")
		elapse(2 * time.Hour)
		w.wantCached("cleared", 0)
		w.wantAsked("sys/leases/renew", 1)
	})
}

func TestRenewalSpeaksForTheApplication(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		app := w.userLogin()
		w.credentials("X-Vault-Token", app)
		elapse(43 * time.Minute)
		owner := accessor(w, app)
		found := 0
		for _, r := range w.vault.Requests() {
			if strings.Contains(r.Path, "renew") {
				found++
				if r.TokenAccessor != owner || r.Method != http.MethodPut || r.Status != 200 {
					t.Errorf("%s %s with the token %s: %d", r.Method, r.Path, r.TokenAccessor, r.Status)
				}
			}
		}
		if found != 2 {
			t.Errorf("%d renewals, want those of token and lease", found)
		}
	})
}

func TestRenewalInANamespace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, func(w *world, _ *proxy.Options) {
			w.vault.EnableNamespace("team")
			w.vault.EnableDatabase("team/db")
			w.vault.DynamicRole("team/db", "app", time.Hour, 10*time.Hour)
		})
		if a := w.ask("GET", "db/creds/app", "", "X-Vault-Namespace", "team", "X-Vault-Token", "root"); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		a := w.ask("POST", "auth/token/create-orphan", `{"ttl":"1h"}`, "X-Vault-Namespace", "team/", "X-Vault-Token", "root")
		token := a.text("auth.client_token")
		w.credentialsAt("db/creds/app", "X-Vault-Namespace", "team", "X-Vault-Token", token)
		w.wantCached("the token and its lease", 2)
		elapse(5 * time.Hour)
		w.wantCached("both are renewed", 2)
	})
}

func (w *world) credentialsAt(path string, headers ...string) answer {
	w.t.Helper()
	a := w.ask("GET", path, "", headers...)
	if a.status != 200 || a.text("lease_id") == "" {
		w.t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	return a
}

// TestApplicationRenewsItself: it may ask for less than there was.
func TestApplicationRenewsItself(t *testing.T) {
	cases := map[string]struct {
		reason string
		path   string
		body   string
		want   []string // when token and lease are cared for afterwards
	}{
		"lease":           {"two thirds of 20 m and a third of 3 m", "sys/leases/renew", `{"lease_id":"LEASE","increment":1200}`, []string{"sys/leases/renew 14m20s"}},
		"token":           {"two thirds of 20 m and a third of 3 m", "auth/token/renew", `{"token":"TOKEN","increment":1200}`, []string{"auth/token/renew-self 14m20s"}},
		"token, accessor": {"two thirds of 20 m and a third of 3 m", "auth/token/renew-accessor", `{"accessor":"ACCESSOR","increment":1200}`, []string{"auth/token/renew-self 14m20s"}},
		"something else":  {"that is none of ours", "auth/token/renew", `{"token":"root"}`, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				app := w.userLogin()
				w.credentials("X-Vault-Token", app)
				replace := strings.NewReplacer("TOKEN", app, "ACCESSOR", accessor(w, app), "LEASE", w.vault.Leases()[0].ID)
				begun := time.Now()
				w.ask("PUT", tc.path, replace.Replace(tc.body))
				w.vault.ResetRequests()
				elapse(40 * time.Minute)
				var got []string
				for _, r := range w.vault.Requests() {
					if after := r.Time.Sub(begun); after < 30*time.Minute {
						got = append(got, fmt.Sprint(r.Path, " ", after.Round(time.Second)))
					}
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
				}
				w.wantCached("both live on", 2)
			})
		})
	}
}
