package vault

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync/atomic"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

func TestProxy(t *testing.T) {
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String())
		_, _ = io.WriteString(w, `{"data":{}}`)
	}))
	defer proxy.Close()
	c := newClient(t, config.Vault{Address: "http://vault.invalid:8200", ProxyAddress: proxy.URL})
	if _, err := read(t, c, "secret/app"); err != nil {
		t.Fatal(err)
	}
	if got := asked.Load(); got != "http://vault.invalid:8200/v1/secret/app" {
		t.Errorf("the proxy was asked for %v", got)
	}
}

// TestConnectionsAreShared counts connections over several requests, with
// tokens and namespaces of their own.
func TestConnectionsAreShared(t *testing.T) {
	cases := map[string]struct {
		config config.Vault
		want   int32
	}{
		"kept":          {want: 1},
		"no keep-alive": {config: config.Vault{NoKeepAlive: true}, want: 3},
		"none idle":     {config: config.Vault{NoIdle: true}, want: 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Vault-Token") == "b" {
					w.WriteHeader(http.StatusForbidden) // a failure must not cost the connection
				}
			}))
			defer server.Close()
			tc.config.Address = server.URL
			c := newClient(t, tc.config)
			var fresh atomic.Int32
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
				if !i.Reused {
					fresh.Add(1)
				}
			}})
			for _, token := range []string{"a", "b", "c"} {
				_, _ = c.Do(ctx, sensitive.New(token), token, Request{Method: "GET", Path: "a"})
			}
			if got := fresh.Load(); got != tc.want {
				t.Errorf("%d connections, want %d", got, tc.want)
			}
		})
	}
}

func TestMaxConns(t *testing.T) {
	transport, err := newTransport(config.Vault{MaxConns: 3}, "", Material{})
	if err != nil {
		t.Fatal(err)
	}
	if transport.MaxConnsPerHost != 3 || transport.Proxy == nil {
		t.Errorf("MaxConnsPerHost = %d, proxy of the environment: %v", transport.MaxConnsPerHost, transport.Proxy != nil)
	}
	if transport, err = newTransport(config.Vault{ProxyAddress: "http://proxy"}, "/socket", Material{}); err != nil || transport.Proxy != nil {
		t.Errorf("a socket has a proxy, error %v", err)
	}
}
