package preview

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// The keys of all stand-ins, made at their first use: a certificate and a private
// key that belong together still do when both are replaced.
var (
	ellipticKey = sync.OnceValue(func() *ecdsa.PrivateKey {
		key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // the random source of Go does not fail
		return key
	})
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, _ := rsa.GenerateKey(rand.Reader, 2048) // as above
		return key
	})
)

// imitatePEM replaces the blocks of a PEM text: certificates and private keys by
// fresh ones that say nothing, everything else by blocks that hold no more than
// the stand-in of a text.
func imitatePEM(text string) string {
	var out strings.Builder
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		made := imitateKey(block)
		if block.Type == "CERTIFICATE" {
			made = imitateCertificate(block.Bytes)
		}
		if made == nil {
			made = []byte(sensitive.Redacted)
		}
		_ = pem.Encode(&out, &pem.Block{Type: block.Type, Bytes: made}) // a Builder takes everything
	}
	if out.Len() == 0 {
		return sensitive.Redacted
	}
	return out.String()
}

// imitateKey makes a private key in the form of a block; nil: it holds none.
func imitateKey(block *pem.Block) []byte {
	var der []byte
	switch block.Type {
	case "RSA PRIVATE KEY":
		der = x509.MarshalPKCS1PrivateKey(rsaKey())
	case "EC PRIVATE KEY":
		der, _ = x509.MarshalECPrivateKey(ellipticKey())
	case "PRIVATE KEY":
		var key crypto.Signer = ellipticKey()
		if original, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if _, isRSA := original.(*rsa.PrivateKey); isRSA {
				key = rsaKey()
			}
		}
		der, _ = x509.MarshalPKCS8PrivateKey(key)
	}
	return der
}

// imitateCertificate makes a certificate that shares with another the kind of its
// key, and whether it is an authority's, which tells the pieces of a bundle apart.
// Nil: the other cannot be read.
func imitateCertificate(der []byte) []byte {
	original, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	var key crypto.Signer = ellipticKey()
	if original.PublicKeyAlgorithm == x509.RSA {
		key = rsaKey()
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: sensitive.Redacted},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(0, 0).AddDate(100, 0, 0), IsCA: original.IsCA, BasicConstraintsValid: true,
	}
	made, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil
	}
	return made
}
