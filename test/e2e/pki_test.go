package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"
)

const pkiCert = `
template {
  contents    = "{{ with pkiCert \"pki/issue/NAME\" \"common_name=web.example.test\" }}{{ .Cert }}{{ .CA }}{{ .Key }}{{ end }}"
  destination = "DIR/out/bundle.pem"
  perms       = "0600"
}
`

const pkiWrite = `
template {
  contents    = "{{ with secret \"pki/issue/NAME\" \"common_name=web.example.test\" }}{{ .Data.certificate }}\n{{ .Data.private_key }}\n{{ end }}"
  destination = "DIR/out/bundle.pem"
}
`

// certificate checks that a bundle holds a certificate with its key, and returns
// its serial number and end. The key must not be printed from now on.
func (p *pod) certificate(bundle string) (*big.Int, time.Time) {
	p.t.Helper()
	pair, err := tls.X509KeyPair([]byte(bundle), []byte(bundle))
	must(p.t, err)
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	must(p.t, err)
	must(p.t, leaf.VerifyHostname("web.example.test"))
	_, key, _ := strings.Cut(bundle, "PRIVATE KEY-----\n")
	p.secretly(key[:40])
	return leaf.SerialNumber, leaf.NotAfter
}

// TestCertificateIsReplacedInTime lets certificates of 20 s come near their end,
// as the two functions that issue them see it: they are replaced after 0.85 to
// 0.95 of their life, so that a second is left at least.
func TestCertificateIsReplacedInTime(t *testing.T) {
	cases := map[string]struct {
		template string
		lease    bool
	}{
		"pkiCert":               {pkiCert, false},
		"secret, without lease": {pkiWrite, false},
		"secret, with lease":    {pkiWrite, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			must(t, p.vault.PKIRole(t.Context(), "pki", p.name, "example.test", 20*time.Second, tc.lease))
			p.sidecar(tc.template).awaitReady()
			before := p.read("out/bundle.pem")
			first, end := p.certificate(before)
			after := p.awaitOther("out/bundle.pem", before)
			second, newEnd := p.certificate(after)
			if first.Cmp(second) == 0 || !newEnd.After(end) || !time.Now().Before(end) {
				t.Errorf("serial numbers %x and %x, first one ended %s ago", first, second, time.Since(end))
			}
		})
	}
}

// TestCertificateSurvivesARestart starts an agent where a good certificate lies
// already.
func TestCertificateSurvivesARestart(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	must(t, p.vault.PKIRole(t.Context(), "pki", p.name, "example.test", time.Hour, false))
	p.delivers(pkiCert)
	first := p.read("out/bundle.pem")
	p.certificate(first)
	if n := strings.Count(first, "BEGIN CERTIFICATE"); n != 2 {
		t.Errorf("%d certificates in the bundle, want the leaf and its authority", n)
	}
	p.sidecar(pkiCert).awaitReady()
	p.delivers(pkiCert)
	if p.read("out/bundle.pem") != first {
		t.Error("a restart issued another certificate")
	}
}
