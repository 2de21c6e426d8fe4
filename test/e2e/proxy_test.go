package e2e_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// shared passes requests of applications on with the agent's token, and shares
// their leases.
const shared = `
cache {}
api_proxy { use_auto_auth_token = true }
listener "unix" {
  address     = "DIR/proxy.sock"
  tls_disable = true
  agent_api { enable_quit = true }
}
`

// reply is what an application of the pod got from the agent.
type reply struct {
	status int
	header http.Header
	body   string
}

// field reads a text in the answer.
func (r reply) field(keys ...string) string {
	var out map[string]any
	_ = json.Unmarshal([]byte(r.body), &out)
	text, _ := dig(out, keys...).(string)
	return text
}

// ask sends a request to the agent's socket; headers come in pairs.
func (p *pod) ask(method, path, body string, headers ...string) (reply, error) {
	return p.askAt(p.path("proxy.sock"), method, path, body, headers...)
}

// askAt sends a request to a listener: a socket, or host and port.
func (p *pod) askAt(address, method, path, body string, headers ...string) (reply, error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	r, err := http.NewRequestWithContext(p.t.Context(), method, "http://agent/"+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := (&http.Client{Transport: transport, Timeout: patience}).Do(r)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return reply{answer.StatusCode, answer.Header, string(text)}, err
}

// gets asks for something that must be given.
func (p *pod) gets(method, path, body string, headers ...string) reply {
	p.t.Helper()
	r, err := p.ask(method, path, body, headers...)
	must(p.t, err)
	if r.status >= 300 {
		p.t.Fatalf("%s %s: %d %s", method, path, r.status, r.body)
	}
	return r
}

// awaitProxy waits until the agent has a token for those who ask.
func (p *pod) awaitProxy() {
	p.t.Helper()
	await(p.t, func() error {
		r, err := p.ask("GET", "v1/auth/token/lookup-self", "")
		if err == nil && r.status != 200 {
			err = errors.New(r.body)
		}
		return err
	})
}

// borrow gets a login of the database.
func (p *pod) borrow(headers ...string) (reply, credentials) {
	p.t.Helper()
	r := p.gets("GET", "v1/database/creds/"+p.name, "", headers...)
	p.secretly(r.field("data", "password"))
	return r, credentials{r.field("data", "username"), r.field("data", "password")}
}

// revoker may, beside what pods may, revoke leases.
func (p *pod) revoker() {
	p.t.Helper()
	must(p.t, p.vault.Policy(p.t.Context(), p.name, p.text(`
path "secret/data/NAME/*" { capabilities = ["read"] }
path "database/creds/NAME" { capabilities = ["read"] }
path "sys/leases/revoke" { capabilities = ["update"] }
path "sys/leases/revoke-prefix/database/creds/NAME" { capabilities = ["update", "sudo"] }
path "auth/token/create" { capabilities = ["update"] }
`)))
}

func TestProxySharesALease(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.revoker()
	p.dynamic(15*time.Second, 5*time.Minute)
	p.sidecar(shared)
	p.awaitProxy()
	type got struct {
		reply reply
		err   error
	}
	all := make(chan got, 20)
	for range cap(all) {
		go func() {
			r, err := p.ask("GET", "v1/database/creds/"+p.name, "")
			all <- got{r, err}
		}()
	}
	caches := map[string]int{}
	bodies := map[string]bool{}
	for range cap(all) {
		g := <-all
		must(t, g.err)
		caches[g.reply.header.Get("X-Cache")]++
		bodies[g.reply.body] = true
	}
	if n := p.users(); n != 1 || len(bodies) != 1 || caches["MISS"] != 1 || caches["HIT"] != 19 {
		t.Errorf("%d database users, %d different answers, X-Cache %v; want one, and all but one shared", n, len(bodies), caches)
	}
	first, login := p.borrow()
	// Of 15 s the grace is at most 3 s: after two whole leases only renewals keep it.
	<-time.After(30 * time.Second)
	second, _ := p.borrow()
	if second.body != first.body || second.header.Get("X-Cache") != "HIT" {
		t.Errorf("after two leases the login changed (X-Cache %q)", second.header.Get("X-Cache"))
	}
	p.expectWorking(login)
	p.gets("PUT", "v1/sys/leases/revoke", fmt.Sprintf(`{"lease_id":%q}`, first.field("lease_id")))
	third, _ := p.borrow()
	if third.field("lease_id") == first.field("lease_id") || third.header.Get("X-Cache") != "MISS" {
		t.Error("a revoked lease is still given out")
	}
	p.gets("PUT", "v1/sys/leases/revoke-prefix/database/creds/"+p.name, "")
	if fourth, _ := p.borrow(); fourth.field("lease_id") == third.field("lease_id") {
		t.Error("a lease that was revoked by its prefix is still given out")
	}
	p.gets("PUT", "agent/v1/cache-clear", `{"type":"request_path","value":"/v1/database/"}`)
	if fifth, _ := p.borrow(); fifth.header.Get("X-Cache") != "MISS" {
		t.Error("a lease that was cleared is still given out")
	}
	// Two were revoked. The one that was cleared lives on, but nobody renews it.
	p.awaitUsers(1)
}

func TestProxyKeepsTheTokenToItself(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.sidecar(shared)
	p.awaitProxy()
	self := p.gets("GET", "v1/auth/token/lookup-self", "")
	if strings.Contains(self.body, "hvs.") || self.field("data", "accessor") != "" || self.field("data", "path") != "auth/kubernetes/login" {
		t.Errorf("the look-up shows %s", strings.ReplaceAll(self.body, "hvs.", "(token)"))
	}
	wrapped := p.gets("GET", "v1/auth/token/lookup-self", "", "X-Vault-Wrap-TTL", "60s")
	if wrapped.field("wrap_info", "token") != "" {
		t.Error("the agent's token can be had wrapped")
	}
	renewed := p.gets("PUT", "v1/auth/token/renew-self", "{}")
	if renewed.field("auth", "client_token") != "" || renewed.field("auth", "accessor") != "" || !strings.Contains(renewed.body, "lease_duration") {
		t.Error("the renewal shows the agent's token")
	}
	if odd := p.gets("GET", "v1/auth//token/lookup-self", ""); odd.field("data", "id") != "" {
		t.Error("an odd path shows the agent's token")
	}
	if r, err := p.ask("GET", "v1/secret/data/"+p.name+"/app", "", "X-Vault-Token", "own-and-invalid"); err != nil || r.status != 403 {
		t.Errorf("an own token was replaced: %d %v", r.status, err)
	}
	if r := p.gets("GET", "v1/secret/data/"+p.name+"/app", ""); r.field("data", "data", "password") != canary+"-1" {
		t.Error("the secret did not come through")
	}
}

func TestProxyHealsWhenTheTokenIsRevoked(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.sidecar(shared)
	p.awaitProxy()
	for _, accessor := range p.accessors() {
		_, err := p.vault.Write(t.Context(), "auth/token/revoke-accessor", map[string]any{"accessor": accessor})
		must(t, err)
	}
	if r := p.gets("GET", "v1/secret/data/"+p.name+"/app", ""); r.field("data", "data", "password") != canary+"-1" {
		t.Error("the secret did not come through")
	}
}

func TestProxyWithoutTheAgentsToken(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.appRole()
	p.dynamic(time.Hour, time.Hour)
	p.start(strings.Replace(shared, "use_auto_auth_token = true", "", 1))
	await(t, func() error {
		_, err := p.ask("GET", "v1/sys/health", "")
		return err
	})
	if r, err := p.ask("GET", "v1/secret/data/"+p.name+"/app", ""); err != nil || r.status != 403 {
		t.Errorf("without a token: %d %v", r.status, err)
	}
	body := fmt.Sprintf(`{"role_id":%q,"secret_id":%q}`, p.read("role-id"), p.read("secret-id"))
	first := p.gets("PUT", "v1/auth/approle/login", body)
	second := p.gets("PUT", "v1/auth/approle/login", body)
	token := first.field("auth", "client_token")
	if token == "" || second.field("auth", "client_token") != token || second.header.Get("X-Cache") != "HIT" {
		t.Errorf("two logins gave different tokens (X-Cache %q)", second.header.Get("X-Cache"))
	}
	p.secretly(token)
	one, _ := p.borrow("X-Vault-Token", token)
	two, _ := p.borrow("Authorization", "Bearer "+token)
	if one.body != two.body || two.header.Get("X-Cache") != "HIT" {
		t.Error("two applications with one token got different logins")
	}
	p.gets("PUT", "v1/auth/token/revoke-self", "", "X-Vault-Token", token)
	if r, err := p.ask("GET", "v1/database/creds/"+p.name, "", "X-Vault-Token", token); err != nil || r.status != 403 {
		t.Errorf("a login is given out with a token that was revoked: %d %v", r.status, err)
	}
}

func TestProxyTakesItsSocketOver(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.sidecar(shared)
	p.awaitProxy()
	other := p.sidecar(shared)
	if code := other.wait(); code != 1 || !strings.Contains(failure(other.printed()), p.text(`listener "DIR/proxy.sock": address: another process answers there`)) {
		t.Errorf("a second agent: exit code %d, %s", code, failure(other.printed()))
	}
	a.kill()
	if _, err := os.Stat(p.path("proxy.sock")); err != nil {
		t.Fatalf("nothing was left behind: %v", err)
	}
	a = p.sidecar(shared)
	p.awaitProxy()
	p.gets("POST", "agent/v1/quit", "")
	if code := a.wait(); code != 0 {
		t.Errorf("exit code %d after quit, want 0", code)
	}
	if _, err := os.Stat(p.path("proxy.sock")); err == nil {
		t.Error("the socket is still there")
	}
}

func TestProxyOverTLS(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	ca := authority(t, "listeners")
	put := func(name string) {
		_, cert, key := issue(t, ca, lab.Leaf{CommonName: name, DNSNames: []string{name}})
		p.file("tls.key", string(key))
		p.file("tls.crt", string(cert))
	}
	put("first")
	a := p.sidecar(`
api_proxy { use_auto_auth_token = "force" }
listener "tcp" {
  address       = "127.0.0.1:0"
  tls_cert_file = "DIR/tls.crt"
  tls_key_file  = "DIR/tls.key"
  tls_min_version = "tls13"
}
`)
	address, _ := a.awaitLog(1, "listening")["address"].(string)
	// shown asks without a server name, as applications do that connect to an address.
	shown := func() string {
		c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", address)
		must(t, err)
		defer c.Close()
		secure, ok := c.(*tls.Conn)
		if !ok {
			t.Fatalf("a connection of type %T", c)
		}
		return secure.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := shown(); got != "first" {
		t.Errorf("the certificate of %q is shown", got)
	}
	put("second")
	a.signal(syscall.SIGHUP)
	await(t, func() error {
		if got := shown(); got != "second" {
			return fmt.Errorf("the certificate of %q is shown", got)
		}
		return nil
	})
}
