package certs

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"testing"
)

func poolOf(t testing.TB, bundle []byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		t.Fatal("no certificate in the bundle")
	}
	return pool
}

func TestTrusts(t *testing.T) {
	a, other := newTestAuthority(t, start()), newTestAuthority(t, start())
	c := issue(t, a, start(), "injector")
	const prefix = "the bundle of the webhook's configuration "
	cases := map[string]struct {
		bundle      []byte
		certificate *tls.Certificate
		want        string
	}{
		"right":  {a.PEM(), c, ""},
		"both":   {slices.Concat(other.PEM(), a.PEM()), c, ""},
		"other":  {other.PEM(), c, prefix + "does not trust the serving certificate: "},
		"blank":  {nil, c, prefix + "holds no certificate"},
		"none":   {a.PEM(), nil, "there is no serving certificate yet"},
		"no cut": {a.PEM(), &tls.Certificate{}, "there is no serving certificate yet"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := text(Trusts(tc.bundle, tc.certificate, "injector", start()))
			if tc.want == "" && got != "" || len(got) < len(tc.want) || got[:len(tc.want)] != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
