package render

import (
	"fmt"
	"strings"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// KeyMaterial is a certificate with its private key and its authorities, of which
// keystores are made. The same content and password always make the same bytes.
type KeyMaterial struct{ chain *chain }

// ParseKeyMaterial reads PEM blocks in any order. There must be a certificate; a private
// key is needed for keystores, and an authority for truststores.
func ParseKeyMaterial(texts ...sensitive.String) (*KeyMaterial, error) {
	var all strings.Builder
	for _, text := range texts {
		all.WriteString(text.Reveal() + "\n")
	}
	c, err := parseChain(all.String())
	if err == nil && c == nil {
		err = fail("there is no certificate in PEM")
	}
	if err != nil {
		return nil, err
	}
	return &KeyMaterial{chain: c}, nil
}

// Format implements fmt.Formatter, so that no verb prints the key.
func (m *KeyMaterial) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(sensitive.Redacted)) }

// PKCS12 makes a keystore that OpenSSL 1.1.1 and Java 12 can read.
func (m *KeyMaterial) PKCS12(password sensitive.String) ([]byte, error) {
	k, err := m.pair(password)
	if err != nil {
		return nil, err
	}
	return k.pkcs12()
}

// JKS makes a Java keystore with one entry; without an alias it is "certificate".
func (m *KeyMaterial) JKS(alias string, password sensitive.String) ([]byte, error) {
	k, err := m.pair(password)
	if err != nil {
		return nil, err
	}
	return k.jks(alias)
}

func (m *KeyMaterial) pair(password sensitive.String) (*keyPair, error) {
	if m.chain.key == nil {
		return nil, fail("there is no private key in PEM")
	}
	if password.Empty() {
		return nil, fail("the password is empty")
	}
	return m.chain.pair(password.Reveal())
}

// PKCS12Truststore makes a truststore of the authorities.
func (m *KeyMaterial) PKCS12Truststore(password sensitive.String) ([]byte, error) {
	k, err := m.trust(password)
	if err != nil {
		return nil, err
	}
	if err := checkPKCS12(k.password); err != nil {
		return nil, err
	}
	out, err := pkcs12.Modern2023.WithRand(k.salts("pkcs12-trust")).EncodeTrustStore(k.authorities, k.password)
	if err != nil {
		return nil, fail("the truststore cannot be made")
	}
	return out, nil
}

// JKSTruststore makes a Java truststore of the authorities: ca-1 is the one that has
// issued the certificate.
func (m *KeyMaterial) JKSTruststore(password sensitive.String) ([]byte, error) {
	k, err := m.trust(password)
	if err != nil {
		return nil, err
	}
	text, err := checkJKS(k.password)
	if err != nil {
		return nil, err
	}
	store := keystore.New(keystore.WithOrderedAliases(), keystore.WithCustomRandomNumberGenerator(k.salts("jks-trust")))
	for i, x := range k.authorities {
		entry := keystore.TrustedCertificateEntry{CreationTime: x.NotBefore, Certificate: keystore.Certificate{Type: "X509", Content: x.Raw}}
		if err := store.SetTrustedCertificateEntry(fmt.Sprintf("ca-%d", i+1), entry); err != nil {
			return nil, fail("the truststore cannot be made")
		}
	}
	return storeJKS(store, text)
}

// trust is the part of it that a truststore holds.
func (m *KeyMaterial) trust(password sensitive.String) (*keyPair, error) {
	switch {
	case password.Empty():
		return nil, fail("the password is empty")
	case len(m.chain.authorities) == 0:
		return nil, fail("there is no certificate of an authority")
	}
	return &keyPair{chain: m.chain, password: password.Reveal()}, nil
}
