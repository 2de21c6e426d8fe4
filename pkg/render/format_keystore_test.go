package render_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// storePassword is that of the keystores of the tests.
const storePassword = `pa$$ word"ü'`

// withPassword is what was issued, with a password in the same secret.
func withPassword(i issued, password string) sensitive.Data {
	data := maps.Clone(i.data.Reveal())
	data["password"] = password
	return sensitive.NewData(data)
}

func keystoreOf(t testing.TB, format, password string) []byte {
	t.Helper()
	o := render.FormatOptions{Format: format, Keystore: render.Keystore{PasswordKey: "password"}}
	return []byte(formatted(t, o, withPassword(readIssued(t), password)))
}

func pemOf(raw []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

func TestFormatPKCS12(t *testing.T) {
	i := readIssued(t)
	key, leaf, authorities, err := pkcs12.DecodeChain(keystoreOf(t, "pkcs12", storePassword), storePassword)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	got := pemOf(leaf.Raw)
	for _, x := range authorities {
		got += pemOf(x.Raw)
	}
	got += string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if diff := cmp.Diff(i.leaf+i.intermediate+i.root+pkcs8(t, i.key), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, _, _, err := pkcs12.DecodeChain(keystoreOf(t, "pkcs12", storePassword), "other"); err == nil {
		t.Error("another password opens it")
	}
}

func TestFormatJKS(t *testing.T) {
	i := readIssued(t)
	for alias, name := range map[string]string{"": "certificate", "Web": "web"} {
		o := render.FormatOptions{Format: "jks", Keystore: render.Keystore{PasswordKey: "password", Alias: alias}}
		content := formatted(t, o, withPassword(i, "changeit"))
		store := keystore.New()
		if err := store.Load(strings.NewReader(content), []byte("changeit")); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{name}, store.Aliases()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		entry, err := store.GetPrivateKeyEntry(name, []byte("changeit"))
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, c := range entry.CertificateChain {
			got += c.Type + " " + pemOf(c.Content)
		}
		got += string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: entry.PrivateKey}))
		if diff := cmp.Diff("X509 "+i.leaf+"X509 "+i.intermediate+"X509 "+i.root+pkcs8(t, i.key), got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !entry.CreationTime.Equal(notBefore) {
			t.Errorf("made at %v, want the beginning of the certificate", entry.CreationTime)
		}
	}
}

// An unchanged secret makes the same bytes, and any change other salts.
func TestKeystoresFollowFromTheirContent(t *testing.T) {
	i := readIssued(t)
	fewer := maps.Clone(withPassword(i, storePassword).Reveal())
	fewer["ca_chain"] = []any{strings.TrimSpace(i.intermediate)}
	for _, format := range []string{"pkcs12", "jks"} {
		first := keystoreOf(t, format, storePassword)
		if !bytes.Equal(first, keystoreOf(t, format, storePassword)) {
			t.Errorf("%s: the same secret makes other bytes", format)
		}
		o := render.FormatOptions{Format: format, Keystore: render.Keystore{PasswordKey: "password"}}
		others := [][]byte{
			keystoreOf(t, format, storePassword+"x"),
			[]byte(formatted(t, o, sensitive.NewData(fewer))),
		}
		for n, other := range others {
			if salt := saltOf(t, first); bytes.Contains(other, salt) {
				t.Errorf("%s: another content (%d) has the same salt", format, n)
			}
		}
	}
}

// saltOf finds a salt: in a PKCS#12 keystore the last sixteen bytes before the
// number of iterations of the MAC, in a Java keystore what the encrypted key
// begins with, 20 bytes.
func saltOf(t *testing.T, store []byte) []byte {
	t.Helper()
	if at := bytes.LastIndex(store, []byte{0x02, 0x02, 0x08, 0x00}); at > 16 && !bytes.HasPrefix(store, []byte{0xfe, 0xed, 0xfe, 0xed}) {
		return store[at-16 : at]
	}
	algorithm := []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x2a, 0x02, 0x11, 0x01, 0x01}
	at := bytes.Index(store, algorithm)
	if at < 0 {
		t.Fatal("no salt found")
	}
	// After the algorithm: NULL (2 bytes) and the header of an octet string (3 bytes).
	at += len(algorithm) + 5
	return store[at : at+20]
}

func TestKeystorePasswordFile(t *testing.T) {
	i := readIssued(t)
	path := filepath.Join(t.TempDir(), "password")
	for content, password := range map[string]string{"secret": "secret", "secret\n": "secret", "secret\r\n": "secret", " secret \n\n": " secret \n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		o := render.FormatOptions{Format: "pkcs12", Keystore: render.Keystore{PasswordFile: path}}
		r, err := newFormat(t, o).Execute(holding(i.data))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := pkcs12.DecodeChain(r.Output, password); err != nil {
			t.Errorf("file %q, password %q: %v", content, password, err)
		}
		if diff := cmp.Diff([]string{path}, r.Files); diff != "" {
			t.Errorf("files to watch (-want +got):\n%s", diff)
		}
	}
}

func TestKeystorePasswordFileErrors(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ path, want string }{
		"missing":   {filepath.Join(dir, "none"), `template "app.out": read "DIR/none": no such file or directory`},
		"directory": {dir, `template "app.out": read "DIR": not a regular file`},
		"empty":     {empty, `template "app.out": the file "DIR/empty" holds no password`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := render.FormatOptions{Format: "jks", Keystore: render.Keystore{PasswordFile: tc.path}}
			got := strings.ReplaceAll(formatFailure(t, o, readIssued(t).data), dir, "DIR")
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Where there is an OpenSSL, it opens the keystore, too.
func TestPKCS12IsReadByOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		return
	}
	i := readIssued(t)
	path := filepath.Join(t.TempDir(), "store.p12")
	if err := os.WriteFile(path, keystoreOf(t, "pkcs12", storePassword), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(openssl, "pkcs12", "-in", path, "-passin", "pass:"+storePassword, "-nodes").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []string{i.leaf, i.intermediate, i.root, pkcs8(t, i.key)} {
		if !strings.Contains(string(out), piece) {
			t.Errorf("this is missing in what OpenSSL reads:\n%s", piece)
		}
	}
}

// Where there is a keytool, it lists both kinds.
func TestKeystoresAreReadByJava(t *testing.T) {
	keytool, err := exec.LookPath("keytool")
	if err != nil {
		return
	}
	for format, alias := range map[string]string{"pkcs12": "1", "jks": "certificate"} {
		path := filepath.Join(t.TempDir(), "store")
		if err := os.WriteFile(path, keystoreOf(t, format, "changeit"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(keytool, "-list", "-rfc", "-keystore", path, "-storepass", "changeit").Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", format, err, out)
		}
		text := strings.ReplaceAll(string(out), "\r", "")
		i := readIssued(t)
		wanted := []string{"Alias name: " + alias + "\n", "Entry type: PrivateKeyEntry", "Certificate chain length: 3"}
		for _, piece := range slices.Concat(wanted, []string{i.leaf, i.intermediate, i.root}) {
			if !strings.Contains(withoutBreaks(text), withoutBreaks(piece)) {
				t.Errorf("%s: this is missing in what keytool lists:\n%s", format, piece)
			}
		}
	}
}

// withoutBreaks makes lines of 64 characters the same as those of 76.
func withoutBreaks(text string) string { return strings.ReplaceAll(text, "\n", "") }
