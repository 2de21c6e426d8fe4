package lab

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"testing"
	"time"
)

func parseLeaf(t *testing.T, cert, key []byte) *x509.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestAuthorityIssue(t *testing.T) {
	a, err := NewAuthority("first")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewAuthority("second")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := a.Issue(Leaf{
		CommonName: "app", Organization: []string{"team"},
		DNSNames: []string{"app.test"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	leaf := parseLeaf(t, cert, key)
	if leaf.Subject.String() != "CN=app,O=team" {
		t.Errorf("subject %q", leaf.Subject)
	}
	cases := map[string]struct {
		options x509.VerifyOptions
		ok      bool
	}{
		"Server by name":      {x509.VerifyOptions{Roots: a.Pool(), DNSName: "app.test"}, true},
		"Server by address":   {x509.VerifyOptions{Roots: a.Pool(), DNSName: "127.0.0.1"}, true},
		"Client":              {x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, true},
		"After a long test":   {x509.VerifyOptions{Roots: a.Pool(), CurrentTime: time.Now().Add(23 * time.Hour)}, true},
		"A day later":         {x509.VerifyOptions{Roots: a.Pool(), CurrentTime: time.Now().Add(25 * time.Hour)}, false},
		"Other name":          {x509.VerifyOptions{Roots: a.Pool(), DNSName: "other.test"}, false},
		"Other authority":     {x509.VerifyOptions{Roots: other.Pool()}, false},
		"Other kind of usage": {x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := leaf.Verify(tc.options); (err == nil) != tc.ok {
				t.Errorf("verify: %v, want it to work: %v", err, tc.ok)
			}
		})
	}
}

func TestAuthorityPEM(t *testing.T) {
	a, err := NewAuthority("ca")
	if err != nil {
		t.Fatal(err)
	}
	key, err := a.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	if leaf := parseLeaf(t, a.PEM(), key); !leaf.IsCA {
		t.Error("the authority's certificate is not an authority's")
	}
	block, _ := pem.Decode(a.PEM())
	if block == nil || block.Type != "CERTIFICATE" {
		t.Errorf("block %v", block)
	}
}
