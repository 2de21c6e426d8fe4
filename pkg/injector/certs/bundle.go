package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Bundle returns what the webhook's configuration has to trust: the authority,
// and before it the last other one of the current bundle that is still valid, so
// that a replica that has not yet followed goes on being trusted. A bundle that
// is right already comes back as it is, byte for byte.
func Bundle(current []byte, a *Authority, now time.Time) []byte {
	var before []byte
	for _, block := range blocks(current) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil || now.After(certificate.NotAfter) || certificate.Equal(a.certificate) {
			continue
		}
		before = pem.EncodeToMemory(block)
	}
	bundle := append(before, a.encoded...)
	if same(bundle, current) {
		return current
	}
	return bundle
}

// same reports whether two bundles hold the same certificates in the same order.
func same(a, b []byte) bool {
	left, right := blocks(a), blocks(b)
	if len(left) != len(right) {
		return false
	}
	for i := range left {
		if !bytes.Equal(left[i].Bytes, right[i].Bytes) {
			return false
		}
	}
	return true
}

func blocks(text []byte) []*pem.Block {
	var all []*pem.Block
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return all
		}
		if block.Type == typeCertificate {
			all = append(all, &pem.Block{Type: typeCertificate, Bytes: block.Bytes})
		}
		text = rest
	}
}

// Trusts says whether an API server with this bundle would call a webhook that
// serves with the certificate under the name; the error says why not.
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
