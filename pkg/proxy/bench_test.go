package proxy_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/proxy"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// benchmark is a proxy before a Vault in the same process, so that what is
// measured is the proxy, and not a network.
func benchmark(b *testing.B) http.Handler {
	b.Helper()
	server := fakevault.New(fakevault.WithoutRequestLog())
	server.Policy("app", policy())
	server.EnableKV("secret", 2)
	server.PutKV("secret", "app", map[string]any{"password": "x"})
	server.EnableUserpass("userpass", map[string]string{"u": "p"}, fakevault.TokenRole{Policies: []string{"app"}, TTL: time.Hour})
	client, err := vault.NewClient(config.Vault{Address: "http://vault.test:8200"}, vault.WithTransport(server))
	if err != nil {
		b.Fatal(err)
	}
	p := proxy.New(proxy.Options{Upstream: func() proxy.Upstream { return proxy.Upstream{Client: client} }, Schedule: lease.NewSchedule(1)})
	b.Cleanup(p.Close)
	return p.Handler(proxy.ListenerOptions{})
}

func measure(b *testing.B, h http.Handler, want string, request func() *http.Request) {
	b.Helper()
	do(h, request())
	b.ReportAllocs()
	for b.Loop() {
		if a := do(h, request()); a.status != 200 || a.header.Get("X-Cache") != want {
			b.Fatalf("%d, X-Cache %q: %s", a.status, a.header.Get("X-Cache"), a.body)
		}
	}
}

func BenchmarkProxyHit(b *testing.B) {
	h := benchmark(b)
	measure(b, h, "HIT", func() *http.Request {
		return httptest.NewRequestWithContext(b.Context(), "PUT", "/v1/auth/userpass/login/u", strings.NewReader(`{"password":"p"}`))
	})
}

func BenchmarkProxyMiss(b *testing.B) {
	h := benchmark(b)
	measure(b, h, "MISS", func() *http.Request {
		r := httptest.NewRequestWithContext(b.Context(), "GET", "/v1/secret/data/app", http.NoBody)
		r.Header.Set("X-Vault-Token", "root")
		return r
	})
}

// BenchmarkProxyHitAmongMany has a cache of 2,000 tokens.
func BenchmarkProxyHitAmongMany(b *testing.B) {
	h := benchmark(b)
	for n := range 2000 {
		do(h, httptest.NewRequestWithContext(b.Context(), "PUT", "/v1/auth/userpass/login/u", strings.NewReader(fmt.Sprintf(`{"password":"p","n":%d}`, n))))
	}
	measure(b, h, "HIT", func() *http.Request {
		return httptest.NewRequestWithContext(b.Context(), "PUT", "/v1/auth/userpass/login/u", strings.NewReader(`{"password":"p","n":1000}`))
	})
}
