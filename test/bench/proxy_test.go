package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestClassify(t *testing.T) {
	cases := map[string]struct {
		method, path string
		want         kind
	}{
		"AppRole":        {"PUT", "/v1/auth/approle/login", login},
		"Kubernetes":     {"POST", "/v1/auth/clusters/a/login", login},
		"KV":             {"GET", "/v1/secret/data/app", read},
		"KVNamedLogin":   {"GET", "/v1/secret/data/login", read},
		"Mount":          {"GET", "/v1/sys/internal/ui/mounts/secret/app", lookUp},
		"RenewToken":     {"PUT", "/v1/auth/token/renew-self", renew},
		"RenewLease":     {"PUT", "/v1/sys/leases/renew", renew},
		"RenewLeasePath": {"PUT", "/v1/sys/leases/renew/database/creds/x", renew},
		"LookupSelf":     {"GET", "/v1/auth/token/lookup-self", other},
		"Health":         {"GET", "/v1/sys/health", other},
		"Write":          {"PUT", "/v1/pki/issue/web", other},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := classify(tc.method, tc.path); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestProxy(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Was", r.Method+" "+r.URL.String()+" "+r.Header.Get("X-Vault-Token"))
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.Copy(w, r.Body)
	}))
	defer backend.Close()
	p, err := startProxy(t.Context(), backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(method, path string) {
		r, err := http.NewRequestWithContext(t.Context(), method, p.address+path, strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Vault-Token", "token")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if want := method + " " + path + " token"; err != nil || answer.StatusCode != http.StatusTeapot || string(body) != "body" || answer.Header.Get("X-Was") != want {
			t.Errorf("%s %s came back as %d %q %q, %v", method, path, answer.StatusCode, body, answer.Header.Get("X-Was"), err)
		}
	}
	ask("PUT", "/v1/auth/approle/login")
	ask("GET", "/v1/secret/data/a?version=2")
	ask("GET", "/v1/secret/data/b")
	ask("GET", "/v1/sys/health")
	counts, others := p.take()
	if diff := cmp.Diff(map[kind]int{login: 1, read: 2, other: 1}, counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"GET /v1/sys/health": 1}, others); diff != "" {
		t.Errorf("others (-want +got):\n%s", diff)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
}

func TestProxyErrors(t *testing.T) {
	if _, err := startProxy(t.Context(), "http://[bad"); err == nil || !strings.HasPrefix(err.Error(), "start proxy: parse ") {
		t.Errorf("got %v", err)
	}
}

func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proxy{seconds: map[int64]int{}, counts: map[kind]int{}, others: map[string]int{}}
		p.count(httptest.NewRequest(http.MethodGet, "/v1/secret/a", http.NoBody))
		<-time.After(quietTime - 1)
		if p.quiet(quietTime) {
			t.Error("quiet too early")
		}
		<-time.After(1)
		if !p.quiet(quietTime) {
			t.Error("not quiet after the time")
		}
	})
}

// TestProxyFails: nothing passes until it does again, and the busiest second is known.
func TestProxyFails(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer backend.Close()
	p, err := startProxy(t.Context(), backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func() int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.address+"/v1/secret/data/app", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	p.fail(true)
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("a request is answered with %d", got)
	}
	if n := p.busiest(); n != 1 {
		t.Errorf("%d requests in the busiest second, want 1", n)
	}
	p.fail(false)
	if n := p.busiest(); n != 0 {
		t.Errorf("%d requests in the busiest second, want none", n)
	}
	if got := ask(); got != http.StatusOK {
		t.Errorf("a request is answered with %d after it", got)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
}
