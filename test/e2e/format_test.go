package e2e_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"sigs.k8s.io/yaml"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// shaped delivers a secret without a template; settings are further keys.
func shaped(secret, format, destination string, settings ...string) string {
	return fmt.Sprintf("template {\n  secret = %q\n  format = %q\n  destination = \"DIR/%s\"\n  %s\n}\n", secret, format, destination, strings.Join(settings, "\n  "))
}

// many is a secret with what is awkward to write.
func many() map[string]any {
	return map[string]any{
		"user": "o'rders", "password": canary + "-$1\"", "port": 5432, "tls": true, "none": nil, "two lines": "a\nb=c",
		"deep": map[string]any{"er": []any{"x", 1}},
	}
}

// TestFormatsOfAKeyValueSecret reads each with what reads such files.
func TestFormatsOfAKeyValueSecret(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	_, err := p.vault.Write(t.Context(), "secret/data/"+p.name+"/many", map[string]any{"data": many()})
	must(t, err)
	_, err = p.vault.Write(t.Context(), "kv/"+p.name+"/one", map[string]any{"user": "older", "password": canary + "-older"})
	must(t, err)
	const path = "secret/data/NAME/many"
	p.delivers(shaped(path, "json", "out/json", `perms = "0400"`) + shaped(path, "yaml", "out/yaml") +
		shaped(path, "env", "out/env", `keys = ["user", "password", "port"]`) + shaped(path, "properties", "out/properties", `keys = ["user", "two lines", "deep.er"]`) +
		shaped(path, "raw", "out/raw", `keys = ["password"]`) + shaped(path, "files", "out/files", `keys = ["user", "tls"]`, `perms = "0440"`) +
		shaped("kv/NAME/one", "", "out/older") + shaped("secret/NAME/many", "env", "out/without-data", `keys = ["user"]`))
	var fromJSON, fromYAML map[string]any
	must(t, json.Unmarshal([]byte(p.read("out/json")), &fromJSON))
	must(t, yaml.Unmarshal([]byte(p.read("out/yaml")), &fromYAML))
	for name, got := range map[string]map[string]any{"json": fromJSON, "yaml": fromYAML} {
		if fmt.Sprint(got) != fmt.Sprint(many()) {
			t.Errorf("%s holds %v, want %v", name, got, many())
		}
	}
	for name, want := range map[string]string{
		"env":          "user=\"o'rders\"\npassword='" + canary + "-$1\"'\nport='5432'\n",
		"properties":   "user=o'rders\ntwo\\ lines=a\\nb\\=c\ndeep.er=[\"x\",1]\n",
		"raw":          canary + "-$1\"",
		"files/user":   "o'rders",
		"files/tls":    "true",
		"older":        `{"password":"` + canary + `-older","user":"older"}` + "\n",
		"without-data": "user=\"o'rders\"\n",
	} {
		if got := p.read("out/" + name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]os.FileMode{"json": 0o400, "files/user": 0o440, "yaml": 0o644} {
		if got := p.stat("out/" + name).Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

// TestFormatForAShell has a shell read what is awkward to write.
func TestFormatForAShell(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	value := canary + ` it's "$HOME" ` + "`id`" + ` \\ and
more `
	_, err := p.vault.Write(t.Context(), "secret/data/"+p.name+"/app", map[string]any{"data": map[string]any{"db.pass-word": value}})
	must(t, err)
	p.delivers(shaped("secret/data/NAME/app", "env", "out/env"))
	read := exec.CommandContext(t.Context(), "/bin/sh", "-c", `. "$1"; printf %s "$db_pass_word"`, "sh", p.path("out/env"))
	out, err := read.CombinedOutput()
	if err != nil || string(out) != value {
		t.Errorf("a shell reads %q, %v; want %q", out, err, value)
	}
}

// TestFormatsFollow changes a secret: files come and go, and a command is run.
func TestFormatsFollow(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	put := func(data map[string]any) {
		_, err := p.vault.Write(t.Context(), "secret/data/"+p.name+"/app", map[string]any{"data": data})
		must(t, err)
	}
	put(map[string]any{"a": canary + "-a", "b": canary + "-b"})
	p.sidecar(quick + shaped("secret/data/NAME/app", "files", "out/files", `command = "echo changed >> DIR/commands"`)).awaitReady()
	p.awaitFile("commands", "changed\n")
	put(map[string]any{"b": canary + "-b", "c": canary + "-c"})
	p.awaitFile("out/files/c", canary+"-c")
	p.awaitFile("commands", "changed\nchanged\n")
	if _, err := os.Stat(p.path("out/files/a")); err == nil || p.read("out/files/b") != canary+"-b" {
		t.Error("a key that is gone is still there, or another is not")
	}
}

// TestFormatsOfACertificate makes what servers read out of one secret of the PKI
// engine and of one that somebody put into a key-value store.
func TestFormatsOfACertificate(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	must(t, p.vault.PKIRole(t.Context(), "pki", p.name, "example.test", time.Hour, false))
	p.file("password", canary+"-keystore\n")
	const issues = "pki/issue/NAME"
	params := `params = { common_name = "web.example.test", alt_names = "other.example.test" }`
	fromFile := `keystore { password_file = "DIR/password" }`
	p.delivers(shaped(issues, "pem", "out/bundle.pem", params) + shaped(issues, "tls", "out/tls", params, `perms = "0400"`) +
		shaped(issues, "pkcs12", "out/web.p12", params, fromFile) + shaped(issues, "jks", "out/web.jks", params, strings.Replace(fromFile, "}", "\n    alias = \"web\"\n  }", 1)))

	bundle := p.read("out/bundle.pem")
	p.certificate(bundle)
	pair, err := tls.LoadX509KeyPair(p.path("out/tls/tls.crt"), p.path("out/tls/tls.key"))
	must(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(p.read("out/tls/ca.crt"))) {
		t.Error("ca.crt holds no certificate")
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	must(t, err)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other.example.test"}); err != nil {
		t.Error(err)
	}
	block, _ := pem.Decode([]byte(bundle))
	if !bytes.Equal(block.Bytes, pair.Certificate[0]) {
		t.Error("four outputs of one request are four certificates")
	}
	_, fromPKCS12, chain, err := pkcs12.DecodeChain([]byte(p.read("out/web.p12")), canary+"-keystore")
	if err != nil || !fromPKCS12.Equal(leaf) || len(chain) != 1 {
		t.Errorf("PKCS#12: %v, %d authorities", err, len(chain))
	}
	store := keystore.New()
	must(t, store.Load(strings.NewReader(p.read("out/web.jks")), []byte(canary+"-keystore")))
	entry, err := store.GetPrivateKeyEntry("web", []byte(canary+"-keystore"))
	must(t, err)
	if !bytes.Equal(entry.CertificateChain[0].Content, leaf.Raw) || len(entry.CertificateChain) != 2 {
		t.Errorf("JKS: another certificate, or %d of them", len(entry.CertificateChain))
	}
	for _, key := range []string{p.read("out/tls/tls.key"), bundle} {
		if !strings.Contains(key, "PRIVATE KEY") {
			t.Error("no key")
		}
	}
}

// TestKeystoreFollowsItsPassword makes it anew with the password of the secret,
// and with that of a file that changes.
func TestKeystoreFollowsItsPassword(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	ca := authority(t, "stored")
	_, cert, key := issue(t, ca, lab.Leaf{CommonName: "web.example.test", DNSNames: []string{"web.example.test"}})
	_, err := p.vault.Write(t.Context(), "secret/data/"+p.name+"/cert", map[string]any{"data": map[string]any{
		"certificate": string(cert), "private_key": string(key), "issuing_ca": string(ca.PEM()), "storepass": canary + "-inside",
	}})
	must(t, err)
	p.file("password", canary+"-first")
	p.sidecar(shaped("secret/data/NAME/cert", "pkcs12", "out/file.p12", `keystore { password_file = "DIR/password" }`) +
		shaped("secret/data/NAME/cert", "jks", "out/key.jks", `keystore { password_key = "storepass" }`)).awaitReady()
	opens := func(password string) error {
		_, _, _, err := pkcs12.DecodeChain([]byte(p.read("out/file.p12")), password)
		return err
	}
	must(t, opens(canary+"-first"))
	store := keystore.New()
	must(t, store.Load(strings.NewReader(p.read("out/key.jks")), []byte(canary+"-inside")))
	if got := store.Aliases(); len(got) != 1 || got[0] != "certificate" {
		t.Errorf("aliases %q", got)
	}
	p.file("password", canary+"-second")
	await(t, func() error { return opens(canary + "-second") })
}

// TestCertificateAndKeyBelongTogetherAtAnyTime looks at both all the time, while
// certificates of 4 s are replaced: through the link that all files go by, as
// who needs both of one generation does.
func TestCertificateAndKeyBelongTogetherAtAnyTime(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	must(t, p.vault.PKIRole(t.Context(), "pki", p.name, "example.test", 4*time.Second, false))
	p.sidecar(shaped("pki/issue/NAME", "tls", "out/tls", `params = { common_name = "web.example.test" }`) +
		shaped("pki/issue/NAME", "pem", "out/bundle.pem", `params = { common_name = "web.example.test" }`)).awaitReady()
	serials := map[string]bool{}
	looks := 0
	await(t, func() error {
		generation, err := os.OpenRoot(p.path("out/tls/..data"))
		if err == nil {
			defer generation.Close()
			cert, certErr := generation.ReadFile("tls.crt")
			key, keyErr := generation.ReadFile("tls.key")
			if certErr == nil && keyErr == nil { // else it went while it was read
				serials[serialOf(t, cert, key)] = true
				looks++
			}
		}
		bundle := []byte(p.read("out/bundle.pem"))
		serialOf(t, bundle, bundle)
		if looks < 200 || len(serials) < 3 {
			return fmt.Errorf("%d looks, %d certificates", looks, len(serials))
		}
		return nil
	})
}

// serialOf fails the test where a certificate and a key do not match.
func serialOf(t *testing.T, cert, key []byte) string {
	t.Helper()
	pair, err := tls.X509KeyPair(cert, key)
	must(t, err)
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	must(t, err)
	return leaf.SerialNumber.String()
}

// TestFormatsThatFail names what the secret lacks, and never shows what it has.
func TestFormatsThatFail(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ body, want string }{
		"a key that is none":  {shaped("secret/data/NAME/app", "json", "out/x", `keys = ["user"]`), `template for "DIR/out/x": template "DIR/out/x": "read secret/data/NAME/app" has no key "user"`},
		"no certificate":      {shaped("secret/data/NAME/app", "pem", "out/x"), `template for "DIR/out/x": template "DIR/out/x": "read secret/data/NAME/app" holds no certificate in PEM`},
		"raw of two":          {shaped("secret/data/NAME/app", "raw", "out/x", `keys = ["a", "b"]`), `template[0]: the format raw takes one key, not 2`},
		"unknown":             {shaped("secret/data/NAME/app", "xml", "out/x"), `template[0]: format: "xml" is none of json, yaml, env, properties, raw, files, pem, tls, pkcs12, jks`},
		"keystore without":    {shaped("secret/data/NAME/app", "jks", "out/x"), `template[0]: the formats pkcs12 and jks need a keystore block, and the others have none`},
		"password of nowhere": {shaped("secret/data/NAME/app", "jks", "out/x", `keystore { password_file = "DIR/none" }`), `template for "DIR/out/x": template "DIR/out/x": read "DIR/none": no such file or directory`},
		"contents besides":    {shaped("secret/data/NAME/app", "json", "out/x", `contents = "x"`), `template[0]: secret and source or contents exclude each other`},
		"without a secret":    {strings.Replace(kv, "contents", "format = \"json\"\n  contents", 1), `template[0]: format, params, keys and keystore need secret`},
		"a directory in a Secret": {
			shaped("secret/data/NAME/app", "files", "out/x", "kubernetes_secret {\n    name = \"x\"\n    key = \"y\"\n  }"),
			`template[0]: the format files makes a directory, which no key of a Kubernetes Secret can hold`,
		},
		"a file in the way": {shaped("secret/data/NAME/app", "files", "jwt"), `template for "DIR/jwt": write set "DIR/jwt": destination is not a directory`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t)
			code, printed := p.init(once + tc.body)
			if want := p.text(tc.want); code != 1 || failure(printed) != want {
				t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(printed), want)
			}
		})
	}
}
