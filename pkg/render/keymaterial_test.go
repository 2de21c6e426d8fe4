package render_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// materialOf reads PEM texts.
func materialOf(t testing.TB, texts ...string) *render.KeyMaterial {
	t.Helper()
	var all []sensitive.String
	for _, text := range texts {
		all = append(all, sensitive.New(text))
	}
	m, err := render.ParseKeyMaterial(all...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestKeyMaterialIsAFormat has that both ways make the same keystores.
func TestKeyMaterialIsAFormat(t *testing.T) {
	i := readIssued(t)
	m := materialOf(t, i.key, i.root, i.leaf, i.intermediate)
	p12, err := m.PKCS12(sensitive.New("changeit"))
	if err != nil || !bytes.Equal(p12, keystoreOf(t, "pkcs12", "changeit")) {
		t.Errorf("another PKCS #12 keystore, error %v", err)
	}
	jks, err := m.JKS("", sensitive.New("changeit"))
	if err != nil || !bytes.Equal(jks, keystoreOf(t, "jks", "changeit")) {
		t.Errorf("another Java keystore, error %v", err)
	}
}

func TestTruststores(t *testing.T) {
	i := readIssued(t)
	m, password := materialOf(t, i.leaf, i.intermediate, i.root), sensitive.New("changeit")
	p12, err := m.PKCS12Truststore(password)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := pkcs12.DecodeTrustStore(p12, "changeit")
	if err != nil {
		t.Fatal(err)
	}
	var got string
	for _, x := range trusted {
		got += pemOf(x.Raw)
	}
	if diff := cmp.Diff(i.intermediate+i.root, got); diff != "" {
		t.Errorf("PKCS #12 (-want +got):\n%s", diff)
	}

	jks, err := m.JKSTruststore(password)
	if err != nil {
		t.Fatal(err)
	}
	store := keystore.New(keystore.WithOrderedAliases())
	if err := store.Load(bytes.NewReader(jks), []byte("changeit")); err != nil {
		t.Fatal(err)
	}
	got = ""
	for _, alias := range store.Aliases() {
		entry, err := store.GetTrustedCertificateEntry(alias)
		if err != nil {
			t.Fatal(err)
		}
		got += alias + " " + pemOf(entry.Certificate.Content)
	}
	if diff := cmp.Diff("ca-1 "+i.intermediate+"ca-2 "+i.root, got); diff != "" {
		t.Errorf("JKS (-want +got):\n%s", diff)
	}
	for name, again := range map[string]func(sensitive.String) ([]byte, error){"p12": m.PKCS12Truststore, "jks": m.JKSTruststore} {
		first, _ := again(password)
		// Often enough that an order left to chance would show.
		for range 100 {
			if next, _ := again(password); !bytes.Equal(first, next) {
				t.Fatalf("%s: the same authorities make other bytes", name)
			}
		}
	}
}

func TestKeyMaterialErrors(t *testing.T) {
	i := readIssued(t)
	whole, bare := materialOf(t, i.leaf, i.key, i.root), materialOf(t, i.leaf)
	encrypted := materialOf(t, i.leaf, strings.ReplaceAll(i.key, "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"))
	use := func(f func(sensitive.String) ([]byte, error), password string) error {
		_, err := f(sensitive.New(password))
		return err
	}
	jks := func(m *render.KeyMaterial) func(sensitive.String) ([]byte, error) {
		return func(p sensitive.String) ([]byte, error) { return m.JKS("a", p) }
	}
	_, none := render.ParseKeyMaterial(sensitive.New(i.key))
	_, broken := render.ParseKeyMaterial(sensitive.New("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	const empty, noAuthority = "the password is empty", "there is no certificate of an authority"
	cases := map[string]struct {
		err  error
		want string
	}{
		"None":         {none, "there is no certificate in PEM"},
		"Broken":       {broken, "there is a certificate that cannot be read"},
		"NoKey":        {use(bare.PKCS12, "a"), "there is no private key in PEM"},
		"NoKeyJKS":     {use(jks(bare), "a"), "there is no private key in PEM"},
		"Encrypted":    {use(encrypted.PKCS12, "a"), "the private key is encrypted, which a keystore does not take"},
		"Empty":        {use(whole.PKCS12, ""), empty},
		"EmptyJKS":     {use(jks(whole), ""), empty},
		"EmptyTrust":   {use(whole.PKCS12Truststore, ""), empty},
		"NoAuthority":  {use(bare.PKCS12Truststore, "a"), noAuthority},
		"NoAuthority2": {use(bare.JKSTruststore, "a"), noAuthority},
		"Plane":        {use(whole.PKCS12, "😀"), "the password of a PKCS#12 keystore may hold only characters of the basic plane of Unicode"},
		"PlaneTrust":   {use(whole.PKCS12Truststore, "😀"), "the password of a PKCS#12 keystore may hold only characters of the basic plane of Unicode"},
		"Latin":        {use(jks(whole), "€"), "the password of a Java keystore may hold only characters of ISO 8859-1"},
		"LatinTrust":   {use(whole.JKSTruststore, "€"), "the password of a Java keystore may hold only characters of ISO 8859-1"},
	}
	for name, tc := range cases {
		if tc.err == nil || tc.err.Error() != tc.want {
			t.Errorf("%s: error %v, want %s", name, tc.err, tc.want)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", whole, whole, whole); text != "[redacted] [redacted] [redacted]" {
		t.Error(text)
	}
}
