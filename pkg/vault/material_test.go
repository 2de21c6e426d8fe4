package vault

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

func TestMaterial(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	server, first, second := issue(t, "loopback", soon), issue(t, "first", soon), issue(t, "second", soon)
	address := serveTLS(t, server, first, second)
	material := func(of identity) Material {
		return Material{CACert: string(server.cert), Cert: string(of.cert), Key: sensitive.New(string(of.key))}
	}
	c, err := NewClient(config.Vault{Address: address}, WithMaterial(material(first)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { c.Close() }()
	wantWho := func(want string, own *auth.ClientTLS) {
		t.Helper()
		if got, err := who(t, c, own); err != nil || got != want {
			t.Errorf("the server sees %q, %v; want %q", got, err, want)
		}
	}
	wantWho("first", nil)
	wantWho("first", &auth.ClientTLS{})
	held := &auth.HeldPair{Cert: second.cert, Key: sensitive.New(string(second.key))}
	wantWho("second", &auth.ClientTLS{Held: held})
	if err := c.Renew(material(second)); err != nil {
		t.Fatal(err)
	}
	wantWho("second", nil)
	wantWho("second", &auth.ClientTLS{})
	bad := material(first)
	bad.Key = sensitive.New(string(second.key))
	if err := c.Renew(bad); err == nil || err.Error() != "the given client certificate and its key are no pair in PEM" {
		t.Errorf("error %v", err)
	}
	wantWho("second", nil)
	if err := c.Renew(Material{CACert: string(first.cert), Cert: string(first.cert), Key: sensitive.New(string(first.key))}); err != nil {
		t.Fatal(err)
	}
	if _, err := who(t, c, nil); err == nil {
		t.Error("a server that is not trusted any more is talked to")
	}
	if _, err := NewClient(config.Vault{Address: address}, WithMaterial(Material{CACert: "none"})); err == nil || err.Error() != "the given CA text holds no PEM certificate" {
		t.Errorf("error %v", err)
	}
}

func TestMaterialOfProxy(t *testing.T) {
	seen := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Proxy-Authorization")
		w.WriteHeader(http.StatusNoContent)
	}))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("u", "p")
	c, err := NewClient(config.Vault{Address: "http://vault.invalid", ProxyAddress: proxy.URL}, WithMaterial(Material{Proxy: sensitive.New(u.String())}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do(t.Context(), sensitive.String{}, "", Request{Method: http.MethodGet, Path: "sys/health"}); err != nil {
		t.Fatal(err)
	}
	if seen != "Basic dTpw" { // u:p
		t.Errorf("the proxy was shown %q", seen)
	}
}

// TestMaterialOfOther: a transport of the caller has no pool to renew.
func TestMaterialOfOther(t *testing.T) {
	c, err := NewClient(config.Vault{Address: "https://vault"}, WithTransport(&http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Renew(Material{Cert: "x"}); err != nil {
		t.Error(err)
	}
}

func TestRequestExtras(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	c, err := NewClient(config.Vault{Address: server.URL, Namespace: "own", Headers: []config.Header{{Name: "X-A", Value: "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cases := map[string]struct {
		namespace string
		request   Request
		want      [3]string // namespace, X-A, X-B
	}{
		"nothing":           {want: [3]string{"own", "1", ""}},
		"of the call":       {namespace: "call", want: [3]string{"call", "1", ""}},
		"of the request":    {namespace: "call", request: Request{Namespace: "req"}, want: [3]string{"req", "1", ""}},
		"headers":           {request: Request{Headers: []config.Header{{Name: "X-B", Value: "2"}}}, want: [3]string{"own", "1", "2"}},
		"a header for once": {request: Request{Headers: []config.Header{{Name: "X-A", Value: "3"}}}, want: [3]string{"own", "3", ""}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.request.Method, tc.request.Path = http.MethodGet, "x"
			if _, err := c.Do(t.Context(), sensitive.String{}, tc.namespace, tc.request); err != nil {
				t.Fatal(err)
			}
			if found := [3]string{got.Get("X-Vault-Namespace"), got.Get("X-A"), got.Get("X-B")}; found != tc.want {
				t.Errorf("%v, want %v", found, tc.want)
			}
		})
	}
}
