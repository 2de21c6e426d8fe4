package render_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// pki is a chain of certificates in PEM, each with a newline at its end.
type pki struct{ leaf, key, ca, root string }

var (
	notBefore = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = notBefore.Add(24 * time.Hour)
)

func newPKI(t *testing.T) pki {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pki{
		leaf: newCertificate(t, key, "leaf", false), ca: newCertificate(t, key, "ca", true), root: newCertificate(t, key, "root", true),
		key: string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
	}
}

func newCertificate(t *testing.T, key *ecdsa.PrivateKey, name string, authority bool) string {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: notBefore, NotAfter: notAfter,
		IsCA: authority, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// bundleOf copies what a Bundle holds into a type that cmp may print.
func bundleOf(b render.Bundle) map[string]any {
	return map[string]any{"cert": b.Cert, "key": b.Key, "ca": b.CA, "chain": b.CAChain, "from": b.NotBefore, "to": b.NotAfter}
}

func TestParsePEMBundle(t *testing.T) {
	p := newPKI(t)
	trim := strings.TrimSpace
	cases := map[string]struct {
		text string
		want render.Bundle
	}{
		"all":                  {p.leaf + p.key + p.ca + p.root, render.Bundle{Cert: p.leaf, Key: p.key, CA: p.ca, CAChain: []string{p.ca, p.root}}},
		"any order":            {p.root + p.key + p.ca + p.leaf, render.Bundle{Cert: p.leaf, Key: p.key, CA: p.root, CAChain: []string{p.root, p.ca}}},
		"certificate alone":    {p.leaf, render.Bundle{Cert: p.leaf}},
		"no key":               {p.leaf + p.ca, render.Bundle{Cert: p.leaf, CA: p.ca, CAChain: []string{p.ca}}},
		"duplicates":           {p.leaf + p.ca + p.root + p.ca, render.Bundle{Cert: p.leaf, CA: p.ca, CAChain: []string{p.ca, p.root}}},
		"text between blocks":  {"# one\n" + p.leaf + "\n\n# two\n" + p.key + "end", render.Bundle{Cert: p.leaf, Key: p.key}},
		"no newline at end":    {trim(p.leaf) + "\n" + trim(p.key), render.Bundle{Cert: p.leaf, Key: p.key}},
		"carriage returns":     {strings.ReplaceAll(p.leaf, "\n", "\r\n"), render.Bundle{Cert: p.leaf}},
		"other blocks":         {p.leaf + "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n", render.Bundle{Cert: p.leaf}},
		"first leaf wins":      {p.leaf + newPKI(t).leaf, render.Bundle{Cert: p.leaf}},
		"pkcs8 or other a key": {p.leaf + strings.ReplaceAll(p.key, "EC PRIVATE KEY", "PRIVATE KEY"), render.Bundle{Cert: p.leaf, Key: strings.ReplaceAll(p.key, "EC PRIVATE KEY", "PRIVATE KEY")}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := render.ParsePEMBundle([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			c.want.NotBefore, c.want.NotAfter = notBefore, notAfter
			if diff := cmp.Diff(bundleOf(c.want), bundleOf(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParsePEMBundleErrors(t *testing.T) {
	p := newPKI(t)
	const broken = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "parse PEM: no certificate but those of authorities"},
		"no PEM":           {"hello", "parse PEM: no certificate but those of authorities"},
		"key alone":        {p.key, "parse PEM: no certificate but those of authorities"},
		"authority alone":  {p.ca, "parse PEM: no certificate but those of authorities"},
		"broken":           {broken, "parse PEM block 1: invalid certificate"},
		"broken after one": {p.leaf + p.key + broken, "parse PEM block 3: invalid certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := render.ParsePEMBundle([]byte(c.text))
			if err == nil || err.Error() != c.want || b.Cert != "" {
				t.Errorf("bundle with certificate %q, error %v, want %s", b.Cert, err, c.want)
			}
		})
	}
}

func TestBundleAsResponse(t *testing.T) {
	p := newPKI(t)
	for name, text := range map[string]string{"all": p.leaf + p.key + p.ca + p.root, "certificate and key": p.leaf + p.key} {
		t.Run(name, func(t *testing.T) {
			b, err := render.ParsePEMBundle([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			source := render.SourceFunc(func(secret.Query) *secret.State { return &secret.State{Response: b.Response()} })
			result, err := parse(t, `{{ with pkiCert "x" }}{{ .Cert }}{{ .Key }}{{ range .CAChain }}{{ . }}{{ end }}{{ end }}`, render.Options{}).Execute(source)
			if err != nil || string(result.Output) != text {
				t.Errorf("a bundle does not survive the way through a response: %q, %v", result.Output, err)
			}
		})
	}
}

func TestBundleDoesNotPrintItself(t *testing.T) {
	b := render.Bundle{Key: canary}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "bundle", b)
	for _, text := range []string{fmt.Sprint(b), fmt.Sprintf("%+v", &b), fmt.Sprintf("%#v", b), log.String()} {
		if strings.Contains(text, canary) || !strings.Contains(text, sensitive.Redacted) {
			t.Errorf("printed: %s", text)
		}
	}
}

func TestPKICert(t *testing.T) {
	p := newPKI(t)
	trim := strings.TrimSpace
	const text = `{{ with pkiCert "pki/issue/app" "common_name=app" }}{{ .Cert }}{{ .Data.CA }}{{ .Data.Data.Key }}{{ range .CAChain }}chain {{ . }}{{ end }}{{ end }}`
	cases := map[string]struct {
		data map[string]any
		want string
	}{
		"as Vault answers": {
			map[string]any{"certificate": trim(p.leaf), "private_key": trim(p.key), "issuing_ca": trim(p.ca), "ca_chain": []any{trim(p.ca), trim(p.root)}},
			p.leaf + p.ca + p.key + "chain " + p.ca + "chain " + p.root,
		},
		"no chain":                 {map[string]any{"certificate": p.leaf, "private_key": p.key, "issuing_ca": p.ca}, p.leaf + p.ca + p.key + "chain " + p.ca},
		"chain only":               {map[string]any{"certificate": p.leaf, "private_key": p.key, "ca_chain": []any{p.root}}, p.leaf + p.root + p.key + "chain " + p.root},
		"one bundle":               {map[string]any{"certificate": p.key + p.leaf + p.ca}, p.leaf + p.ca + p.key + "chain " + p.ca},
		"signed, so without a key": {map[string]any{"certificate": p.leaf, "issuing_ca": p.ca}, p.leaf + p.ca + "chain " + p.ca},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			have := store{"pki pki/issue/app (common_name)": {Data: sensitive.NewData(c.data)}}
			result, err := parse(t, text, render.Options{}).Execute(have)
			if err != nil || string(result.Output) != c.want {
				t.Errorf("output = %q, error = %v\nwant     %q", result.Output, err, c.want)
			}
		})
	}
}

func TestPKICertErrors(t *testing.T) {
	p := newPKI(t)
	for name, data := range map[string]map[string]any{
		"no data":       nil,
		"DER":           {"certificate": "MIIB" + canary},
		"wrong type":    {"certificate": 5},
		"key alone":     {"private_key": p.key},
		"CA is no leaf": {"certificate": p.ca},
	} {
		t.Run(name, func(t *testing.T) {
			have := store{"pki x": {Data: sensitive.NewData(data)}}
			_, err := parse(t, `{{ pkiCert "x" }}`, render.Options{}).Execute(have)
			want := `template "app.conf", line 1, column 4: function "pkiCert": the answer holds no certificate in PEM`
			if err == nil || err.Error() != want {
				t.Errorf("error = %v\nwant    %s", err, want)
			}
		})
	}
}
