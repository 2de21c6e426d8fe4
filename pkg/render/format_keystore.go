package render

import (
	"bytes"
	"cmp"
	"crypto/sha3"
	"crypto/x509"
	"encoding/binary"
	"io"
	"strings"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// defaultAlias is what a keystore calls its only entry.
const defaultAlias = "certificate"

// keyPair is what a keystore holds, and the password that protects it.
type keyPair struct {
	*chain
	pkcs8    []byte
	password string
}

func keyPairOf(s *selection, r *Result) (*keyPair, error) {
	password, err := s.password(r)
	if err != nil {
		return nil, err
	}
	c, err := chainOf(s)
	switch {
	case err != nil:
		return nil, err
	case c.key == nil:
		return nil, fail("%q holds no private key in PEM", s.o.Query)
	}
	return c.pair(password)
}

// pair makes a chain with a key ready for keystores.
func (c *chain) pair(password string) (*keyPair, error) {
	if c.private == nil {
		return nil, fail("the private key is encrypted, which a keystore does not take")
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.private)
	if err != nil {
		return nil, fail("there is a private key that cannot be read")
	}
	return &keyPair{chain: c, pkcs8: der, password: password}, nil
}

// salts returns the bytes that are random in keystores otherwise: salts and
// initialization vectors. Here they follow from the content, because a secret
// that did not change must not look like one that did: the file would be written
// again and the application restarted at each look.
//
// It weakens nothing. These bytes stand in the file for all to see; they need not
// be unknown, but different for different contents under one password, and for
// different passwords. That they are: the whole content and the password are
// hashed, and whoever wanted to guess the password from them would have to guess
// the private key at the same time.
func (k *keyPair) salts(purpose string) io.Reader {
	h := sha3.NewSHAKE256()
	parts := [][]byte{[]byte(purpose), []byte(k.password), k.pkcs8, k.leaf.Raw}
	for _, x := range k.authorities {
		parts = append(parts, x.Raw)
	}
	for _, part := range parts {
		// The length keeps two divisions of the same bytes apart.
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = h.Write(part)
	}
	return h
}

func toPKCS12(s *selection, r *Result) error {
	k, err := keyPairOf(s, r)
	if err != nil {
		return err
	}
	r.Output, err = k.pkcs12()
	return err
}

// pkcs12 uses the algorithms that OpenSSL 1.1.1 and Java 12 can read.
func (k *keyPair) pkcs12() ([]byte, error) {
	if err := checkPKCS12(k.password); err != nil {
		return nil, err
	}
	out, err := pkcs12.Modern2023.WithRand(k.salts("pkcs12")).Encode(k.private, k.leaf, k.authorities, k.password)
	if err != nil {
		return nil, fail("the keystore cannot be made")
	}
	return out, nil
}

func checkPKCS12(password string) error {
	if strings.ContainsFunc(password, func(c rune) bool { return c > 0xffff }) {
		return fail("the password of a PKCS#12 keystore may hold only characters of the basic plane of Unicode")
	}
	return nil
}

func toJKS(s *selection, r *Result) error {
	k, err := keyPairOf(s, r)
	if err != nil {
		return err
	}
	r.Output, err = k.jks(s.o.Keystore.Alias)
	return err
}

// jks makes a keystore with one entry, which has the keystore's password. Its date
// is that from which the certificate holds.
func (k *keyPair) jks(alias string) ([]byte, error) {
	password, err := checkJKS(k.password)
	if err != nil {
		return nil, err
	}
	store := keystore.New(keystore.WithCustomRandomNumberGenerator(k.salts("jks")))
	entry := keystore.PrivateKeyEntry{CreationTime: k.leaf.NotBefore, PrivateKey: k.pkcs8}
	for _, x := range append([]*x509.Certificate{k.leaf}, k.authorities...) {
		entry.CertificateChain = append(entry.CertificateChain, keystore.Certificate{Type: "X509", Content: x.Raw})
	}
	if err := store.SetPrivateKeyEntry(cmp.Or(alias, defaultAlias), entry, password); err != nil {
		return nil, fail("the keystore cannot be made")
	}
	return storeJKS(store, password)
}

func checkJKS(password string) ([]byte, error) {
	out, ok := latin1(password)
	if !ok {
		return nil, fail("the password of a Java keystore may hold only characters of ISO 8859-1")
	}
	return out, nil
}

func storeJKS(store keystore.KeyStore, password []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := store.Store(&out, password); err != nil {
		return nil, fail("the keystore cannot be made")
	}
	return out.Bytes(), nil
}

// latin1 returns one byte for each character: the format takes two, of which the
// module always writes the first as zero.
func latin1(text string) ([]byte, bool) {
	var out []byte
	for _, c := range text {
		if c > 0xff {
			return nil, false
		}
		out = append(out, byte(c))
	}
	return out, true
}
