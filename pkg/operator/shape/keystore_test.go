package shape_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// issued is an answer of a PKI engine with a true certificate, after some edits.
func issued(t *testing.T, edit func(map[string]any)) shape.Answer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(name string, authority bool) string {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
			IsCA: authority, BasicConstraintsValid: true,
		}
		issuer := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(rand.Reader, c, issuer, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	tree := map[string]any{
		"serial_number": "1", "certificate": sign("leaf", false), "issuing_ca": sign("ca", true),
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
	}
	if edit != nil {
		edit(tree)
	}
	a, err := shape.FromPKI(sensitive.NewData(tree))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAddKeystores(t *testing.T) {
	ref := v1beta1.SecretKeyRef{Name: "password", Key: "password"}
	plain := &v1beta1.Keystore{PasswordSecretRef: ref}
	both := &v1beta1.Keystores{PKCS12: plain, JKS: &v1beta1.Keystore{Key: "a.jks", TruststoreKey: "t.jks", PasswordSecretRef: ref}}
	missing := errors.New("secret shop/password does not exist")
	cases := map[string]struct {
		spec   *v1beta1.Keystores
		edit   func(map[string]any)
		noWord error
		want   []string // keys
		err    string
	}{
		"None":      {want: []string{"taken"}},
		"Neither":   {spec: &v1beta1.Keystores{}, want: []string{"taken"}},
		"Both":      {spec: both, want: []string{"a.jks", "keystore.p12", "t.jks", "taken"}},
		"NamedP12":  {spec: &v1beta1.Keystores{PKCS12: &v1beta1.Keystore{Key: "a.p12", TruststoreKey: "t.p12", PasswordSecretRef: ref}}, want: []string{"a.p12", "t.p12", "taken"}},
		"OfBundle":  {spec: both, edit: func(m map[string]any) { m["certificate"] = m["certificate"].(string) + m["private_key"].(string) }, want: []string{"a.jks", "keystore.p12", "t.jks", "taken"}},
		"OfChain":   {spec: both, edit: func(m map[string]any) { m["ca_chain"] = []any{m["issuing_ca"]}; delete(m, "issuing_ca") }, want: []string{"a.jks", "keystore.p12", "t.jks", "taken"}},
		"DER":       {spec: both, edit: func(m map[string]any) { m["certificate"], m["issuing_ca"] = "TUlJ", "TUlJ" }, err: "keystores: there is no certificate in PEM"},
		"NoKey":     {spec: &v1beta1.Keystores{PKCS12: plain}, edit: func(m map[string]any) { delete(m, "private_key") }, err: "keystores.pkcs12: there is no private key in PEM"},
		"Passwords": {spec: both, noWord: missing, err: "keystores.pkcs12: secret shop/password does not exist\nkeystores.jks: secret shop/password does not exist"},
		"Taken":     {spec: &v1beta1.Keystores{JKS: &v1beta1.Keystore{Key: "taken", PasswordSecretRef: ref}}, err: `keystores.jks: something else is written to the key "taken"`},
		"Same":      {spec: &v1beta1.Keystores{JKS: &v1beta1.Keystore{Key: "k", TruststoreKey: "k", PasswordSecretRef: ref}}, err: `keystores.jks: something else is written to the key "k"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			data := map[string][]byte{"taken": nil}
			err := shape.AddKeystores(data, issued(t, tc.edit), tc.spec, func(asked v1beta1.SecretKeyRef) (sensitive.String, error) {
				if asked != ref {
					t.Errorf("asked for %v", asked)
				}
				return sensitive.New("changeit"), tc.noWord
			})
			if text(err) != tc.err {
				t.Fatalf("error %q, want %q", text(err), tc.err)
			}
			var keys []string
			for key := range data {
				keys = append(keys, key)
			}
			slices.Sort(keys)
			if diff := cmp.Diff(tc.want, keys); err == nil && diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKeystoreOpens has that a keystore holds the certificate, and stays the same.
func TestKeystoreOpens(t *testing.T) {
	a, spec := issued(t, nil), &v1beta1.Keystores{PKCS12: &v1beta1.Keystore{}}
	word := func(v1beta1.SecretKeyRef) (sensitive.String, error) { return sensitive.New("changeit"), nil }
	first, second := map[string][]byte{}, map[string][]byte{}
	if err := errors.Join(shape.AddKeystores(first, a, spec, word), shape.AddKeystores(second, a, spec, word)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error("the same certificate makes another keystore")
	}
	_, leaf, authorities, err := pkcs12.DecodeChain(first["keystore.p12"], "changeit")
	if err != nil || leaf.Subject.CommonName != "leaf" || len(authorities) != 1 {
		t.Errorf("it holds %v and %d authorities, error %v", leaf, len(authorities), err)
	}
}
