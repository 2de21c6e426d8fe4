package fakevault

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func send(tb testing.TB, s *Server, method, path, body string) int {
	tb.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "http://vault.test/v1/"+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", "root")
	resp, err := s.RoundTrip(r)
	if err != nil {
		tb.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestEndedThingsAreForgotten proves that what nobody looks at again does not
// stay for ever.
func TestEndedThingsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(WithoutRequestLog())
		s.EnableDatabase("database")
		s.DynamicRole("database", "app", time.Minute, time.Minute)
		for range 20 {
			for range firstSweep {
				send(t, s, "GET", "database/creds/app", "")
				s.CreateToken(TokenRole{TTL: time.Minute})
			}
			<-time.After(time.Hour)
		}
		// One round alive and one that nothing has swept yet, and the roots.
		if limit := 2*firstSweep + 2; len(s.leases.byID) > limit || len(s.tokens.byID) > limit {
			t.Errorf("%d leases and %d tokens are kept, want at most %d", len(s.leases.byID), len(s.tokens.byID), limit)
		}
		root := s.tokens.byID["root"]
		if len(root.leases) != len(s.leases.byID) {
			t.Errorf("the token points to %d leases of %d", len(root.leases), len(s.leases.byID))
		}
		s.ExpireEverything()
		if len(s.leases.byID) != 0 || len(s.tokens.byID) != 1 || len(s.tokens.byAccessor) != 1 {
			t.Errorf("%d leases, %d tokens, %d accessors after everything expired",
				len(s.leases.byID), len(s.tokens.byID), len(s.tokens.byAccessor))
		}
	})
}

func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		s.EnableDatabase("database")
		s.DynamicRole("database", "short", time.Minute, time.Minute)
		s.DynamicRole("database", "long", time.Hour, time.Hour)
		s.EnablePKI("pki")
		s.PKIRole("pki", "web", time.Hour)
		for range 10 {
			send(t, s, "GET", "database/creds/short", "")
			send(t, s, "GET", "database/creds/long", "")
			send(t, s, "PUT", "pki/issue/web", `{"common_name":"a.test"}`)
			s.CreateToken(TokenRole{TTL: time.Minute})
		}
		<-time.After(time.Minute)
		s.Forget()
		if len(s.leases.byID) != 10 || len(s.Leases()) != 10 || len(s.tokens.byID) != 1 {
			t.Errorf("%d leases and %d tokens are left, want the 10 and the one that live", len(s.leases.byID), len(s.tokens.byID))
		}
		if n := len(s.Requests()); n != 0 {
			t.Errorf("%d requests are left", n)
		}
		if status := send(t, s, "LIST", "pki/certs", ""); status != http.StatusNotFound {
			t.Errorf("list of certificates: status %d, want none", status)
		}
		if status := send(t, s, "PUT", "pki/issue/web", `{"common_name":"a.test"}`); status != http.StatusOK {
			t.Errorf("issue: status %d, want it to work as before", status)
		}
	})
}

func BenchmarkCreateLease(b *testing.B) {
	s := New(WithoutRequestLog())
	s.EnableDatabase("database")
	s.DynamicRole("database", "app", time.Hour, 0)
	b.ReportAllocs()
	for b.Loop() {
		send(b, s, "GET", "database/creds/app", "")
	}
}

func BenchmarkRenewOneOf(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := New(WithoutRequestLog())
			s.EnableDatabase("database")
			s.DynamicRole("database", "app", time.Hour, 0)
			for range n {
				send(b, s, "GET", "database/creds/app", "")
			}
			body := `{"lease_id":"` + s.Leases()[n/2].ID + `"}`
			b.ReportAllocs()
			for b.Loop() {
				if status := send(b, s, "PUT", "sys/leases/renew", body); status != http.StatusOK {
					b.Fatalf("HTTP %d", status)
				}
			}
		})
	}
}

func BenchmarkReadKV(b *testing.B) {
	s := New(WithoutRequestLog())
	s.EnableKV("secret", 2)
	s.PutKV("secret", "a", map[string]any{"value": "x"})
	b.ReportAllocs()
	for b.Loop() {
		send(b, s, "GET", "secret/data/a", "")
	}
}
