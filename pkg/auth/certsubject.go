package auth

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
)

// certSubject names whom the certificate in a file is made for, so that its
// successor has the same name: the subject, otherwise the first URI or DNS name,
// otherwise a fingerprint. Where no certificate can be read it is the path.
func certSubject(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return path
	}
	leaf := firstCertificate(content)
	switch {
	case leaf == nil:
		return path
	case len(leaf.Subject.Names) > 0:
		return leaf.Subject.String()
	case len(leaf.URIs) > 0:
		return leaf.URIs[0].String()
	case len(leaf.DNSNames) > 0:
		return leaf.DNSNames[0]
	}
	sum := sha256.Sum256(leaf.Raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// firstCertificate returns the first certificate of a PEM text, which is the one
// that the others vouch for; nil where there is none.
func firstCertificate(content []byte) *x509.Certificate {
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			return nil
		}
		if block.Type == "CERTIFICATE" {
			leaf, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil
			}
			return leaf
		}
		content = rest
	}
}
