package fakevault

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// pkiEngine issues real certificates, with ECDSA keys whatever a role asks for.
type pkiEngine struct {
	roles  roles[pkiRole]
	ca     *authority // made when first needed
	issued map[string]string
}

type pkiRole struct {
	ttl, maxTTL time.Duration
	domains     []string
	anyName     bool
	subdomains  bool
	bare        bool
	withLease   bool
}

// authority is a certificate that signs others.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newPKI() *pkiEngine { return &pkiEngine{roles: roles[pkiRole]{}, issued: map[string]string{}} }

func (e *pkiEngine) anonymous(c *call) bool {
	return c.op == opRead && (c.rest == "ca" || c.rest == "ca/pem" || c.rest == "ca_chain" || strings.HasPrefix(c.rest, "cert/"))
}

func (e *pkiEngine) handle(c *call) *reply {
	kind, name, _ := strings.Cut(c.rest, "/")
	switch kind {
	case "root":
		return e.generateRoot(c)
	case "roles":
		return e.role(c, name)
	case "issue":
		return e.issue(c, name)
	case "certs":
		return keysReply(slices.Sorted(maps.Keys(e.issued)))
	case "ca", "ca_chain":
		return e.rawAuthority(c, name)
	case "cert":
		return e.certificate(c, name)
	}
	return unknownPath()
}

// authority returns the CA and makes one for ten years when there is none.
func (e *pkiEngine) authority(now time.Time) (*authority, error) {
	if e.ca != nil {
		return e.ca, nil
	}
	ca, err := newAuthority("fake vault CA", now, 10*365*24*time.Hour)
	if err == nil {
		e.keep(ca)
	}
	return ca, err
}

func (e *pkiEngine) keep(ca *authority) {
	e.ca = ca
	e.issued[serialText(ca.cert.SerialNumber)] = ca.pem
}

func newAuthority(name string, now time.Time, ttl time.Duration) (*authority, error) {
	t := template(name, now, ttl)
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return sign(t, nil)
}

// template starts 30 seconds in the past, as Vault's not_before_duration says.
func template(name string, now time.Time, ttl time.Duration) *x509.Certificate {
	serial := make([]byte, 20)
	_, _ = rand.Read(serial) // never fails
	serial[0] &= 0x7f
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-30 * time.Second),
		NotAfter:     now.Add(ttl),
	}
}

// sign makes a key and a certificate, signed by the parent or by itself.
func sign(t *x509.Certificate, parent *authority) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, signerKey := t, key
	if parent != nil {
		signer, signerKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, signer, &key.PublicKey, signerKey)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key, pem: pemText("CERTIFICATE", der)}, nil
}

// pemText has no line break at its end, as in Vault's answers.
func pemText(kind string, der []byte) string {
	return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

func serialText(n *big.Int) string { return colons(n.Bytes()) }

func colons(b []byte) string {
	parts := make([]string, len(b))
	for i, v := range b {
		parts[i] = fmt.Sprintf("%02x", v)
	}
	return strings.Join(parts, ":")
}

const noAIAWarning = "This mount hasn't configured any authority information access (AIA) fields; this may make it harder for " +
	"systems to find missing certificates in the chain or to validate revocation status of certificates. Consider updating " +
	"/config/urls or the newly generated issuer with this information."

func (e *pkiEngine) generateRoot(c *call) *reply {
	if c.op != opWrite || c.rest != "root/generate/internal" {
		return unsupported()
	}
	var ttl time.Duration
	if rep := c.durations(map[string]*time.Duration{"ttl": &ttl}); rep != nil {
		return rep
	}
	ca, err := newAuthority(c.text("common_name"), c.now, firstPositive(ttl, c.s.defaultTTL))
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	e.keep(ca)
	return &reply{warnings: []string{noAIAWarning}, data: map[string]any{
		"certificate": ca.pem, "expiration": ca.cert.NotAfter.Unix(), "issuer_id": newUUID(), "issuer_name": "",
		"issuing_ca": ca.pem, "key_id": newUUID(), "key_name": "", "serial_number": serialText(ca.cert.SerialNumber),
	}}
}

// rawAuthority serves ca, ca/pem and ca_chain, which are not JSON.
func (e *pkiEngine) rawAuthority(c *call, form string) *reply {
	ca, err := e.authority(c.now)
	switch {
	case err != nil:
		return failure(http.StatusInternalServerError, err.Error())
	case c.rest == "ca" && form == "":
		return &reply{raw: ca.cert.Raw, rawType: "application/pkix-cert"}
	}
	return &reply{raw: []byte(ca.pem), rawType: "application/pem-certificate-chain"}
}

func (e *pkiEngine) certificate(c *call, serial string) *reply {
	ca, err := e.authority(c.now)
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	text := e.issued[serial]
	if serial == "ca" {
		text = ca.pem
	}
	if text == "" {
		return notFound()
	}
	return dataReply(map[string]any{
		"authority_key_id": colons(ca.cert.SubjectKeyId), "certificate": text,
		"revocation_time": 0, "revocation_time_rfc3339": "",
	})
}
