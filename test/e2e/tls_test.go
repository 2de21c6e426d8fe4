package e2e_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// front is a proxy before the Vault of a pod, for what that Vault does not do
// itself.
func (p *pod) front(listener net.Listener, conf *tls.Config) *httptest.Server {
	p.t.Helper()
	p.env = withoutAddress(p.env) // the document names the front
	behind, err := url.Parse(p.vault.Address())
	must(p.t, err)
	s := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(behind) },
		Transport: &http.Transport{DisableKeepAlives: true},
	})
	s.Config.ErrorLog = quiet()
	if listener != nil {
		must(p.t, s.Listener.Close())
		s.Listener = listener
	}
	p.t.Cleanup(s.Close)
	if conf == nil {
		s.Start()
		return s
	}
	s.TLS = conf
	s.StartTLS()
	return s
}

// issue makes a certificate as a server and a client use it.
func issue(t *testing.T, a *lab.Authority, l lab.Leaf) (pair tls.Certificate, cert, key []byte) {
	t.Helper()
	cert, key, err := a.Issue(l)
	must(t, err)
	pair, err = tls.X509KeyPair(cert, key)
	must(t, err)
	return pair, cert, key
}

func authority(t *testing.T, name string) *lab.Authority {
	t.Helper()
	a, err := lab.NewAuthority(name)
	must(t, err)
	return a
}

// connect runs an agent to its end, or to the first failure, with an address and
// further settings of the connection in its document.
func (p *pod) connect(address, settings string) *agent {
	p.t.Helper()
	p.env = append(p.env, "VAULT_ADDR=") // it would beat the document
	return p.start("vault {\n  address = \"" + address + "\"\n" + settings + "\n}\nexit_after_auth = true\n" +
		strings.Replace(login, "config =", "exit_on_err = true\nconfig =", 1) + kv)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	v := lab.UseVault(t, lab.VaultOptions{InMemory: true, TLS: true})
	must(t, world.furnish(t.Context(), v))
	other := authority(t, "somebody else")
	cases := map[string]struct {
		settings, env string
		want          string // the end of the error; "": none
	}{
		"CA file":        {settings: `ca_cert = "CA"`},
		"CA directory":   {settings: `ca_path = "DIR/cas"`},
		"CA in variable": {env: "VAULT_CACERT=CA"},
		"CA as text":     {env: "VAULT_CACERT_BYTES=" + string(v.Authority().PEM())},
		"not verified":   {settings: `tls_skip_verify = true`},
		"wrong CA": {
			settings: `ca_cert = "DIR/other.crt"`,
			want:     "; hint: the CA of the server's certificate is not trusted here; set the CA certificate (ca_cert, ca_path, VAULT_CACERT)",
		},
		"no CA": {
			want: "; hint: the CA of the server's certificate is not trusted here; set the CA certificate (ca_cert, ca_path, VAULT_CACERT)",
		},
		"wrong server name": {
			settings: "ca_cert = \"CA\"\ntls_server_name = \"vault.example.test\"",
			want: "tls: failed to verify certificate: x509: certificate is valid for localhost, not vault.example.test; " +
				"hint: the server's certificate is made for another name; set the TLS server name, or use an address that it lists",
		},
		"missing CA file": {settings: `ca_cert = "DIR/none.crt"`, want: `read the CA certificate: open DIR/none.crt: no such file or directory`},
		"CA that is none": {settings: `ca_cert = "DIR/jwt"`, want: `the CA file "DIR/jwt" holds no PEM certificate`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPodAt(t, v)
			p.file("cas/readme", "no certificate")
			p.file("cas/vault.crt", string(v.Authority().PEM()))
			p.file("other.crt", string(other.PEM()))
			fill := strings.NewReplacer("CA\"", v.CACert()+"\"", "=CA", "="+v.CACert())
			if tc.env != "" {
				p.env = append(p.env, fill.Replace(tc.env))
			}
			p.expect(p.connect(v.Address(), fill.Replace(tc.settings)), tc.want)
		})
	}
}

// expect checks that an agent delivers or, where an end of its error is given,
// that it fails so.
func (p *pod) expect(a *agent, want string) {
	p.t.Helper()
	code := a.wait()
	if want == "" {
		if code != 0 || p.read("out/kv") != canary+"-1" {
			p.t.Errorf("exit code %d, kv file = %q, error %s", code, p.read("out/kv"), failure(a.printed()))
		}
		return
	}
	if want = p.text(want); code != 1 || !strings.HasSuffix(failure(a.printed()), want) {
		p.t.Errorf("exit code %d\ngot  %s\nwant ...%s", code, failure(a.printed()), want)
	}
}

// withoutAddress lets the address of a document count.
func withoutAddress(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "VAULT_ADDR=") })
}

func TestTLSServerName(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	ca := authority(t, "inside")
	pair, _, _ := issue(t, ca, lab.Leaf{CommonName: "vault", DNSNames: []string{"vault.internal"}})
	front := p.front(nil, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	p.file("ca.crt", string(ca.PEM()))
	p.expect(p.connect(front.URL, "ca_cert = \"DIR/ca.crt\"\ntls_server_name = \"vault.internal\""), "")
	must(t, os.Remove(p.path("out/kv")))
	p.expect(p.connect(front.URL, `ca_cert = "DIR/ca.crt"`),
		"; hint: the server's certificate is made for another name; set the TLS server name, or use an address that it lists")
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	ca := authority(t, "both sides")
	pair, _, _ := issue(t, ca, lab.Leaf{CommonName: "vault", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	_, cert, key := issue(t, ca, lab.Leaf{CommonName: "app"})
	_, strangeCert, strangeKey := issue(t, authority(t, "strange"), lab.Leaf{CommonName: "app"})
	front := p.front(nil, &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	})
	for name, content := range map[string][]byte{"ca.crt": ca.PEM(), "app.crt": cert, "app.key": key, "strange.crt": strangeCert, "strange.key": strangeKey} {
		p.file(name, string(content))
	}
	mutual := "ca_cert = \"DIR/ca.crt\"\nclient_cert = \"DIR/app.crt\"\nclient_key = \"DIR/app.key\""
	p.expect(p.connect(front.URL, mutual), "")
	p.expect(p.connect(front.URL, `ca_cert = "DIR/ca.crt"`), "; hint: the server demands a client certificate of a CA that it trusts")
	p.expect(p.connect(front.URL, strings.ReplaceAll(mutual, "app.", "strange.")), "; hint: the server demands a client certificate of a CA that it trusts")
	p.expect(p.connect(front.URL, strings.Replace(mutual, "app.key", "strange.key", 1)),
		`read the client certificate "DIR/app.crt" with the key "DIR/strange.key": tls: private key does not match public key`)
	p.expect(p.connect(front.URL, "client_cert = \"DIR/app.crt\""), `the agent's document: key "vault.client_cert" needs "vault.client_key" as well`)
}

func TestPlainAndTLSMixedUp(t *testing.T) {
	t.Parallel()
	// The other way round, plain HTTP to a server that speaks TLS, ends in its
	// answer or in a reset of the connection, whichever comes first: see pkg/vault.
	p := newPod(t)
	p.env = withoutAddress(p.env)
	p.expect(p.connect(strings.Replace(p.vault.Address(), "http", "https", 1), ""), "; hint: the server speaks no TLS; the address must start with http://")
}

func TestVaultBehindAUnixSocket(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	l, err := net.Listen("unix", p.path("vault.sock"))
	must(t, err)
	p.front(l, nil)
	p.expect(p.connect("unix://DIR/vault.sock", ""), "")
	p.expect(p.connect("unix://DIR/none.sock", ""),
		`PUT unix://DIR/none.sock/v1/auth/kubernetes/login: unavailable: dial unix DIR/none.sock: connect: no such file or directory; `+
			"hint: the socket does not exist; check the address, and that its server runs")
}
