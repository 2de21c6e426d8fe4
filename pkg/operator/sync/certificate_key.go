package sync

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// privateKey is a key that never leaves the cluster.
type privateKey struct{ signer crypto.Signer }

// newPrivateKey makes a key, or takes the one that is held where the policy says so
// and it is of the kind that is asked for.
func newPrivateKey(spec *v1beta1.PrivateKey, held sensitive.String) (*privateKey, error) {
	if spec.Policy == v1beta1.PrivateKeyKeep {
		if key := parsePrivateKey([]byte(held.Reveal())); key != nil && key.fits(spec) {
			return key, nil
		}
	}
	signer, err := generate(spec)
	if err != nil {
		return nil, fmt.Errorf("make a private key: %w", err)
	}
	return &privateKey{signer}, nil
}

const (
	defaultRSA = 2048 // bits
	defaultEC  = 256
)

func generate(spec *v1beta1.PrivateKey) (crypto.Signer, error) {
	switch spec.Algorithm {
	case "rsa":
		return rsa.GenerateKey(rand.Reader, orElse(spec.Size, defaultRSA))
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case "", "ec":
		curves := map[int]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}
		curve := curves[orElse(spec.Size, defaultEC)]
		if curve == nil {
			return nil, fmt.Errorf("there is no curve of %d bits", spec.Size)
		}
		return ecdsa.GenerateKey(curve, rand.Reader)
	default:
		return nil, fmt.Errorf("the algorithm %q is not known", spec.Algorithm)
	}
}

// fits tells whether a key is of the kind that is asked for.
func (k *privateKey) fits(spec *v1beta1.PrivateKey) bool {
	switch key := k.signer.(type) {
	case *rsa.PrivateKey:
		return spec.Algorithm == "rsa" && key.N.BitLen() == orElse(spec.Size, defaultRSA)
	case *ecdsa.PrivateKey:
		return orElse(spec.Algorithm, "ec") == "ec" && key.Params().BitSize == orElse(spec.Size, defaultEC)
	case ed25519.PrivateKey:
		return spec.Algorithm == "ed25519"
	default:
		return false
	}
}

// parsePrivateKey reads a key as it is in a Secret, PEM or DER in base64; nil where it
// cannot.
func parsePrivateKey(text []byte) *privateKey {
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if block, _ := pem.Decode(text); block != nil {
		der, err = block.Bytes, nil
	}
	if err != nil {
		return nil
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return &privateKey{signer}
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return &privateKey{key}
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return &privateKey{key}
	}
	return nil
}

// request is a certificate signing request with the names of the spec, in PEM.
func (k *privateKey) request(spec *v1beta1.VaultPKISecretSpec) (string, error) {
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: spec.CommonName}}
	if spec.CommonName != "" && !spec.ExcludeCNFromSans && !strings.ContainsAny(spec.CommonName, " @") {
		template.DNSNames = append(template.DNSNames, spec.CommonName)
	}
	for _, name := range spec.AltNames {
		if strings.Contains(name, "@") {
			template.EmailAddresses = append(template.EmailAddresses, name)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	for _, text := range spec.IPSans {
		ip := net.ParseIP(text)
		if ip == nil {
			return "", fmt.Errorf("ipSans: %q is no IP address", text)
		}
		template.IPAddresses = append(template.IPAddresses, ip)
	}
	for _, text := range spec.URISans {
		uri, err := url.Parse(text)
		if err != nil {
			return "", fmt.Errorf("uriSans: %q is no URI", text)
		}
		template.URIs = append(template.URIs, uri)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, k.signer)
	if err != nil {
		return "", fmt.Errorf("make a certificate signing request: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
}

// join adds the key to what Vault answered, as if Vault had made it.
func (k *privateKey) join(data sensitive.Data, spec *v1beta1.VaultPKISecretSpec) (sensitive.Data, error) {
	text, err := k.encode(spec)
	if err != nil {
		return sensitive.Data{}, err
	}
	tree := maps.Clone(data.Reveal())
	if tree == nil {
		tree = map[string]any{}
	}
	tree["private_key"], tree["private_key_type"] = text, k.kind()
	return sensitive.NewData(tree), nil
}

// kind is the algorithm in Vault's words.
func (k *privateKey) kind() string {
	switch k.signer.(type) {
	case *rsa.PrivateKey:
		return "rsa"
	case ed25519.PrivateKey:
		return "ed25519"
	default:
		return "ec"
	}
}

// encode writes the key as Vault does: in the format of the certificate, in PKCS #8
// only where that is asked for or nothing else is defined.
func (k *privateKey) encode(spec *v1beta1.VaultPKISecretSpec) (string, error) {
	block := &pem.Block{Type: "PRIVATE KEY"}
	var err error
	switch key := k.signer.(type) {
	case *rsa.PrivateKey:
		if spec.PrivateKeyFormat != "pkcs8" {
			block.Type, block.Bytes = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)
		}
	case *ecdsa.PrivateKey:
		if spec.PrivateKeyFormat != "pkcs8" {
			block.Type = "EC PRIVATE KEY"
			block.Bytes, err = x509.MarshalECPrivateKey(key)
		}
	}
	if block.Bytes == nil && err == nil {
		block.Bytes, err = x509.MarshalPKCS8PrivateKey(k.signer)
	}
	if err != nil {
		return "", errors.New("the private key cannot be encoded") // the error may tell of the key
	}
	if spec.Format == "der" {
		return base64.StdEncoding.EncodeToString(block.Bytes), nil
	}
	return strings.TrimSuffix(string(pem.EncodeToMemory(block)), "\n"), nil
}
