package shape

import corev1 "k8s.io/api/core/v1"

// TLS says which keys a certificate gets besides those of the answer.
type TLS struct {
	Type  string // of the Secret
	Keyed bool   // the resource has templated keys, and says itself what is in the Secret
	CA    bool   // ca.crt is written in every case
}

// AddTLS adds tls.crt, tls.key and ca.crt to the data of a certificate, where the
// Secret is one for TLS and has no templated keys. The certificate is followed by
// the authorities of its chain, or by its issuer where there is no chain; only then
// ca.crt is written, unless it always is. Keys that are there already stay.
func AddTLS(data map[string][]byte, a Answer, t TLS) {
	text := func(key string) string {
		value, _ := a.secrets.Reveal()[key].(string)
		return value
	}
	certificate, issuer, chain := text("certificate"), text("issuing_ca"), lines(a.secrets.Reveal()["ca_chain"])
	add := func(key, value string) {
		if _, taken := data[key]; !taken && value != "" {
			data[key] = []byte(value)
		}
	}
	isTLS := t.Type == string(corev1.SecretTypeTLS) && !t.Keyed
	if isTLS {
		authorities := chain
		if authorities == "" {
			authorities = issuer
		}
		if authorities != "" {
			certificate += "\n" + authorities
		}
		add(corev1.TLSCertKey, certificate)
		add(corev1.TLSPrivateKeyKey, text("private_key"))
	}
	if t.CA || isTLS && chain == "" {
		add(corev1.ServiceAccountRootCAKey, issuer)
	}
}
