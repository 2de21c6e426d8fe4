package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

func TestCertLogin(t *testing.T) {
	cases := map[string]struct {
		options map[string]string
		body    map[string]any
		tls     ClientTLS
		reason  string
	}{
		"bare": {body: map[string]any{}, reason: "a connection of its own all the same: the one that is there may show an old certificate"},
		"role": {options: map[string]string{"name": "web"}, body: map[string]any{"name": "web"}},
		"pair": {
			options: map[string]string{"client_cert": "/c", "client_key": "/k"},
			body:    map[string]any{}, tls: ClientTLS{Cert: "/c", Key: "/k"},
		},
		"everything": {
			options: map[string]string{"name": " web ", "ca_cert": "/ca", "client_cert": "/c", "client_key": "/k", "reload": "true"},
			body:    map[string]any{"name": "web"}, tls: ClientTLS{CACert: "/ca", Cert: "/c", Key: "/k"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			vault := loginAt("auth/cert/login")
			token, err := newMethod(t, "cert", tc.options).Login(t.Context(), vault)
			wantError(t, err, "")
			if diff := cmp.Diff(wantToken(), token, revealed); diff != "" {
				t.Errorf("token (-want +got):\n%s", diff)
			}
			want := []Request{{Method: http.MethodPut, Path: "auth/cert/login", Body: tc.body, TLS: &tc.tls}}
			if diff := cmp.Diff(want, vault.asked, revealed); diff != "" {
				t.Errorf("requests (-want +got):\n%s%s", diff, tc.reason)
			}
		})
	}
}

func TestCertLoginRefused(t *testing.T) {
	_, err := newMethod(t, "cert", nil).Login(t.Context(), &script{err: errVault})
	wantError(t, err, `log in at "auth/cert/login": vault said no`)
}

// certificate makes a self-signed certificate in PEM.
func certificate(t *testing.T, template x509.Certificate) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCertSubject(t *testing.T) {
	app := certificate(t, x509.Certificate{Subject: pkix.Name{CommonName: "app", Organization: []string{"Shop"}}})
	issuer := certificate(t, x509.Certificate{Subject: pkix.Name{CommonName: "issuer"}})
	spiffe := certificate(t, x509.Certificate{
		URIs: []*url.URL{{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/shop/sa/app"}}, DNSNames: []string{"app.shop.svc"},
	})
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte(canary)}))
	odd := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("none")}))
	cases := map[string]struct{ content, want string }{
		"subject":                 {content: app, want: "CN=app,O=Shop"},
		"chain":                   {content: app + issuer, want: "CN=app,O=Shop"},
		"key before":              {content: key + app, want: "CN=app,O=Shop"},
		"text around":             {content: "the certificate:\n" + app + "\nthe end", want: "CN=app,O=Shop"},
		"workload":                {content: spiffe, want: "spiffe://cluster.local/ns/shop/sa/app"},
		"host":                    {content: certificate(t, x509.Certificate{DNSNames: []string{"a.example", "b.example"}}), want: "a.example"},
		"no certificate":          {content: "nothing", want: "PATH"},
		"empty":                   {content: "", want: "PATH"},
		"certificate that is odd": {content: odd, want: "PATH"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := file(t, tc.content)
			got := Subject(config.Auth{Method: "cert", Options: map[string]string{"client_cert": path}})
			if want := strings.Replace(tc.want, "PATH", path, 1); got != want {
				t.Errorf("Subject() = %q, want %q", got, want)
			}
		})
	}
}

func TestCertSubjectOfNobody(t *testing.T) {
	first, second := file(t, certificate(t, x509.Certificate{})), file(t, certificate(t, x509.Certificate{}))
	a, b := certSubject(first), certSubject(second)
	if !strings.HasPrefix(a, "sha256:") || len(a) != len("sha256:")+64 || a == b {
		t.Errorf("subjects %q and %q, want two fingerprints", a, b)
	}
	if got := Subject(config.Auth{Method: "cert"}); got != "" {
		t.Errorf("Subject() = %q without any file", got)
	}
	if got := certSubject("/nonexistent/c"); got != "/nonexistent/c" {
		t.Errorf("certSubject() = %q", got)
	}
}

func FuzzFirstCertificate(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nbm9uZQ==\n-----END PRIVATE KEY-----\n-----BEGIN"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if c := firstCertificate(content); c != nil && len(c.Raw) == 0 {
			t.Error("a certificate of nothing")
		}
	})
}

func TestOver(t *testing.T) {
	connection := config.Vault{Address: "https://vault", ClientCert: "/conn.crt", ClientKey: "/conn.key"}
	pair := func(cert, key string) map[string]string {
		return map[string]string{"name": "web", "client_cert": cert, "client_key": key}
	}
	cases := map[string]struct {
		method     string
		connection config.Vault
		options    map[string]string
		want       map[string]string
	}{
		"none of its own": {method: "cert", connection: connection, options: map[string]string{"name": "web"}, want: pair("/conn.crt", "/conn.key")},
		"no options":      {method: "cert", connection: connection, want: map[string]string{"client_cert": "/conn.crt", "client_key": "/conn.key"}},
		"its own":         {method: "cert", connection: connection, options: pair("/c", "/k"), want: pair("/c", "/k")},
		"half of its own": {method: "cert", connection: connection, options: pair("/c", ""), want: pair("/c", "")},
		"none at all":     {method: "cert", options: map[string]string{"name": "web"}, want: map[string]string{"name": "web"}},
		"another method":  {method: "kubernetes", connection: connection, options: map[string]string{"role": "web"}, want: map[string]string{"role": "web"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := len(tc.options)
			got := Over(tc.connection, config.Auth{Method: tc.method, Mount: "auth/x", Options: tc.options})
			if diff := cmp.Diff(config.Auth{Method: tc.method, Mount: "auth/x", Options: tc.want}, got); diff != "" {
				t.Errorf("Over() (-want +got):\n%s", diff)
			}
			if len(tc.options) != before {
				t.Error("the options that were given changed")
			}
		})
	}
}
