package agent_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

func TestInitDeliversOnceAndEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		if err := w.init(kvTemplate + dbTemplate); err != nil {
			t.Fatal(err)
		}
		if got := w.read("out/kv"); got != canary+"-1" {
			t.Errorf("kv file = %q", got)
		}
		if !strings.Contains(w.read("out/db"), ":") {
			t.Errorf("db file = %q", w.read("out/db"))
		}
	})
}

func TestRequestsAreOneLoginAndOneReadPerPath(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		body := kvTemplate + strings.Replace(kvTemplate, "out/kv", "out/kv2", 1)
		if err := w.init(body); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range w.vault.Requests() {
			got = append(got, r.Method+" "+r.Path)
		}
		if diff := cmp.Diff([]string{"PUT auth/kubernetes/login", "GET secret/data/app"}, got); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestChangeArrivesAndRunsTheCommandOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		template := strings.Replace(kvTemplate, `out/kv"`, `out/kv"`+"\n  command = \"echo ran >> DIR/ran\"", 1)
		w.sidecar(template + strings.Replace(template, "out/kv", "out/kv2", 1))
		pass(time.Second)
		if got := w.read("ran"); got != "ran\n" {
			t.Errorf("after two templates with one command: %q, want one run", got)
		}
		w.vault.PutKV("secret", "app", map[string]any{"password": canary + "-2"})
		pass(5 * time.Minute)
		if got := w.read("out/kv"); got != canary+"-2" {
			t.Errorf("kv file = %q, want the new value", got)
		}
		if got := w.read("ran"); got != "ran\nran\n" {
			t.Errorf("after the change: %q, want one more run", got)
		}
		pass(24 * time.Hour)
		if got := w.read("ran"); got != "ran\nran\n" {
			t.Errorf("after a day without a change: %q, want no more runs", got)
		}
	})
}

func TestLeaseLivesAcrossRenewalsAndIsReplacedAtItsMaxTTL(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.sidecar(dbTemplate)
		pass(time.Minute)
		first := w.read("out/db")
		pass(2 * time.Hour)
		if w.read("out/db") != first || len(w.vault.Leases()) != 1 {
			t.Errorf("after two hours: changed %t, %d leases; want the first", w.read("out/db") != first, len(w.vault.Leases()))
		}
		pass(time.Hour)
		if w.read("out/db") == first {
			t.Error("after the max TTL of three hours: still the first login")
		}
		if n := w.vault.Count("GET", "database/creds/app"); n != 2 {
			t.Errorf("%d logins issued in three hours, want 2", n)
		}
	})
}

func TestNewTokenKeepsLeasesWhileTheyLive(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.vault.DynamicRole("database", "app", time.Hour, 1000*time.Hour)
		w.sidecar(kvTemplate + dbTemplate)
		pass(23*time.Hour + 58*time.Minute) // the grace of the token begins 6 to 12 minutes before the day is over
		if logins, issued := w.vault.Logins(), w.vault.Count("GET", "database/creds/app"); logins != 2 || issued != 2 {
			t.Errorf("one max TTL of the token: %d logins, %d leases issued; want 2 and 2", logins, issued)
		}
		pass(time.Hour)
		if leases := w.vault.Leases(); len(leases) != 1 {
			t.Errorf("%d leases alive after the old token ended, want 1", len(leases))
		}
	})
}

func TestOneBadSecretLeavesTheOthersAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		denied := strings.NewReplacer("secret/data/app", "secret/data/forbidden", "out/kv", "out/denied").Replace(kvTemplate)
		missing := strings.NewReplacer("secret/data/app", "secret/data/other", "out/kv", "out/missing").Replace(kvTemplate)
		w.sidecar(denied + missing + kvTemplate + dbTemplate)
		pass(30 * time.Minute)
		if w.read("out/kv") == "" || w.read("out/db") == "" || w.read("out/denied") != "" || w.read("out/missing") != "" {
			t.Error("the good templates are not there, or the bad ones are")
		}
		if n := w.vault.Count("GET", "database/creds/app"); n != 1 {
			t.Errorf("%d database logins issued beside failing secrets, want 1", n)
		}
		w.vault.PutKV("secret", "other", map[string]any{"password": canary + "-late"})
		pass(2 * time.Minute)
		if got := w.read("out/missing"); got != canary+"-late" {
			t.Errorf("a secret that came late was not delivered: %q", got)
		}
	})
}

func TestFaultsHealByThemselves(t *testing.T) {
	cases := map[string]struct {
		hurt     func(w *world) (heal func()) // nil: it heals by itself
		reissued bool
	}{
		"token revoked": {
			hurt: func(w *world) func() {
				w.vault.RevokeToken(w.read("vault-token"))
				return nil
			},
			reissued: true, // its leases died with it
		},
		"lease revoked": {
			hurt: func(w *world) func() {
				w.vault.RevokeAllLeases()
				return nil
			},
			reissued: true,
		},
		"sealed for ten minutes": {
			hurt: func(w *world) func() {
				w.vault.Seal()
				return w.vault.Unseal
			},
		},
		"5xx for ten minutes": {
			hurt: func(w *world) func() {
				return w.vault.Fault(fakevault.Fault{Path: "*", Status: http.StatusInternalServerError})
			},
		},
		"rate limited": {
			hurt: func(w *world) func() {
				return w.vault.Fault(fakevault.Fault{Path: "*", Status: http.StatusTooManyRequests, RetryAfter: time.Minute, Times: 5})
			},
		},
		"unreachable": {
			hurt: func(w *world) func() { return w.vault.Fault(fakevault.Fault{Path: "*", Drop: true}) },
		},
		"slow": {
			hurt: func(w *world) func() {
				return w.vault.Fault(fakevault.Fault{Path: "*", Delay: 10 * time.Second})
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.sidecar(kvTemplate + dbTemplate)
				pass(time.Minute)
				first := w.read("out/db")
				heal := tc.hurt(w)
				pass(10 * time.Minute)
				if heal != nil {
					heal()
				}
				w.vault.PutKV("secret", "app", map[string]any{"password": canary + "-healed"})
				pass(50 * time.Minute)
				if got := w.read("out/kv"); got != canary+"-healed" {
					t.Errorf("kv file = %q, want the value of after the fault", got)
				}
				if changed := w.read("out/db") != first; changed != tc.reissued {
					t.Errorf("database login changed: %t, want %t", changed, tc.reissued)
				}
				if n := len(w.vault.Leases()); n != 1 {
					t.Errorf("%d leases alive, want 1", n)
				}
			})
		})
	}
}

func TestLostLeaseIsNoticedAtItsRenewal(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.sidecar(dbTemplate)
		pass(time.Minute)
		first := w.read("out/db")
		w.vault.RevokeAllLeases()
		pass(44 * time.Minute) // the renewal is due after 42 to 44 minutes
		if w.read("out/db") == first {
			t.Error("still the login whose lease was revoked")
		}
		if n := w.vault.Count("GET", "database/creds/app"); n != 2 {
			t.Errorf("%d logins issued, want 2", n)
		}
	})
}

func TestCertificateIsReplacedInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.sidecar(`
template {
  contents    = "{{ with secret \"pki/issue/web\" \"common_name=a.test\" \"ttl=240h\" }}{{ .Data.certificate }}{{ end }}"
  destination = "DIR/out/cert"
}`)
		pass(time.Minute)
		first := w.read("out/cert")
		pass(200 * time.Hour) // 0.85 of 240 h is 204 h
		if w.read("out/cert") != first {
			t.Error("replaced too early")
		}
		pass(30 * time.Hour)
		if got := w.read("out/cert"); got == first || !strings.Contains(got, "BEGIN CERTIFICATE") {
			t.Error("not replaced before its end")
		}
	})
}

func TestHandOverFromInitToSidecarAndAcrossARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		memory := memoryDir(t)
		body := kvTemplate + dbTemplate + persist(memory)
		if err := w.init(body); err != nil {
			t.Fatal(err)
		}
		first := w.read("out/db")
		stop := w.sidecar(body)
		pass(30 * time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.sidecar(body)
		pass(30 * time.Minute)
		if logins, issued := w.vault.Logins(), w.vault.Count("GET", "database/creds/app"); logins != 1 || issued != 1 || w.read("out/db") != first {
			t.Errorf("init and two sidecars: %d logins, %d leases issued; want 1 and 1", logins, issued)
		}
		if logged := strings.Count(w.log(), `msg="logged in"`); logged != 1 || strings.Count(w.log(), "token verified") != 2 {
			t.Errorf("%d logins in the log, want 1 and two take-overs", logged)
		}
		for _, name := range []string{"vaultk8s-handover", "vaultk8s-handover.key"} {
			info, err := os.Stat(memory + "/" + name)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, want mode 0600", name, err)
			}
			content, _ := os.ReadFile(memory + "/" + name)
			if strings.Contains(string(content), canary) {
				t.Errorf("%s holds a plain value", name)
			}
		}
	})
}

func TestHandOverOfAnotherIdentityIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		memory := memoryDir(t)
		if err := w.init(kvTemplate + persist(memory)); err != nil {
			t.Fatal(err)
		}
		err := w.run(strings.Replace(w.document("exit_after_auth = true\n"+kvTemplate+persist(memory)), `role = "app"`, `role = "admin"`, 1))
		want := `read hand-over in "` + memory + `": the file is damaged, or was written for another identity`
		if err == nil || err.Error() != want {
			t.Errorf("error = %v\nwant %s", err, want)
		}
	})
}

func TestTokenSink(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		if err := w.init(""); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(w.path("vault-token"))
		if err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(w.read("vault-token"), "hvs.") {
			t.Errorf("token file: %v", err)
		}
	})
}

func TestRevokeOnShutdown(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		stop := w.sidecar("revoke_on_shutdown = true\n" + dbTemplate)
		pass(time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := len(w.vault.Leases()); n != 0 || w.vault.Count("PUT", "auth/token/revoke-self") != 1 {
			t.Errorf("%d leases alive after the end, want none", n)
		}
	})
}
