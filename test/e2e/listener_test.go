package e2e_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// tcp is a listener at a free port of the machine.
const tcp = `
listener "tcp" {
  address     = "127.0.0.1:0"
  tls_disable = true
  SETTINGS
}
`

// listensAt returns the address of the n-th listener that was opened.
func (a *agent) listensAt(n int) string {
	a.pod.t.Helper()
	address, _ := a.awaitLog(n, "listening")["address"].(string)
	return address
}

// asked sends a request to a listener that answers.
func (p *pod) asked(address, method, path, body string, headers ...string) reply {
	p.t.Helper()
	r, err := p.askAt(address, method, path, body, headers...)
	must(p.t, err)
	return r
}

// expectAnswer compares a refusal of the agent, or the beginning of an answer.
func (r reply) expectAnswer(t *testing.T, what string, status int, body string) {
	t.Helper()
	if r.status != status || !strings.HasPrefix(r.body, body) {
		t.Errorf("%s: got %d %.200s\nwant %d %s", what, r.status, r.body, status, body)
	}
}

// TestListenersOfOneAgent opens four that differ in what they serve.
func TestListenersOfOneAgent(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	settings := []string{`require_request_header = true`, `role = "metrics_only"`, `agent_api { enable_quit = true }`}
	var body strings.Builder
	for _, s := range settings {
		body.WriteString(strings.Replace(tcp, "SETTINGS", s, 1))
	}
	a := p.sidecar("api_proxy { use_auto_auth_token = true }\n" + body.String() + `
listener "unix" {
  address     = "DIR/proxy.sock"
  tls_disable = true
  socket_mode = "0600"
}
`)
	p.awaitProxy()
	careful, metrics, quits := a.listensAt(1), a.listensAt(2), a.listensAt(3)
	if mode := p.stat("proxy.sock").Mode(); mode.Perm() != 0o600 || mode&os.ModeSocket == 0 {
		t.Errorf("the socket has mode %s", mode)
	}
	const secret = "v1/secret/data/"
	path := secret + p.name + "/app"
	p.asked(careful, "GET", path, "").expectAnswer(t, "without the header", 412, `{"errors":["missing \"X-Vault-Request\" header"]}`)
	p.asked(careful, "GET", path, "", "X-Vault-Request", "yes").expectAnswer(t, "with another one", 412, `{"errors":["missing`)
	if r := p.asked(careful, "GET", path, "", "X-Vault-Request", "true"); r.field("data", "data", "password") != canary+"-1" {
		t.Errorf("with the header: %d", r.status)
	}
	p.asked(metrics, "GET", path, "").expectAnswer(t, "a secret of the metrics", 404, `{"errors":["this listener serves only /agent/v1/metrics"]}`)
	p.asked(metrics, "GET", "agent/v1/metrics", "").expectAnswer(t, "metrics", 200, `{"Timestamp":"`)
	p.asked(careful, "GET", "agent/v1/metrics", "").expectAnswer(t, "metrics elsewhere", 200, `{"Timestamp":"`)
	p.asked(careful, "POST", "agent/v1/quit", "").expectAnswer(t, "quit where it is off", 404, `{"errors":["nothing is served here"]}`)
	p.asked(quits, "GET", "agent/v1/quit", "").expectAnswer(t, "quit by GET", 405, `{"errors":["the method GET is not served here"]}`)
	p.asked(quits, "GET", "else", "").expectAnswer(t, "no path of Vault", 404, `{"errors":["nothing is served here"]}`)
	p.asked(quits, "GET", "v1/secret/data/other/app", "").expectAnswer(t, "denied by Vault", 403, `{"errors":["1 error occurred:`)
	p.asked(quits, "POST", "agent/v1/quit", "").expectAnswer(t, "quit", 200, "")
	if code := a.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestCacheClear sends what it takes and what it refuses.
func TestCacheClear(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, time.Hour)
	p.sidecar(shared)
	p.awaitProxy()
	accessor := p.accessors()[0]
	first, _ := p.borrow()
	cases := map[string]struct {
		body, want string // the answer; "": done
	}{
		"all":             {`{"type":"all"}`, ""},
		"path":            {`{"type":"request_path","value":"/v1/database/creds"}`, ""},
		"lease":           {`{"type":"lease","value":"` + first.field("lease_id") + `"}`, ""},
		"accessor":        {`{"type":"token_accessor","value":"` + accessor + `"}`, ""},
		"no body":         {``, `{"errors":["failed to parse JSON input: empty JSON provided"]}`},
		"no JSON":         {`{`, `{"errors":["failed to parse JSON input: unexpected EOF"]}`},
		"no type":         {`{}`, `{"errors":["failed to parse clear input: no type provided"]}`},
		"unknown type":    {`{"type":"some"}`, `{"errors":["failed to clear cache: invalid type provided"]}`},
		"lease, but none": {`{"type":"lease"}`, `{"errors":["failed to clear cache: lease not provided"]}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before, _ := p.borrow()
			if name == "lease" {
				tc.body = strings.Replace(tc.body, first.field("lease_id"), before.field("lease_id"), 1)
			}
			r, err := p.ask("POST", "agent/v1/cache-clear", tc.body)
			must(t, err)
			status, cached := 200, "MISS"
			if tc.want != "" {
				status, cached = 400, "HIT"
			}
			r.expectAnswer(t, "cache-clear", status, tc.want)
			if after, _ := p.borrow(); after.header.Get("X-Cache") != cached {
				t.Errorf("X-Cache %q afterwards, want %q", after.header.Get("X-Cache"), cached)
			}
		})
	}
}

// TestTokenOfRequests says whose token counts, for each way to set it.
func TestTokenOfRequests(t *testing.T) {
	cases := map[string]struct {
		setting string
		without int // status of a request without a token
		invalid int // of one with a token that Vault does not know
	}{
		"true":              {`api_proxy { use_auto_auth_token = true }`, 200, 403},
		"force":             {`api_proxy { use_auto_auth_token = "force" }`, 200, 200},
		"false":             {`api_proxy { use_auto_auth_token = false }`, 403, 403},
		"not set":           {`api_proxy {}`, 403, 403},
		"of the older name": {`cache { use_auto_auth_token = true }`, 200, 403},
		"of both, inherited": {`cache { use_auto_auth_token = "force" }
api_proxy {}`, 200, 200},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			a := p.sidecar(tc.setting + strings.Replace(tcp, "SETTINGS", "", 1) + kv)
			a.awaitReady()
			at := a.listensAt(1)
			path := "v1/secret/data/" + p.name + "/app"
			if r := p.asked(at, "GET", path, ""); r.status != tc.without {
				t.Errorf("without a token: %d %s, want %d", r.status, r.body, tc.without)
			}
			if r := p.asked(at, "GET", path, "", "X-Vault-Token", "none-of-vault"); r.status != tc.invalid {
				t.Errorf("with an invalid token: %d %s, want %d", r.status, r.body, tc.invalid)
			}
			if r := p.asked(at, "GET", path, "", "X-Vault-Token", p.vault.Token()); r.status != 200 {
				t.Errorf("with an own token: %d %s", r.status, r.body)
			}
		})
	}
}

// TestListenerTakesANewCertificate replaces the files as cert-manager's volume
// does, and tells nobody.
func TestListenerTakesANewCertificate(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	ca, strange := authority(t, "listeners"), authority(t, "strange")
	generation := func(name, commonName string) {
		_, cert, key := issue(t, ca, lab.Leaf{CommonName: commonName, DNSNames: []string{"agent.test"}})
		p.file(name+"/tls.crt", string(cert))
		p.file(name+"/tls.key", string(key))
	}
	swap := func(name string) {
		must(t, os.Symlink(name, p.path("tls/next")))
		must(t, os.Rename(p.path("tls/next"), p.path("tls/..data")))
	}
	generation("tls/..first", "first")
	generation("tls/..second", "second")
	p.file("tls/..broken/tls.crt", "no certificate")
	p.file("tls/..broken/tls.key", "no key")
	p.file("ca.crt", string(ca.PEM()))
	swap("..first")
	for _, name := range []string{"tls.crt", "tls.key"} {
		must(t, os.Symlink("..data/"+name, p.path("tls/"+name)))
	}
	a := p.sidecar(`
api_proxy { use_auto_auth_token = true }
listener "tcp" {
  address       = "127.0.0.1:0"
  tls_cert_file = "DIR/tls/tls.crt"
  tls_key_file  = "DIR/tls/tls.key"
  tls_client_ca_file = "DIR/ca.crt"
  tls_require_and_verify_client_cert = true
}
`)
	at := a.listensAt(1)
	own, _, _ := issue(t, ca, lab.Leaf{CommonName: "client"})
	foreign, _, _ := issue(t, strange, lab.Leaf{CommonName: "client"})
	await(t, func() error { return p.servesTLS(at, "first", ca, &own) })
	if err := p.servesTLS(at, "first", ca, &foreign); err == nil || !strings.Contains(err.Error(), "tls: ") {
		t.Errorf("with a client's certificate of another authority: %v", err)
	}
	if err := p.servesTLS(at, "first", ca, nil); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a client's certificate: %v", err)
	}
	swap("..broken")
	await(t, func() error {
		must(t, p.servesTLS(at, "first", ca, &own))
		if len(a.logged("listener", "error", "the certificate in use stays")) == 0 {
			return errors.New("nothing in the log about the broken certificate")
		}
		return nil
	})
	swap("..second")
	await(t, func() error { return p.servesTLS(at, "second", ca, &own) })
}

// servesTLS asks for a secret over TLS, and tells whose certificate is shown.
func (p *pod) servesTLS(address, name string, ca *lab.Authority, client *tls.Certificate) error {
	conf := &tls.Config{RootCAs: ca.Pool(), ServerName: "agent.test", MinVersion: tls.VersionTLS12}
	if client != nil {
		conf.Certificates = []tls.Certificate{*client}
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}, Timeout: patience}
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "https://"+address+"/v1/secret/data/"+p.name+"/app", http.NoBody)
	if err != nil {
		return err
	}
	r, err := c.Do(request)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if shown := r.TLS.PeerCertificates[0].Subject.CommonName; shown != name || r.StatusCode != http.StatusOK {
		return fmt.Errorf("the certificate of %q is shown, status %d", shown, r.StatusCode)
	}
	return nil
}

// TestRevokedTokenHealsForTheProxyAndTemplates has a template find out that the
// agent's token is revoked: with the next one, applications get another lease.
func TestRevokedTokenHealsForTheProxyAndTemplates(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, time.Hour)
	a := p.sidecar(quick + kv + shared)
	a.awaitReady()
	p.awaitProxy()
	first, _ := p.borrow()
	p.revokeTokens()
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	second, login := p.borrow()
	if second.field("lease_id") == first.field("lease_id") {
		t.Error("a lease is given out that ended with its token")
	}
	p.expectWorking(login)
	if n := len(a.logged("logged in")); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
}

// TestProxyDuringAnOutage answers as a gateway does, and from its cache.
func TestProxyDuringAnOutage(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	p := newPodAt(t, v)
	p.dynamic(time.Hour, time.Hour)
	p.sidecar("vault { retry { num_retries = -1 } }\n" + shared)
	p.awaitProxy()
	first, login := p.borrow()
	v.Kill()
	r, err := p.ask("GET", "v1/secret/data/"+p.name+"/app", "")
	must(t, err)
	r.expectAnswer(t, "a secret", 502, p.text(`{"errors":["GET ADDR/v1/secret/data/NAME/app: unavailable: `))
	if second, _ := p.borrow(); second.body != first.body {
		t.Error("the cache forgot what is still good")
	}
	p.expectWorking(login)
	must(t, v.Restart(t.Context()))
	if r := p.gets("GET", "v1/secret/data/"+p.name+"/app", ""); r.field("data", "data", "password") != canary+"-1" {
		t.Error("the secret did not come through")
	}
}
