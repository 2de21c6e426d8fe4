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
	case c.private == nil:
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

// toPKCS12 uses the algorithms that OpenSSL 1.1.1 and Java 12 can read.
func toPKCS12(s *selection, r *Result) error {
	k, err := keyPairOf(s, r)
	if err != nil {
		return err
	}
	if strings.ContainsFunc(k.password, func(c rune) bool { return c > 0xffff }) {
		return fail("the password of a PKCS#12 keystore may hold only characters of the basic plane of Unicode")
	}
	r.Output, err = pkcs12.Modern2023.WithRand(k.salts("pkcs12")).Encode(k.private, k.leaf, k.authorities, k.password)
	if err != nil {
		return fail("the keystore cannot be made")
	}
	return nil
}

// toJKS makes a keystore with one entry, which has the keystore's password. Its
// date is that from which the certificate holds.
func toJKS(s *selection, r *Result) error {
	k, err := keyPairOf(s, r)
	if err != nil {
		return err
	}
	password, ok := latin1(k.password)
	if !ok {
		return fail("the password of a Java keystore may hold only characters of ISO 8859-1")
	}
	store := keystore.New(keystore.WithCustomRandomNumberGenerator(k.salts("jks")))
	entry := keystore.PrivateKeyEntry{CreationTime: k.leaf.NotBefore, PrivateKey: k.pkcs8}
	for _, x := range append([]*x509.Certificate{k.leaf}, k.authorities...) {
		entry.CertificateChain = append(entry.CertificateChain, keystore.Certificate{Type: "X509", Content: x.Raw})
	}
	if err := store.SetPrivateKeyEntry(cmp.Or(s.o.Keystore.Alias, defaultAlias), entry, password); err != nil {
		return fail("the keystore cannot be made")
	}
	var out bytes.Buffer
	if err := store.Store(&out, password); err != nil {
		return fail("the keystore cannot be made")
	}
	r.Output = out.Bytes()
	return nil
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
