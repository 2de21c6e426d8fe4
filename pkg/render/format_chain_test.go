package render_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// issued is the answer that testdata holds, in pieces with a line break at their end.
type issued struct {
	data                          sensitive.Data
	leaf, key, intermediate, root string
}

func readIssued(t testing.TB) issued {
	t.Helper()
	data := readFixture(t, "issued.json")
	text := func(v any) string { return v.(string) + "\n" }
	tree := data.Reveal()
	authorities := tree["ca_chain"].([]any)
	return issued{
		data: data, leaf: text(tree["certificate"]), key: text(tree["private_key"]), intermediate: text(authorities[0]), root: text(authorities[1]),
	}
}

// pkcs8 returns a PEM key in the other notation.
func pkcs8(t testing.TB, key string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(key))
	parsed, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestFormatPEM(t *testing.T) {
	i, other := readIssued(t), newPKI(t)
	encrypted := strings.ReplaceAll(i.key, "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
	cases := map[string]struct {
		data   sensitive.Data
		keys   []string
		want   string
		reason string
	}{
		"issued":        {data: i.data, want: i.leaf + i.intermediate + i.root + i.key},
		"sorted":        {data: asData(map[string]string{"a": i.root + i.key, "b": i.intermediate, "c": i.leaf}), want: i.leaf + i.intermediate + i.root + i.key, reason: "from the leaf upwards"},
		"bundle":        {data: asData(map[string]string{"pem": "# mine\n" + i.leaf + i.key + i.intermediate + i.leaf}), want: i.leaf + i.intermediate + i.key, reason: "once each"},
		"no key":        {data: asData(map[string]string{"c": i.leaf, "ca": i.intermediate}), want: i.leaf + i.intermediate},
		"no authority":  {data: asData(map[string]string{"c": i.leaf, "k": i.key}), want: i.leaf + i.key},
		"keys":          {data: i.data, keys: []string{"certificate", "private_key"}, want: i.leaf + i.key},
		"pair by key":   {data: asData(map[string]string{"a": i.root, "b": other.ca, "c": other.key}), want: other.ca + i.root + other.key, reason: "the certificate of an authority, with its key"},
		"strangers":     {data: asData(map[string]string{"a": other.root, "b": i.leaf, "c": i.key, "d": i.intermediate}), want: i.leaf + i.intermediate + other.root + i.key, reason: "authorities of no part in the chain come last"},
		"PKCS 8":        {data: asData(map[string]string{"c": i.leaf, "k": pkcs8(t, i.key)}), want: i.leaf + pkcs8(t, i.key)},
		"encrypted key": {data: asData(map[string]string{"c": i.leaf, "k": encrypted}), want: i.leaf + encrypted, reason: "is passed on"},
		"only a root":   {data: asData(map[string]string{"c": i.root}), want: i.root},
		"other blocks":  {data: asData(map[string]string{"c": i.leaf + "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"}), want: i.leaf},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := formatted(t, render.FormatOptions{Format: "pem", Keys: tc.keys}, tc.data)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestFormatTLS(t *testing.T) {
	i := readIssued(t)
	cases := map[string]struct {
		data   sensitive.Data
		want   string
		reason string
	}{
		"issued":       {data: i.data, want: "tls.crt: " + i.leaf + i.intermediate + "\ntls.key: " + i.key + "\nca.crt: " + i.root},
		"no root":      {data: asData(map[string]string{"a": i.leaf, "b": i.key, "c": i.intermediate}), want: "tls.crt: " + i.leaf + i.intermediate + "\ntls.key: " + i.key + "\nca.crt: " + i.intermediate, reason: "the best there is to trust"},
		"no authority": {data: asData(map[string]string{"a": i.leaf, "b": i.key}), want: "tls.crt: " + i.leaf + "\ntls.key: " + i.key},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := formatted(t, render.FormatOptions{Format: "tls"}, tc.data)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestFormatChainFailures(t *testing.T) {
	i, other := readIssued(t), newPKI(t)
	password := render.Keystore{PasswordKey: "password"}
	cases := map[string]struct {
		format string
		data   map[string]string
		want   string
	}{
		"no key":        {format: "tls", data: map[string]string{"c": i.leaf}, want: `template "app.out": "read secret/app" holds no private key in PEM`},
		"two keys":      {format: "pem", data: map[string]string{"c": i.leaf, "k": i.key, "l": other.key}, want: `template "app.out": there is more than one private key: name the keys of the secret to take`},
		"two leaves":    {format: "pem", data: map[string]string{"c": i.leaf, "d": other.leaf, "k": i.key}, want: `template "app.out": there is more than one certificate that is not of an authority: name the keys of the secret to take`},
		"other key":     {format: "pem", data: map[string]string{"c": i.leaf, "k": other.key}, want: `template "app.out": none of the certificates belongs to the private key`},
		"keystore":      {format: "jks", data: map[string]string{"c": i.leaf, "password": canary}, want: `template "app.out": "read secret/app" holds no private key in PEM`},
		"no chain":      {format: "jks", data: map[string]string{"password": canary}, want: `template "app.out": "read secret/app" holds no certificate in PEM`},
		"encrypted key": {format: "pkcs12", data: map[string]string{"c": i.leaf, "k": strings.ReplaceAll(i.key, "EC PRIVATE", "ENCRYPTED PRIVATE"), "password": canary}, want: `template "app.out": the private key is encrypted, which a keystore does not take`},
		"no password":   {format: "pkcs12", data: map[string]string{"c": i.leaf}, want: `template "app.out": "read secret/app" has no key "password"`},
		"empty":         {format: "pkcs12", data: map[string]string{"password": ""}, want: `template "app.out": the key "password" of "read secret/app" holds no password`},
		"latin":         {format: "jks", data: map[string]string{"c": i.leaf, "k": i.key, "password": canary + "€"}, want: `template "app.out": the password of a Java keystore may hold only characters of ISO 8859-1`},
		"plane":         {format: "pkcs12", data: map[string]string{"c": i.leaf, "k": i.key, "password": canary + "😀"}, want: `template "app.out": the password of a PKCS#12 keystore may hold only characters of the basic plane of Unicode`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := render.FormatOptions{Format: tc.format}
			if tc.format == "jks" || tc.format == "pkcs12" {
				o.Keystore = password
			}
			if diff := cmp.Diff(tc.want, formatFailure(t, o, asData(tc.data))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A root from before there were constraints in certificates does not say that it
// is an authority.
func TestFormatPEMWithAnOldRoot(t *testing.T) {
	i := readIssued(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "old root"}, NotBefore: notBefore, NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	data := asData(map[string]string{"a": pemOf(der), "b": i.leaf, "c": i.key})
	if diff := cmp.Diff(i.leaf+pemOf(der)+i.key, formatted(t, render.FormatOptions{Format: "pem"}, data)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What the function pkiCert of a template holds makes the same files.
func TestFormatOfABundle(t *testing.T) {
	i := readIssued(t)
	b, err := render.ParsePEMBundle([]byte(i.leaf + i.key + i.intermediate + i.root))
	if err != nil {
		t.Fatal(err)
	}
	want := formatted(t, render.FormatOptions{Format: "tls"}, i.data)
	if diff := cmp.Diff(want, formatted(t, render.FormatOptions{Format: "tls"}, b.Response().Data)); diff != "" {
		t.Errorf("(-issued +bundle):\n%s", diff)
	}
}

// A format asks with its own operation, so that the store keeps the certificate.
func TestFormatAsksForACertificate(t *testing.T) {
	i := readIssued(t)
	q := render.FormatQuery("pem", "pki/issue/web", map[string]string{"common_name": "app.example.com"})
	var asked secret.Query
	_, err := newFormat(t, render.FormatOptions{Format: "pem", Query: q}).Execute(render.SourceFunc(func(q secret.Query) *secret.State {
		asked = q
		return holding(i.data)(q)
	}))
	if err != nil || asked != q || asked.Op != secret.PKI {
		t.Errorf("asked %v, %v", asked, err)
	}
}

func FuzzFormatPEM(f *testing.F) {
	i := readIssued(f)
	f.Add(i.leaf, i.key)
	f.Add(i.leaf+i.intermediate, i.root)
	f.Add("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, format := range []string{"pem", "tls"} {
			r, err := newFormat(t, render.FormatOptions{Format: format}).Execute(holding(asData(map[string]string{"a": a, "b": b})))
			if (err == nil) != (r.Output != nil || r.Set != nil) {
				t.Errorf("%v beside %+v", err, r)
			}
		}
	})
}
