package render

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
)

// chain is a certificate with its key and its authorities.
type chain struct {
	leaf        *x509.Certificate
	authorities []*x509.Certificate // from the one that issued the leaf upwards, then others
	key         *pem.Block          // nil: there is none
	private     crypto.Signer       // nil: there is no key, or it is encrypted
}

// chainOf gathers the PEM blocks of the selected values. What a block is says the
// block, so that the names of the keys do not matter.
func chainOf(s *selection) (*chain, error) {
	var text strings.Builder
	for _, f := range s.fields {
		appendTexts(&text, f.value)
	}
	c, err := parseChain(text.String())
	if c == nil && err == nil {
		return nil, fail("%q holds no certificate in PEM", s.o.Query)
	}
	return c, err
}

// parseChain reads PEM blocks; nil without an error: there is no certificate.
func parseChain(text string) (*chain, error) {
	c := &chain{}
	var found []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := c.take(block)
		if err != nil {
			return nil, err
		}
		if certificate != nil && !slices.ContainsFunc(found, certificate.Equal) {
			found = append(found, certificate)
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return c, c.sort(found)
}

// appendTexts adds the texts of a value, each on lines of its own.
func appendTexts(out *strings.Builder, value any) {
	switch v := value.(type) {
	case string:
		out.WriteString(v + "\n")
	case []any:
		for _, item := range v {
			appendTexts(out, item)
		}
	}
}

// take keeps a key and returns a certificate. Other blocks, such as parameters of
// a curve, do not matter.
func (c *chain) take(block *pem.Block) (*x509.Certificate, error) {
	switch {
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		if c.key != nil && !bytes.Equal(c.key.Bytes, block.Bytes) {
			return nil, fail("there is more than one private key: name the keys of the secret to take")
		}
		c.key = &pem.Block{Type: block.Type, Headers: block.Headers, Bytes: block.Bytes}
		return nil, c.parseKey()
	case block.Type == "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fail("there is a certificate that cannot be read")
		}
		return certificate, nil
	default:
		return nil, nil
	}
}

// parseKey reads the key, unless it is encrypted.
func (c *chain) parseKey() error {
	if c.key.Type == "ENCRYPTED PRIVATE KEY" || c.key.Headers["DEK-Info"] != "" {
		return nil
	}
	for _, parse := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
		func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
	} {
		if key, err := parse(c.key.Bytes); err == nil {
			c.private, _ = key.(crypto.Signer)
		}
	}
	if c.private == nil {
		return fail("there is a private key that cannot be read")
	}
	return nil
}

// sort finds the leaf and puts the authorities into the order of issue.
func (c *chain) sort(found []*x509.Certificate) error {
	at, err := c.leafAmong(found)
	if err != nil {
		return err
	}
	c.leaf = found[at]
	rest := slices.Delete(slices.Clone(found), at, at+1)
	if slices.ContainsFunc(rest, func(x *x509.Certificate) bool { return !isAuthority(x) }) {
		return fail("there is more than one certificate that is not of an authority: name the keys of the secret to take")
	}
	for issued := c.leaf; ; issued = c.authorities[len(c.authorities)-1] {
		next := slices.IndexFunc(rest, func(x *x509.Certificate) bool { return issued.CheckSignatureFrom(x) == nil })
		if next < 0 {
			break
		}
		c.authorities = append(c.authorities, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	c.authorities = append(c.authorities, rest...)
	return nil
}

// leafAmong finds the certificate of the key or, without one, the first that is
// no authority's.
func (c *chain) leafAmong(found []*x509.Certificate) (int, error) {
	mine := func(*x509.Certificate) bool { return true }
	if c.private != nil {
		mine = func(x *x509.Certificate) bool { return sameKey(x.PublicKey, c.private.Public()) }
	}
	// A certificate of an authority counts where there is no other: somebody may
	// keep the pair of an authority.
	for _, suits := range []func(*x509.Certificate) bool{func(x *x509.Certificate) bool { return !isAuthority(x) && mine(x) }, mine} {
		if at := slices.IndexFunc(found, suits); at >= 0 {
			return at, nil
		}
	}
	return 0, fail("none of the certificates belongs to the private key")
}

func sameKey(a, b crypto.PublicKey) bool {
	known, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && known.Equal(b)
}

// roots returns the authorities that nobody else vouches for; without any, all.
func (c *chain) roots() []*x509.Certificate {
	roots := slices.DeleteFunc(slices.Clone(c.authorities), func(x *x509.Certificate) bool { return !isRoot(x) })
	if len(roots) == 0 {
		return c.authorities
	}
	return roots
}

// intermediates returns what a server must send along with its certificate.
func (c *chain) intermediates() []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(c.authorities), isRoot)
}

// isAuthority also takes old roots, which do not say what they are.
func isAuthority(x *x509.Certificate) bool { return x.IsCA || !x.BasicConstraintsValid && isRoot(x) }

func isRoot(x *x509.Certificate) bool { return bytes.Equal(x.RawSubject, x.RawIssuer) }

func encodeAll(certificates ...*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, x := range certificates {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: x.Raw})
	}
	return out.Bytes()
}

// toPEM writes certificate, authorities and key.
func toPEM(s *selection) ([]byte, error) {
	c, err := chainOf(s)
	if err != nil {
		return nil, err
	}
	out := append(encodeAll(c.leaf), encodeAll(c.authorities...)...)
	if c.key != nil {
		out = append(out, pem.EncodeToMemory(c.key)...)
	}
	return out, nil
}

// toTLS makes what a server or client wants: its certificate with the
// intermediates, its key, and whom to trust.
func toTLS(s *selection, r *Result) error {
	c, err := chainOf(s)
	if err != nil {
		return err
	}
	if c.key == nil {
		return fail("%q holds no private key in PEM", s.o.Query)
	}
	r.Set = []File{
		{Name: "tls.crt", Content: append(encodeAll(c.leaf), encodeAll(c.intermediates()...)...)},
		{Name: "tls.key", Content: pem.EncodeToMemory(c.key)},
	}
	if len(c.authorities) > 0 {
		r.Set = append(r.Set, File{Name: "ca.crt", Content: encodeAll(c.roots()...)})
	}
	return nil
}
