package fakevault_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// virtual runs f in a bubble, where Sleep costs nothing.
func virtual(t *testing.T, f func(t *testing.T, s *fakevault.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, fakevault.New()) })
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

func TestTokenEnds(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		token := s.CreateToken(fakevault.TokenRole{TTL: time.Hour})
		pass(time.Hour - time.Second)
		if got := mustCall(t, s, token, "GET", "auth/token/lookup-self", "").Data["ttl"]; got != 1.0 {
			t.Errorf("ttl is %v one second before the end, want 1", got)
		}
		pass(time.Second)
		refused(t, call(t, s, token, "GET", "auth/token/lookup-self", ""), 403, invalidToken)
		refused(t, call(t, s, "root", "POST", "auth/token/lookup", `{"token":"`+token+`"}`), 403, "bad token")
		pass(10 * 365 * 24 * time.Hour)
		mustCall(t, s, "root", "GET", "auth/token/lookup-self", "")
	})
}

func TestTokenRenewalUpToMaxTTL(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		s.EnableUserpass("userpass", map[string]string{"u": "p"}, fakevault.TokenRole{TTL: 20 * time.Minute, MaxTTL: time.Hour})
		login := mustCall(t, s, "", "POST", "auth/userpass/login/u", `{"password":"p"}`)
		token := login.Auth.ClientToken
		got := []string{}
		for range 4 {
			pass(15 * time.Minute)
			r := call(t, s, token, "POST", "auth/token/renew-self", "")
			if r.Auth == nil {
				got = append(got, r.Errors[0])
				continue
			}
			got = append(got, fmt.Sprint(r.Auth.LeaseDuration, r.Warnings))
		}
		want := []string{"1200 []", "1200 []", `900 [TTL of "20m" exceeded the effective max_ttl of "15m"; TTL value is capped accordingly]`, invalidToken}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("renewals (-want +got):\n%s", diff)
		}
	})
}

func TestPeriodicTokenLivesOn(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		token := s.CreateToken(fakevault.TokenRole{Period: time.Hour})
		for range 2000 { // 1,833 hours: well beyond the system's 768
			pass(55 * time.Minute)
			if r := mustCall(t, s, token, "POST", "auth/token/renew-self", ""); r.Auth.LeaseDuration != 3600 {
				t.Fatalf("renewed for %d s, want 3600", r.Auth.LeaseDuration)
			}
		}
		pass(time.Hour)
		refused(t, call(t, s, token, "POST", "auth/token/renew-self", ""), 403, invalidToken)
	})
}

func TestExplicitMaxEndsPeriodicToken(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		token := s.CreateToken(fakevault.TokenRole{Period: time.Hour, ExplicitMaxTTL: 90 * time.Minute})
		pass(45 * time.Minute)
		r := mustCall(t, s, token, "POST", "auth/token/renew-self", "")
		if r.Auth.LeaseDuration != 2700 || len(r.Warnings) != 1 {
			t.Errorf("renewed for %d s with warnings %q, want 2700 and one", r.Auth.LeaseDuration, r.Warnings)
		}
	})
}

func database(s *fakevault.Server) {
	s.EnableDatabase("database")
	s.DynamicRole("database", "app", time.Hour, 150*time.Minute)
	s.Policy("app", map[string][]string{"database/creds/*": {"read"}, "database/static-creds/*": {"read"}})
}

func TestLeaseRenewalUpToMaxTTL(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		database(s)
		lease := mustCall(t, s, "root", "GET", "database/creds/app", "")
		if lease.LeaseDuration != 3600 || !lease.Renewable {
			t.Fatalf("lease of %d s, renewable %v", lease.LeaseDuration, lease.Renewable)
		}
		body := `{"lease_id":"` + lease.LeaseID + `"}`
		var got []int
		for range 3 {
			pass(50 * time.Minute)
			got = append(got, call(t, s, "root", "PUT", "sys/leases/renew", body).LeaseDuration)
		}
		if diff := cmp.Diff([]int{3600, 3000, 0}, got); diff != "" {
			t.Errorf("granted seconds (-want +got):\n%s", diff)
		}
		refused(t, call(t, s, "root", "PUT", "sys/leases/renew", body), 400, "lease not found")
		if l := s.Leases(); len(l) != 0 {
			t.Errorf("leases left: %v", l)
		}
	})
}

func TestLeaseEndsWithItsToken(t *testing.T) {
	ends := map[string]func(t *testing.T, s *fakevault.Server, token, accessor string){
		"expired":             func(*testing.T, *fakevault.Server, string, string) { pass(30 * time.Minute) },
		"revoked by the test": func(_ *testing.T, s *fakevault.Server, token, _ string) { s.RevokeToken(token) },
		"expired by the test": func(_ *testing.T, s *fakevault.Server, _, _ string) { s.ExpireEverything() },
		"all revoked":         func(_ *testing.T, s *fakevault.Server, _, _ string) { s.RevokeAllLeases() },
		"one revoked":         func(_ *testing.T, s *fakevault.Server, _, _ string) { s.RevokeLease(s.Leases()[0].ID) },
		"revoked by accessor": func(t *testing.T, s *fakevault.Server, _, a string) { revokeAccessor(t, s, a) },
		"unmounted": func(t *testing.T, s *fakevault.Server, _, _ string) {
			mustCall(t, s, "root", "DELETE", "sys/mounts/database", "")
		},
		"revoked by the owner": func(t *testing.T, s *fakevault.Server, tok, _ string) {
			mustCall(t, s, tok, "POST", "auth/token/revoke-self", "")
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, s *fakevault.Server) {
				database(s)
				token := s.CreateToken(fakevault.TokenRole{Policies: []string{"app"}, TTL: 30 * time.Minute})
				lease := mustCall(t, s, token, "GET", "database/creds/app", "")
				if got := s.Leases(); len(got) != 1 || got[0].ID != lease.LeaseID || got[0].Path != "database/creds/app" {
					t.Fatalf("leases are %+v, want the one of %s", got, lease.LeaseID)
				}
				end(t, s, token, s.Leases()[0].TokenAccessor)
				if got := s.Leases(); len(got) != 0 {
					t.Errorf("leases left: %+v", got)
				}
				refused(t, call(t, s, "root", "PUT", "sys/leases/renew", `{"lease_id":"`+lease.LeaseID+`"}`), 400, "lease not found")
			})
		})
	}
}

func revokeAccessor(t *testing.T, s *fakevault.Server, accessor string) {
	t.Helper()
	mustCall(t, s, "root", "POST", "auth/token/revoke-accessor", `{"accessor":"`+accessor+`"}`)
}

func TestBatchTokenLimitsItsLeases(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		database(s)
		token := s.CreateToken(fakevault.TokenRole{Policies: []string{"app"}, TTL: 30 * time.Minute, Batch: true})
		pass(10 * time.Minute)
		if got := mustCall(t, s, token, "GET", "database/creds/app", "").LeaseDuration; got != 1200 {
			t.Errorf("lease of %d s from a token with 20 minutes left, want 1200", got)
		}
	})
}

func TestStaticRoleRotates(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		s.EnableDatabase("database")
		s.StaticRole("database", "app", time.Hour)
		read := func() (any, any) {
			d := mustCall(t, s, "root", "GET", "database/static-creds/app", "").Data
			return d["password"], d["ttl"]
		}
		first, ttl := read()
		if ttl != 3600.0 {
			t.Errorf("ttl is %v at first, want 3600", ttl)
		}
		pass(59 * time.Minute)
		if same, ttl := read(); same != first || ttl != 60.0 {
			t.Errorf("password changed: %v, ttl is %v, want the same and 60", same != first, ttl)
		}
		pass(time.Minute)
		second, ttl := read()
		if second == first || ttl != 3600.0 {
			t.Errorf("password changed: %v, ttl is %v, want another and 3600", second != first, ttl)
		}
		pass(5*time.Hour + 10*time.Minute)
		if third, ttl := read(); third == second || ttl != 3000.0 {
			t.Errorf("password changed: %v, ttl is %v, want another and 3000", third != second, ttl)
		}
	})
}

func TestWrappingTokenEnds(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		s.EnableAppRole("approle")
		s.AppRole("approle", "app", true, fakevault.TokenRole{})
		early, late := s.WrappedSecretID("approle", "app", time.Minute), s.WrappedSecretID("approle", "app", time.Minute)
		pass(59 * time.Second)
		got := mustCall(t, s, early, "POST", "sys/wrapping/unwrap", "")
		if got.Data["secret_id"] == "" {
			t.Errorf("unwrapped %v", got.Data)
		}
		pass(time.Second)
		refused(t, call(t, s, late, "POST", "sys/wrapping/unwrap", ""), 400, "wrapping token is not valid or does not exist")
	})
}

func TestSecretIDEnds(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		s.EnableAppRole("approle")
		role := s.AppRole("approle", "app", true, fakevault.TokenRole{})
		login := func(secret string) reply {
			return call(t, s, "", "POST", "auth/approle/login", `{"role_id":"`+role+`","secret_id":"`+secret+`"}`)
		}
		id := s.SecretID("approle", "app", time.Hour, 0)
		pass(59 * time.Minute)
		if r := login(id); r.Auth == nil {
			t.Fatalf("login: %s", r.Raw)
		}
		pass(time.Minute)
		refused(t, login(id), 400, "invalid role or secret ID")
		twice := s.SecretID("approle", "app", 0, 2)
		for i, want := range []int{200, 200, 400} {
			if got := login(twice).Status; got != want {
				t.Errorf("login %d with a secret id for two: HTTP %d, want %d", i+1, got, want)
			}
		}
		if got := s.Logins(); got != 3 {
			t.Errorf("%d logins, want 3", got)
		}
	})
}

func TestJWTEnds(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		s.EnableKubernetesAuth("kubernetes")
		s.KubernetesRole("kubernetes", "app", fakevault.KubernetesRole{ServiceAccounts: []string{"app"}, Namespaces: []string{"apps"}, Audience: "vault"})
		s.SetJWT("jwt", fakevault.JWT{Namespace: "apps", ServiceAccount: "app", Audiences: []string{"vault"}, Expires: time.Now().Add(time.Hour)})
		login := func() reply { return call(t, s, "", "POST", "auth/kubernetes/login", `{"role":"app","jwt":"jwt"}`) }
		r := login()
		if r.Auth == nil || r.Auth.Metadata["service_account_name"] != "app" || r.Auth.LeaseDuration != 768*3600 {
			t.Fatalf("login: %s", r.Raw)
		}
		pass(time.Hour)
		refused(t, login(), 403, "invalid expiration time (exp) claim: token is expired")
	})
}
