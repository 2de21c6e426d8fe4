package certs

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// start is a time at which the tests of this file make things.
func start() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) }

func newTestAuthority(t testing.TB, at time.Time) *Authority {
	t.Helper()
	a, err := NewAuthority(at)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t testing.TB, a *Authority, at time.Time, hosts ...string) *tls.Certificate {
	t.Helper()
	c, err := a.Issue(hosts, at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func keyOf(t testing.TB, a *Authority) sensitive.String {
	t.Helper()
	key, err := a.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestIssue(t *testing.T) {
	a := newTestAuthority(t, start())
	c := issue(t, a, start(), "injector", "injector.vault.svc", "10.0.0.1")
	cases := map[string]struct {
		host string
		at   time.Time
		want string
	}{
		"name":         {"injector", start(), ""},
		"service":      {"injector.vault.svc", start(), ""},
		"address":      {"10.0.0.1", start(), ""},
		"slow clock":   {"injector", start().Add(-4 * time.Minute), ""},
		"near its end": {"injector", start().Add(CertificateLife - time.Minute), ""},
		"other name":   {"vault.vault.svc", start(), "x509: certificate is valid for injector, injector.vault.svc, not vault.vault.svc"},
		"too late":     {"injector", start().Add(CertificateLife + time.Minute), "x509: certificate has expired or is not yet valid: current time 2030-01-03T03:05:05Z is after 2030-01-03T03:04:05Z"},
		"too early":    {"injector", start().Add(-time.Hour), "x509: certificate has expired or is not yet valid: current time 2030-01-02T02:04:05Z is before 2030-01-02T02:59:05Z"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := Trusts(a.PEM(), c, tc.host, tc.at)
			want := tc.want
			if want != "" {
				want = "the bundle of the webhook's configuration does not trust the serving certificate: " + want
			}
			if got := text(err); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestIssueNeedsAHost(t *testing.T) {
	if _, err := newTestAuthority(t, start()).Issue(nil, start()); text(err) != "a serving certificate needs a host name" {
		t.Errorf("got %v", err)
	}
}

// A real handshake: what is issued serves, and a stranger's does not.
func TestHandshake(t *testing.T) {
	now := time.Now()
	a, stranger := newTestAuthority(t, now), newTestAuthority(t, now)
	for name, tc := range map[string]struct {
		by   *Authority
		want bool
	}{"own": {a, true}, "stranger": {stranger, false}} {
		t.Run(name, func(t *testing.T) {
			var h Holder
			h.current.Store(issue(t, tc.by, now, "injector"))
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: h.Get, MinVersion: tls.VersionTLS12})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				server, err := l.Accept()
				if err == nil {
					_ = server.(*tls.Conn).HandshakeContext(t.Context()) //nolint:forcetypeassert // a listener of TLS; the client judges
					_ = server.Close()
				}
				done <- err
			}()
			dialer := tls.Dialer{Config: &tls.Config{RootCAs: poolOf(t, a.PEM()), ServerName: "injector", MinVersion: tls.VersionTLS12}}
			client, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
			if err == nil {
				_ = client.Close()
			}
			<-done
			_ = l.Close()
			if (err == nil) != tc.want {
				t.Errorf("handshake: %v", err)
			}
		})
	}
}

func TestAuthorityGoesThroughASecret(t *testing.T) {
	a := newTestAuthority(t, start())
	again, err := ParseAuthority(a.PEM(), keyOf(t, a))
	if err != nil {
		t.Fatal(err)
	}
	c := issue(t, again, start(), "injector")
	if err := Trusts(a.PEM(), c, "injector", start()); err != nil {
		t.Error(err)
	}
}

func TestParseAuthorityRefuses(t *testing.T) {
	a, other := newTestAuthority(t, start()), newTestAuthority(t, start())
	leaf := issue(t, a, start(), "injector")
	leafPEM := pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: leaf.Certificate[0]})
	key := keyOf(t, a)
	broken := sensitive.New("-----BEGIN EC PRIVATE KEY-----\nY2FuYXJ5\n-----END EC PRIVATE KEY-----\n")
	cases := map[string]struct {
		certificate []byte
		key         sensitive.String
		want        string
	}{
		"nothing":        {nil, key, "authority's certificate is not in PEM"},
		"key for it":     {[]byte(key.Reveal()), key, "authority's certificate is not in PEM"},
		"no key":         {a.PEM(), sensitive.String{}, "authority's key is not an EC key in PEM"},
		"broken key":     {a.PEM(), broken, "authority's key is not an EC key"},
		"key of another": {a.PEM(), keyOf(t, other), "authority's certificate and key do not belong together"},
		"no authority":   {leafPEM, key, "authority's certificate and key do not belong together"},
		"broken":         {[]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), key, "read authority's certificate: x509: malformed certificate"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ParseAuthority(tc.certificate, tc.key)
			if text(err) != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestKeysDoNotPrintThemselves(t *testing.T) {
	if got := fmt.Sprintf("%v %+v %#v %s", keyOf(t, newTestAuthority(t, start())), 1, 2, "x"); strings.Contains(got, "BEGIN") {
		t.Errorf("got %s", got)
	}
}

func TestDue(t *testing.T) {
	a := newTestAuthority(t, start())
	for name, tc := range map[string]struct {
		after time.Duration
		want  bool
	}{
		"new":             {0, false},
		"after 9 years":   {9*365*24*time.Hour - time.Minute, false},
		"the last year":   {9*365*24*time.Hour + time.Minute, true},
		"over":            {AuthorityLife + time.Hour, true},
		"from the future": {-time.Hour, true},
	} {
		if got := a.Due(start().Add(tc.after)); got != tc.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
