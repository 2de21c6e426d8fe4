package fakevault

import (
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// role serves roles/NAME. It knows the fields that decide over names and TTLs.
func (e *pkiEngine) role(c *call, name string) *reply {
	if rep := e.roles.serve(c, name, pkiRole.describe); rep != nil {
		return rep
	}
	r := e.roles[name]
	if rep := c.durations(map[string]*time.Duration{"ttl": &r.ttl, "max_ttl": &r.maxTTL}); rep != nil {
		return rep
	}
	r.domains, r.anyName = c.words("allowed_domains"), c.flag("allow_any_name", false)
	r.subdomains, r.bare = c.flag("allow_subdomains", false), c.flag("allow_bare_domains", false)
	r.withLease = c.flag("generate_lease", false)
	e.roles[name] = r
	return dataReply(r.describe())
}

func (r pkiRole) describe() map[string]any {
	return map[string]any{
		"allow_any_name": r.anyName, "allow_bare_domains": r.bare, "allow_subdomains": r.subdomains,
		"allowed_domains": append([]string{}, r.domains...), "generate_lease": r.withLease,
		"key_type": "ec", "key_bits": 256, "max_ttl": seconds(r.maxTTL), "ttl": seconds(r.ttl),
	}
}

func (e *pkiEngine) issue(c *call, name string) *reply {
	if c.op != opWrite {
		return unsupported()
	}
	r, known := e.roles[name]
	if !known {
		return badRequest("unknown role: %s", name)
	}
	ttl, warnings, rep := r.lifetime(c)
	if rep != nil {
		return rep
	}
	names, rep := r.names(c)
	if rep != nil {
		return rep
	}
	return e.deliver(c, r, ttl, names, warnings)
}

// lifetime caps the wish at the role's maximum. Vault checks it twice and so
// warns twice.
func (r pkiRole) lifetime(c *call) (time.Duration, []string, *reply) {
	var wish time.Duration
	if rep := c.durations(map[string]*time.Duration{"ttl": &wish}); rep != nil {
		return 0, nil, rep
	}
	ttl, limit := firstPositive(wish, r.ttl, c.s.defaultTTL), firstPositive(r.maxTTL, c.s.maxTTL)
	if ttl <= limit {
		return ttl, nil, nil
	}
	w := fmt.Sprintf("TTL %q is longer than permitted maxTTL %q, so maxTTL is being used", ttl, limit)
	return limit, []string{w, w}, nil
}

// names are the DNS names of the certificate; the common name comes first.
func (r pkiRole) names(c *call) ([]string, *reply) {
	common := c.text("common_name")
	if common == "" {
		return nil, badRequest(`the common_name field is required, or must be provided in a CSR with "use_csr_common_name" ` +
			`set to true, unless "require_cn" is set to false`)
	}
	if !r.allows(common) {
		return nil, badRequest("common name %s not allowed by this role", common)
	}
	names := []string{common}
	for _, n := range c.words("alt_names") {
		if !r.allows(n) {
			return nil, badRequest("subject alternate name %s not allowed by this role", n)
		}
		names = append(names, n)
	}
	slices.Sort(names[1:])
	return slices.Compact(names), nil
}

func (r pkiRole) allows(name string) bool {
	if r.anyName || name == "localhost" {
		return true
	}
	return slices.ContainsFunc(r.domains, func(d string) bool {
		return (r.bare && name == d) || (r.subdomains && strings.HasSuffix(name, "."+d))
	})
}

func (e *pkiEngine) deliver(c *call, r pkiRole, ttl time.Duration, names, warnings []string) *reply {
	ca, err := e.authority(c.now)
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	t := template(names[0], c.now, ttl)
	if end := ca.cert.NotAfter; t.NotAfter.After(end) {
		return badRequest("cannot satisfy request, as TTL would result in notAfter of %s that is beyond the expiration of the CA certificate at %s",
			stamp(t.NotAfter), stamp(end))
	}
	t.DNSNames, t.IPAddresses = names, addresses(c.words("ip_sans"))
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	leaf, err := sign(t, ca)
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	e.issued[serialText(leaf.cert.SerialNumber)] = leaf.pem
	return e.leased(c, r, leaf.cert.NotAfter, &reply{warnings: warnings, data: certificateData(c, leaf, ca)})
}

// leased gives the answer a lease until the certificate's end if the role is made
// so. It is never renewable.
func (e *pkiEngine) leased(c *call, r pkiRole, end time.Time, rep *reply) *reply {
	if !r.withLease {
		return rep
	}
	l, more, err := c.lend(terms{ttl: end.Sub(c.now)}, false)
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	rep.lease, rep.warnings = l, append(rep.warnings, more...)
	return rep
}

func addresses(texts []string) []net.IP {
	var out []net.IP
	for _, t := range texts {
		if ip := net.ParseIP(t); ip != nil {
			out = append(out, ip)
		}
	}
	return out
}

func certificateData(c *call, leaf, ca *authority) map[string]any {
	key := keyText(leaf.key, c.text("private_key_format"))
	cert := leaf.pem
	if c.text("format") == "pem_bundle" {
		cert = strings.Join([]string{keyText(leaf.key, ""), leaf.pem, ca.pem}, "\n")
	}
	return map[string]any{
		"authority_key_id": colons(ca.cert.SubjectKeyId), "ca_chain": []string{ca.pem}, "certificate": cert,
		"expiration": leaf.cert.NotAfter.Unix(), "issuing_ca": ca.pem, "private_key": key, "private_key_type": "ec",
		"serial_number": serialText(leaf.cert.SerialNumber),
	}
}

func keyText(key *ecdsa.PrivateKey, format string) string {
	if format == "pkcs8" {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			panic("fakevault: encode a key of its own: " + err.Error())
		}
		return pemText("PRIVATE KEY", der)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic("fakevault: encode a key of its own: " + err.Error())
	}
	return pemText("EC PRIVATE KEY", der)
}
