package csi

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pavlo-v-chernykh/keystore-go/v4"
	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"
	"software.sslmate.com/src/go-pkcs12"
)

// storePassword is that of the keystores, and in the secret beside what they hold.
const storePassword = canary + "-store"

// newIssuer makes a world whose Vault issues certificates for a day.
func newIssuer(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.vault.EnablePKI("pki")
	w.vault.PKIRole("pki", "web", 24*time.Hour)
	return w
}

// issue has Vault issue a certificate, and keeps it in the secret secret/tls with
// the password of keystores.
func (w *world) issue(name string) map[string]string {
	w.t.Helper()
	all := w.mount(aPod("orders-sa", 99), class("orders",
		`- {objectName: issued, secretPath: pki/issue/web, secretKey: "*", method: PUT, secretArgs: {common_name: `+name+`}}`))
	data := map[string]any{"password": storePassword}
	issued := map[string]string{}
	for _, key := range []string{"certificate", "private_key", "issuing_ca"} {
		data[key], issued[key] = all["issued/"+key], all["issued/"+key]
	}
	w.vault.PutKV("secret", "tls", data)
	return issued
}

// der returns the only block of a PEM text.
func der(t *testing.T, text string) []byte {
	t.Helper()
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		t.Fatalf("not one PEM block: %q", text)
	}
	return block.Bytes
}

// checkStore compares what a keystore holds with what was issued.
func checkStore(t *testing.T, issued map[string]string, key any, chain ...[]byte) {
	t.Helper()
	want, err := x509.ParseECPrivateKey(der(t, issued["private_key"]))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := key.(*ecdsa.PrivateKey); !ok || !got.Equal(crypto.PrivateKey(want)) {
		t.Errorf("another private key: %T", key)
	}
	if diff := cmp.Diff([][]byte{der(t, issued["certificate"]), der(t, issued["issuing_ca"])}, chain); diff != "" {
		t.Errorf("chain (-want +got):\n%s", diff)
	}
}

func checkPKCS12(t *testing.T, issued map[string]string, content string) {
	t.Helper()
	key, leaf, authorities, err := pkcs12.DecodeChain([]byte(content), storePassword)
	if err != nil || len(authorities) != 1 {
		t.Fatalf("%d authorities, %v", len(authorities), err)
	}
	checkStore(t, issued, key, leaf.Raw, authorities[0].Raw)
}

func checkJKS(t *testing.T, issued map[string]string, alias, content string) {
	t.Helper()
	store := keystore.New()
	if err := store.Load(strings.NewReader(content), []byte(storePassword)); err != nil {
		t.Fatal(err)
	}
	entry, err := store.GetPrivateKeyEntry(alias, []byte(storePassword))
	if err != nil || len(entry.CertificateChain) != 2 {
		t.Fatalf("%q with %d certificates: %v", store.Aliases(), len(entry.CertificateChain), err)
	}
	key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	checkStore(t, issued, key, entry.CertificateChain[0].Content, entry.CertificateChain[1].Content)
}

// TestCertificateFormatsOfAClass mounts one certificate in every form that an
// application may want, and opens each as the application would.
func TestCertificateFormatsOfAClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newIssuer(t)
		issued := w.issue("a.example.com")
		const of = ", secretPath: secret/data/tls, "
		keys := "keys: [certificate, private_key, issuing_ca]}\n"
		m := w.call(aPod("orders-sa", 1), class("orders", ""+
			"- {objectName: store/app.p12"+of+"format: pkcs12, passwordKey: password, filePermission: 0400}\n"+
			"- {objectName: store/app.jks"+of+"format: jks, passwordKey: password, alias: web}\n"+
			"- {objectName: app.pem"+of+"format: pem, "+keys+"- {objectName: tls"+of+"format: tls, "+keys))
		got := w.send(m)
		checkPKCS12(t, issued, got["store/app.p12"])
		checkJKS(t, issued, "web", got["store/app.jks"])
		checkPairs(t, got)
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(got["tls/ca.crt"])) {
			t.Errorf("no authority in tls/ca.crt: %q", got["tls/ca.crt"])
		}
		leaf, err := x509.ParseCertificate(der(t, issued["certificate"]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "a.example.com", CurrentTime: time.Now()}); err != nil {
			t.Error(err)
		}
		if len(got) != 6 {
			t.Errorf("%d files", len(got))
		}
		if mode := w.modes(m)["store/app.p12"]; mode != 0o400 {
			t.Errorf("mode %o", mode)
		}
		pass(time.Hour)
		if diff := cmp.Diff(got, w.send(m)); diff != "" {
			t.Error("the same certificate makes other files after an hour")
		}
	})
}

// checkPairs loads what servers load: a pair of files, and one file with both.
func checkPairs(t *testing.T, got map[string]string) {
	t.Helper()
	if _, err := tls.X509KeyPair([]byte(got["tls/tls.crt"]), []byte(got["tls/tls.key"])); err != nil {
		t.Errorf("tls: %v", err)
	}
	if _, err := tls.X509KeyPair([]byte(got["app.pem"]), []byte(got["app.pem"])); err != nil {
		t.Errorf("pem: %v", err)
	}
}

// modes mounts once more and returns the modes of the files.
func (w *world) modes(m *pb.MountRequest) map[string]int32 {
	w.t.Helper()
	response, err := w.provider.Mount(w.t.Context(), m)
	if err != nil {
		w.t.Fatal(err)
	}
	modes := map[string]int32{}
	for _, f := range response.GetFiles() {
		modes[f.GetPath()] = f.GetMode()
	}
	return modes
}

// TestStoreIsReplacedWithItsCertificate: a renewed certificate is in all forms at once.
func TestStoreIsReplacedWithItsCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newIssuer(t)
		w.issue("a.example.com")
		m := w.call(aPod("orders-sa", 1), class("orders", ""+
			"- {objectName: app.p12, secretPath: secret/data/tls, format: pkcs12, passwordKey: password}\n"+
			"- {objectName: app.jks, secretPath: secret/data/tls, format: jks, passwordKey: password}\n"))
		before := w.send(m)
		issued := w.issue("b.example.com")
		pass(time.Minute + time.Second)
		after := w.send(m)
		if before["app.p12"] == after["app.p12"] {
			t.Error("the old keystore is still there")
		}
		checkPKCS12(t, issued, after["app.p12"])
		checkJKS(t, issued, "certificate", after["app.jks"])
	})
}

func TestTextFormatsOfAClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app", map[string]any{"user": "a", "pass-word": "it's é=1", "port": 5432})
		const of = ", secretPath: secret/data/app, format: "
		got := w.mount(aPod("orders-sa", 1), class("orders", ""+
			"- {objectName: app.env"+of+"env}\n- {objectName: app.properties"+of+"properties}\n- {objectName: app.yaml"+of+"yaml}\n"+
			"- {objectName: app.json"+of+"json}\n- {objectName: dir"+of+"files, keys: [user, port]}\n- {objectName: one"+of+"raw, keys: [port]}\n"))
		want := map[string]string{
			"app.env": "pass_word=\"it's é=1\"\nport='5432'\nuser='a'\n", "app.properties": "pass-word=it's \\u00E9\\=1\nport=5432\nuser=a\n",
			"app.yaml": "pass-word: it's é=1\nport: 5432\nuser: a\n", "app.json": `{"pass-word":"it's é=1","port":5432,"user":"a"}` + "\n",
			"dir/user": "a", "dir/port": "5432", "one": "5432",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestKeystoresRefuse: what is wrong is told without any of the values.
func TestKeystoresRefuse(t *testing.T) {
	const (
		invalid = `rpc error: code = InvalidArgument desc = error making mount request: object "app": template "app": `
		unread  = `rpc error: code = Internal desc = error making mount request: couldn't read secret "app": template "app": "read secret/data/tls" `
	)
	cases := map[string]struct{ fields, want string }{
		"no password at all":        {"format: pkcs12", invalid + `format "pkcs12" needs a password from either a file or a key of the secret`},
		"no such password":          {"format: jks, passwordKey: nothing", unread + `has no key "nothing"`},
		"no certificate":            {"format: pkcs12, passwordKey: password, keys: [other]", unread + "holds no certificate in PEM"},
		"a password without a need": {"format: json, passwordKey: password", invalid + `format "json" makes no keystore`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.vault.PutKV("secret", "tls", map[string]any{"password": storePassword, "other": canary})
				err := w.refuse(w.call(aPod("orders-sa", 1), class("orders", "- {objectName: app, secretPath: secret/data/tls, "+tc.fields+"}")))
				if err.Error() != tc.want {
					t.Errorf(" got %v\nwant %s", err, tc.want)
				}
			})
		})
	}
}
