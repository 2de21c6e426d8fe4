package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

func encodeCertificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: c.Raw})
}

// parseCertificates reads all that a text holds in PEM, which may be none.
func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != typeCertificate {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// Trusts says whether an API server with this bundle would call a webhook that
// serves with the certificate under the name, "" for any; the error says why not.
func Trusts(bundle []byte, certificate *tls.Certificate, host string, now time.Time) error {
	if certificate == nil || certificate.Leaf == nil {
		return errors.New("there is no serving certificate yet")
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return errors.New("the bundle of the webhook's configuration holds no certificate")
	}
	for _, der := range certificate.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	_, err := certificate.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host, CurrentTime: now})
	if err != nil {
		return fmt.Errorf("the bundle of the webhook's configuration does not trust the serving certificate: %w", err)
	}
	return nil
}
