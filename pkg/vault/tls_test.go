package vault

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// identity is a certificate with its key, in PEM.
type identity struct{ cert, key []byte }

// issue makes a self-signed certificate that serves as CA, server and client.
func issue(t *testing.T, name string, ends time.Time) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: ends, BasicConstraintsValid: true, IsCA: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{name},
	}
	if name == "loopback" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return identity{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}
}

// serveTLS starts a server with an identity; it answers with the common name of
// the client's certificate, which it demands where it knows any clients.
func serveTLS(t *testing.T, own identity, clients ...identity) string {
	t.Helper()
	pair, err := tls.X509KeyPair(own.cert, own.key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		_, _ = io.WriteString(w, `{"data":{"client":"`+name+`","protocol":"`+r.Proto+`"}}`)
	}))
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	if len(clients) > 0 {
		server.TLS.ClientAuth = tls.RequireAndVerifyClientCert
		server.TLS.ClientCAs = x509.NewCertPool()
		// In TLS 1.3 the refusal comes after the handshake, and may be overtaken
		// by the reset of the connection.
		server.TLS.MaxVersion = tls.VersionTLS12
	}
	for _, c := range clients {
		server.TLS.ClientCAs.AppendCertsFromPEM(c.cert)
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // failed handshakes are what the tests want
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func save(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTrustedCAs(t *testing.T) {
	server, other := issue(t, "loopback", time.Now().Add(time.Hour)), issue(t, "other", time.Now().Add(time.Hour))
	address := serveTLS(t, server)
	dir, mixed, volume := t.TempDir(), t.TempDir(), t.TempDir()
	file, otherFile := save(t, dir, "ca.pem", server.cert), save(t, t.TempDir(), "other.pem", other.cert)
	save(t, mixed, "README", []byte("no certificate"))
	save(t, mixed, "a.crt", other.cert)
	save(t, mixed, "b.crt", server.cert)
	// A volume as the kubelet makes it: links through ..data into a directory.
	if err := os.Mkdir(filepath.Join(volume, "..1"), 0o700); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(volume, "..1"), "ca.crt", server.cert)
	for link, to := range map[string]string{"..data": "..1", "ca.crt": "..data/ca.crt"} {
		if err := os.Symlink(to, filepath.Join(volume, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]config.Vault{
		"file":                 {CACert: file},
		"directory":            {CAPath: dir},
		"mixed directory":      {CAPath: mixed},
		"volume":               {CAPath: volume},
		"text":                 {CACertBytes: string(server.cert)},
		"several":              {CACert: otherFile, CACertBytes: string(other.cert), CAPath: dir},
		"skipped verification": {TLSSkipVerify: true},
	} {
		t.Run(name, func(t *testing.T) {
			c.Address = address
			got, err := read(t, newClient(t, c), "a")
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{"client": "nobody", "protocol": "HTTP/2.0"}
			if diff := cmp.Diff(want, got.Data.Reveal()); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCAFilesWithoutCertificates(t *testing.T) {
	empty := t.TempDir()
	file := save(t, t.TempDir(), "ca.pem", []byte("nothing"))
	for name, tc := range map[string]struct {
		config config.Vault
		want   string
	}{
		"file":      {config: config.Vault{CACert: file}, want: `the CA file "` + file + `" holds no PEM certificate`},
		"directory": {config: config.Vault{CAPath: empty}, want: `the CA directory "` + empty + `" holds no PEM certificate`},
	} {
		t.Run(name, func(t *testing.T) {
			tc.config.Address = "https://vault"
			if _, err := NewClient(tc.config); err == nil || err.Error() != tc.want {
				t.Errorf("error = %v, want %s", err, tc.want)
			}
		})
	}
}

func TestHandshakeFailures(t *testing.T) {
	good, elsewhere := issue(t, "loopback", time.Now().Add(time.Hour)), issue(t, "vault.example", time.Now().Add(time.Hour))
	expired := issue(t, "loopback", time.Now().Add(-time.Hour))
	strict := serveTLS(t, good, elsewhere)
	dir := t.TempDir()
	cert, key := save(t, dir, "tls.crt", good.cert), save(t, dir, "tls.key", good.key)
	oldCert, oldKey := save(t, dir, "old.crt", expired.cert), save(t, dir, "old.key", expired.key)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	const verify = "tls: failed to verify certificate: x509: "
	cases := map[string]struct {
		config   config.Vault
		contains string
		hint     string
	}{
		"unknown CA": {
			config:   config.Vault{Address: serveTLS(t, good), CACertBytes: string(elsewhere.cert)},
			contains: verify + "certificate signed by unknown authority",
			hint:     "the CA of the server's certificate is not trusted here; set the CA certificate (ca_cert, ca_path, VAULT_CACERT)",
		},
		"another name": {
			config:   config.Vault{Address: serveTLS(t, elsewhere), CACertBytes: string(elsewhere.cert)},
			contains: verify + "cannot validate certificate for 127.0.0.1",
			hint:     "the server's certificate is made for another name; set the TLS server name, or use an address that it lists",
		},
		"expired": {
			config:   config.Vault{Address: serveTLS(t, expired), CACertBytes: string(expired.cert)},
			contains: verify + "certificate has expired or is not yet valid",
			hint:     "the server's certificate is expired or not valid yet; renew it, and check the clocks",
		},
		"no client certificate": {
			config:   config.Vault{Address: strict, CACertBytes: string(good.cert)},
			contains: "remote error: tls: handshake failure",
			hint:     "the server refused the TLS handshake; it may demand a client certificate, or have no TLS version in common with us",
		},
		"client certificate of another CA": {
			config:   config.Vault{Address: strict, CACertBytes: string(good.cert), ClientCert: cert, ClientKey: key},
			contains: "remote error: tls: ",
			hint:     "the server demands a client certificate of a CA that it trusts",
		},
		"expired client certificate": {
			config:   config.Vault{Address: strict, CACertBytes: string(good.cert), ClientCert: oldCert, ClientKey: oldKey},
			contains: "remote error: tls: expired certificate",
			hint:     "our client certificate is expired; renew its file",
		},
		"https to plain HTTP": {
			config:   config.Vault{Address: strings.Replace(plain.URL, "http://", "https://", 1)},
			contains: "http: server gave HTTP response to HTTPS client",
			hint:     "the server speaks no TLS; the address must start with http://",
		},
		"plain HTTP to https": {
			config:   config.Vault{Address: strings.Replace(strict, "https://", "http://", 1)},
			contains: "Client sent an HTTP request to an HTTPS server.",
			hint:     "the server speaks TLS; the address must start with https://",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, newClient(t, tc.config), "a")
			failed := failure(t, err)
			if !strings.Contains(failed.Error(), tc.contains) || failed.Hint != tc.hint {
				t.Errorf("error = %v", failed)
			}
		})
	}
}

func TestServerName(t *testing.T) {
	server := issue(t, "vault.example", time.Now().Add(time.Hour))
	c := newClient(t, config.Vault{Address: serveTLS(t, server), CACertBytes: string(server.cert), TLSServerName: "vault.example"})
	if _, err := read(t, c, "a"); err != nil {
		t.Error(err)
	}
}

// TestClientCertificateIsReadAgain takes the pair through a rotation in which
// the certificate comes before its key.
func TestClientCertificateIsReadAgain(t *testing.T) {
	server := issue(t, "loopback", time.Now().Add(time.Hour))
	first, second := issue(t, "first", time.Now().Add(time.Hour)), issue(t, "second", time.Now().Add(time.Hour))
	dir := t.TempDir()
	cert, key := save(t, dir, "tls.crt", first.cert), save(t, dir, "tls.key", first.key)
	c := newClient(t, config.Vault{
		Address: serveTLS(t, server, first, second), CACertBytes: string(server.cert),
		ClientCert: cert, ClientKey: key, NoKeepAlive: true, // a handshake per request
	})
	want := func(name, when string) {
		t.Helper()
		got, err := read(t, c, "a")
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if client := got.Data.Reveal()["client"]; client != name {
			t.Errorf("%s the client is %v, want %s", when, client, name)
		}
	}
	want("first", "at the start")
	// A replaced file is another file, whatever the clock of the file system says.
	replace := func(path string, content []byte) {
		t.Helper()
		if err := os.Rename(save(t, dir, "new", content), path); err != nil {
			t.Fatal(err)
		}
	}
	replace(cert, second.cert)
	want("first", "between the two files")
	replace(key, second.key)
	want("second", "after the rotation")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	want("second", "without the key file")
}

func TestPairThatDoesNotFit(t *testing.T) {
	a, b := issue(t, "a", time.Now().Add(time.Hour)), issue(t, "b", time.Now().Add(time.Hour))
	dir := t.TempDir()
	cert, key := save(t, dir, "tls.crt", a.cert), save(t, dir, "tls.key", b.key)
	_, err := NewClient(config.Vault{Address: "https://vault", ClientCert: cert, ClientKey: key})
	want := `read the client certificate "` + cert + `" with the key "` + key + `": tls: private key does not match public key`
	if err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}
