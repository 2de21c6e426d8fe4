package render

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Bundle is a certificate with what belongs to it, each piece in PEM with a
// newline at its end. It does not print itself.
type Bundle struct {
	Cert      string
	Key       string   // "": there is none
	CA        string   // the first certificate of an authority; "": there is none
	CAChain   []string // all certificates of authorities, without duplicates
	NotBefore time.Time
	NotAfter  time.Time
}

// Format implements fmt.Formatter, so that no verb prints the key.
func (b Bundle) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(sensitive.Redacted)) }

// LogValue implements slog.LogValuer without the key.
func (b Bundle) LogValue() slog.Value { return slog.StringValue(sensitive.Redacted) }

// Response returns the bundle as an answer of Vault's PKI engine, for a store
// that takes it over.
func (b Bundle) Response() *secret.Response {
	data := map[string]any{"certificate": b.Cert}
	for name, text := range map[string]string{"private_key": b.Key, "issuing_ca": b.CA} {
		if text != "" {
			data[name] = text
		}
	}
	if len(b.CAChain) > 0 {
		chain := make([]any, len(b.CAChain))
		for i, text := range b.CAChain {
			chain[i] = text
		}
		data["ca_chain"] = chain
	}
	return &secret.Response{Data: sensitive.NewData(data)}
}

// ParsePEMBundle sorts the blocks of a PEM text, such as a file that was
// rendered from pkiCert: the first certificate that is no authority's, the key,
// and the authorities. Other blocks and text between blocks are left out. It is
// an error when there is no certificate, or one that cannot be read.
func ParsePEMBundle(text []byte) (Bundle, error) {
	var b Bundle
	for number := 1; ; number++ {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if err := b.add(block); err != nil {
			return Bundle{}, fmt.Errorf("parse PEM block %d: %w", number, err)
		}
	}
	if b.Cert == "" {
		return Bundle{}, errors.New("parse PEM: no certificate but those of authorities")
	}
	return b, nil
}

func (b *Bundle) add(block *pem.Block) error {
	encoded := string(pem.EncodeToMemory(block))
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		b.Key = encoded
		return nil
	}
	if block.Type != "CERTIFICATE" {
		return nil
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		return errors.New("invalid certificate")
	case certificate.IsCA:
		b.addAuthority(encoded)
	case b.Cert == "":
		b.Cert, b.NotBefore, b.NotAfter = encoded, certificate.NotBefore, certificate.NotAfter
	}
	return nil
}

func (b *Bundle) addAuthority(encoded string) {
	if b.CA == "" {
		b.CA = encoded
	}
	if !slices.Contains(b.CAChain, encoded) {
		b.CAChain = append(b.CAChain, encoded)
	}
}

// certificate is what the function pkiCert returns. The names of the fields are
// part of the language.
type certificate struct {
	Cert, Key, CA string
	CAChain       []string
}

// Data returns the certificate itself: old templates read .Data.Cert.
func (c certificate) Data() certificate { return c }

// pkiCert returns a certificate, nil while it is not held.
func (r *run) pkiCert(path string, args ...string) (any, error) {
	params, err := pairs(args)
	if err != nil {
		return nil, err
	}
	q, err := newQuery(secret.PKI, path, params)
	if err != nil {
		return nil, err
	}
	return r.ask(q, newCertificate)
}

// newCertificate reads an answer of the PKI engine, whose pieces may come with
// or without a newline at the end, or all in one (format=pem_bundle).
func newCertificate(response *secret.Response) (any, error) {
	data := response.Data.Reveal()
	var pieces []string
	for _, name := range []string{"certificate", "private_key", "issuing_ca"} {
		if text, ok := data[name].(string); ok {
			pieces = append(pieces, text)
		}
	}
	chain, _ := data["ca_chain"].([]any)
	for _, item := range chain {
		if text, ok := item.(string); ok {
			pieces = append(pieces, text)
		}
	}
	b, err := ParsePEMBundle([]byte(strings.Join(pieces, "\n")))
	if err != nil {
		return nil, fail("the answer holds no certificate in PEM")
	}
	return certificate{Cert: b.Cert, Key: b.Key, CA: b.CA, CAChain: b.CAChain}, nil
}
