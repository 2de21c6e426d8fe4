package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const (
	// AuthorityLife is how long an authority is valid: ten years of 365 days, as
	// long as the old injector's.
	AuthorityLife = 10 * 365 * 24 * time.Hour
	// CertificateLife is how long a serving certificate is valid.
	CertificateLife = 24 * time.Hour

	// An authority is replaced a year before its end, which leaves every copy of a
	// bundle time to follow.
	authorityMargin = 365 * 24 * time.Hour
	// Clocks of a cluster differ; a certificate is valid a little earlier.
	backdate = 5 * time.Minute

	serialBits = 127 // positive, and 16 bytes long at most

	typeCertificate = "CERTIFICATE"
	typeKey         = "EC PRIVATE KEY"
)

// Authority signs serving certificates. Its certificate is what the API server
// has to trust.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	encoded     []byte
}

// NewAuthority makes an authority that is valid from now on. The error is one of
// the source of randomness.
func NewAuthority(now time.Time) (*Authority, error) {
	key, serial, err := secrets()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Agent Inject CA"},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(AuthorityLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign authority: %w", err)
	}
	return newAuthority(der, key)
}

func newAuthority(der []byte, key *ecdsa.PrivateKey) (*Authority, error) {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read authority's certificate: %w", err)
	}
	return &Authority{certificate: certificate, key: key, encoded: pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: der})}, nil
}

// secrets makes a key of the curve P-256, and a serial number.
func secrets() (*ecdsa.PrivateKey, *big.Int, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, nil, fmt.Errorf("make serial number: %w", err)
	}
	return key, serial, nil
}

// ParseAuthority reads what [Authority.PEM] and [Authority.KeyPEM] return. The
// error says which part is bad, and shows nothing of the key.
func ParseAuthority(certificate []byte, key sensitive.String) (*Authority, error) {
	block, _ := pem.Decode(certificate)
	if block == nil || block.Type != typeCertificate {
		return nil, errors.New("authority's certificate is not in PEM")
	}
	keyBlock, _ := pem.Decode([]byte(key.Reveal()))
	if keyBlock == nil || keyBlock.Type != typeKey {
		return nil, errors.New("authority's key is not an EC key in PEM")
	}
	parsed, err := x509.ParseECPrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, errors.New("authority's key is not an EC key") // the cause may quote it
	}
	a, err := newAuthority(block.Bytes, parsed)
	if err != nil {
		return nil, err
	}
	if !a.certificate.IsCA || !parsed.PublicKey.Equal(a.certificate.PublicKey) {
		return nil, errors.New("authority's certificate and key do not belong together")
	}
	return a, nil
}

// PEM returns the authority's certificate.
func (a *Authority) PEM() []byte { return bytes.Clone(a.encoded) }

// KeyPEM returns the authority's key, to be kept in a Secret.
func (a *Authority) KeyPEM() (sensitive.String, error) {
	der, err := x509.MarshalECPrivateKey(a.key)
	if err != nil {
		return sensitive.String{}, errors.New("encode authority's key")
	}
	return sensitive.New(string(pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: der}))), nil
}

func (a *Authority) valid(now time.Time) bool {
	return now.Before(a.certificate.NotAfter) && !now.Before(a.certificate.NotBefore)
}

// Due reports whether the authority should be replaced by another one.
func (a *Authority) Due(now time.Time) bool {
	return now.After(a.certificate.NotAfter.Add(-authorityMargin)) || now.Before(a.certificate.NotBefore)
}

// Issue makes a certificate for the names and addresses that the webhook is
// reached by; there has to be one at least.
func (a *Authority) Issue(hosts []string, now time.Time) (*tls.Certificate, error) {
	if len(hosts) == 0 {
		return nil, errors.New("a serving certificate needs a host name")
	}
	key, serial, err := secrets()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Agent Inject Service"},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(CertificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("sign serving certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read serving certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
