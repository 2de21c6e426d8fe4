package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"testing"
	"time"
)

func poolOf(t testing.TB, bundle []byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		t.Fatal("no certificate in the bundle")
	}
	return pool
}

func TestBundle(t *testing.T) {
	first, second, third := newTestAuthority(t, start()), newTestAuthority(t, start()), newTestAuthority(t, start())
	over := newTestAuthority(t, start().Add(-AuthorityLife-time.Hour))
	join := func(all ...[]byte) []byte { return slices.Concat(all...) }
	spaced := append([]byte("# ours\n"), first.PEM()...)
	cases := map[string]struct{ current, want []byte }{
		"empty":          {nil, first.PEM()},
		"right":          {first.PEM(), first.PEM()},
		"right, spaced":  {spaced, spaced},
		"one before":     {second.PEM(), join(second.PEM(), first.PEM())},
		"kept":           {join(second.PEM(), first.PEM()), join(second.PEM(), first.PEM())},
		"only the last":  {join(second.PEM(), third.PEM()), join(third.PEM(), first.PEM())},
		"other order":    {join(first.PEM(), second.PEM()), join(second.PEM(), first.PEM())},
		"over":           {over.PEM(), first.PEM()},
		"not readable":   {[]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), first.PEM()},
		"something else": {[]byte("hello"), first.PEM()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Bundle(tc.current, first, start())
			if !bytes.Equal(got, tc.want) {
				t.Errorf("got %s\nwant %s", got, tc.want)
			}
			if again := Bundle(got, first, start()); !bytes.Equal(again, got) {
				t.Error("a second time changes it")
			}
		})
	}
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
