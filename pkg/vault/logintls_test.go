package vault

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// mutual is a server that demands a client certificate, with the files of three
// who have one.
type mutual struct {
	address            string
	server, conn       identity
	ca, connCert, key  string
	appCert, appKey    string
	nextCert, nextKey  []byte
	strangeCA, missing string
}

func newMutual(t *testing.T) mutual {
	t.Helper()
	soon := time.Now().Add(time.Hour)
	server, conn, app, next := issue(t, "loopback", soon), issue(t, "connection", soon), issue(t, "app", soon), issue(t, "app-next", soon)
	dir := t.TempDir()
	return mutual{
		address: serveTLS(t, server, conn, app, next), server: server, conn: conn,
		ca: save(t, dir, "ca.crt", server.cert), connCert: save(t, dir, "conn.crt", conn.cert), key: save(t, dir, "conn.key", conn.key),
		appCert: save(t, dir, "app.crt", app.cert), appKey: save(t, dir, "app.key", app.key), nextCert: next.cert, nextKey: next.key,
		strangeCA: save(t, dir, "strange.crt", next.cert), missing: dir + "/missing",
	}
}

// who asks, as a login would, whose certificate the server sees.
func who(t *testing.T, c *Client, own *auth.ClientTLS) (string, error) {
	t.Helper()
	answer, err := c.Exchanger("").Exchange(t.Context(), auth.Request{Method: http.MethodPut, Path: "auth/cert/login", TLS: own})
	if err != nil {
		return "", err
	}
	name, _ := answer.Data["client"].(string)
	return name, nil
}

func TestLoginOverItsOwnConnection(t *testing.T) {
	m := newMutual(t)
	trusting := config.Vault{Address: m.address, CACert: m.ca, ClientCert: m.connCert, ClientKey: m.key}
	cases := map[string]struct {
		config config.Vault
		tls    *auth.ClientTLS
		want   string
		err    string // the hint, or the whole text of an error that is not of a request
	}{
		"shared":                {config: trusting, want: "connection"},
		"the connection's pair": {config: trusting, tls: &auth.ClientTLS{}, want: "connection"},
		"a pair":                {config: trusting, tls: &auth.ClientTLS{Cert: m.appCert, Key: m.appKey}, want: "app"},
		"a pair and a CA":       {config: config.Vault{Address: m.address}, tls: &auth.ClientTLS{CACert: m.ca, Cert: m.appCert, Key: m.appKey}, want: "app"},
		"a CA":                  {config: config.Vault{Address: m.address, ClientCert: m.connCert, ClientKey: m.key}, tls: &auth.ClientTLS{CACert: m.ca}, want: "connection"},
		"not verified":          {config: config.Vault{Address: m.address, TLSSkipVerify: true}, tls: &auth.ClientTLS{Cert: m.appCert, Key: m.appKey}, want: "app"},
		"name of the server":    {config: config.Vault{Address: m.address, CACert: m.ca, TLSServerName: "loopback"}, tls: &auth.ClientTLS{Cert: m.appCert, Key: m.appKey}, want: "app"},
		"another name": {
			config: config.Vault{Address: m.address, CACert: m.ca, TLSServerName: "vault.example"}, tls: &auth.ClientTLS{Cert: m.appCert, Key: m.appKey},
			err: "the server's certificate is made for another name; set the TLS server name, or use an address that it lists",
		},
		"another CA": {
			config: trusting, tls: &auth.ClientTLS{CACert: m.strangeCA},
			err: "the CA of the server's certificate is not trusted here; set the CA certificate (ca_cert, ca_path, VAULT_CACERT)",
		},
		"no pair at all": {
			config: config.Vault{Address: m.address, CACert: m.ca}, tls: &auth.ClientTLS{},
			err: "the server refused the TLS handshake; it may demand a client certificate, or have no TLS version in common with us",
		},
		"missing file": {
			config: trusting, tls: &auth.ClientTLS{Cert: m.missing, Key: m.appKey},
			err: "read the client certificate: stat " + m.missing + ": no such file or directory",
		},
		"missing CA":  {config: trusting, tls: &auth.ClientTLS{CACert: m.missing}, err: "read the CA certificate: open " + m.missing + ": no such file or directory"},
		"half a pair": {config: trusting, tls: &auth.ClientTLS{Cert: m.appCert}, err: `the client certificate "` + m.appCert + `" needs a client key`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := who(t, newClient(t, tc.config), tc.tls)
			text := ""
			if failed, ok := errors.AsType[*Error](err); ok {
				text = failed.Hint
			} else if err != nil {
				text = err.Error()
			}
			if got != tc.want || text != tc.err {
				t.Errorf("the server sees %q, error %v; want %q, %s", got, err, tc.want, tc.err)
			}
		})
	}
}

// TestLoginShowsTheNewestCertificate keeps a connection open over a rotation.
func TestLoginShowsTheNewestCertificate(t *testing.T) {
	m := newMutual(t)
	c := newClient(t, config.Vault{Address: m.address, CACert: m.ca, ClientCert: m.appCert, ClientKey: m.appKey})
	want := func(own *auth.ClientTLS, name, reason string) {
		t.Helper()
		if got, err := who(t, c, own); err != nil || got != name {
			t.Errorf("the server sees %q, %v; want %q: %s", got, err, name, reason)
		}
	}
	want(nil, "app", "")
	replace(t, m.appCert, m.nextCert)
	replace(t, m.appKey, m.nextKey)
	want(nil, "app", "the connection that all share is still that of the old certificate")
	want(&auth.ClientTLS{}, "app-next", "a connection of its own shows the new one")
}

func TestLoginOverAGivenTransport(t *testing.T) {
	asked := 0
	c := inProcess(t, func(r *http.Request) (*http.Response, error) {
		asked++
		return reply(r, http.StatusOK, nil, `{"data":{"client":"x"}}`), nil
	})
	if got, err := who(t, c, &auth.ClientTLS{}); err != nil || got != "x" || asked != 1 {
		t.Errorf("%q, %v after %d requests", got, err, asked)
	}
}

// TestLoginSharesTheRateLimit: a pause that Vault asked for holds for a
// connection of its own, too.
func TestLoginSharesTheRateLimit(t *testing.T) {
	c := inProcess(t, func(r *http.Request) (*http.Response, error) {
		return reply(r, http.StatusTooManyRequests, http.Header{"Retry-After": {"600"}}, ""), nil
	})
	_, first := who(t, c, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, second := c.Exchanger("").Exchange(ctx, auth.Request{Method: http.MethodPut, Path: "auth/cert/login", TLS: &auth.ClientTLS{}})
	if a, b := failure(t, first), failure(t, second); a.Status != http.StatusTooManyRequests || b.Status != 0 || b.RetryAfter == 0 {
		t.Errorf("errors = %v and %v", first, second)
	}
}

func TestExchangeWrapped(t *testing.T) {
	var header, body string
	c := inProcess(t, func(r *http.Request) (*http.Response, error) {
		header = r.Header.Get("X-Vault-Wrap-Ttl")
		content, _ := io.ReadAll(r.Body)
		body = string(content)
		return reply(r, http.StatusOK, nil, `{"wrap_info":{"token":"hvs.w","accessor":"a","ttl":300,"creation_time":"2024-01-02T03:04:05Z","creation_path":"auth/x/login","wrapped_accessor":"b"}}`), nil
	})
	answer, err := c.Exchanger("").Exchange(t.Context(), auth.Request{
		Method: http.MethodPut, Path: "auth/x/login", WrapTTL: 5 * time.Minute, Body: map[string]any{"role": "web"},
	})
	if err != nil {
		t.Fatal(err)
	}
	info := auth.FromWrapping(answer.WrapInfo)
	if header != "300s" || body != `{"role":"web"}` || info.Token.Reveal() != "hvs.w" || info.TTL != 5*time.Minute || answer.Auth != nil {
		t.Errorf("asked with %q and %s, got %+v", header, body, info)
	}
}
