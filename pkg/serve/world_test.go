package serve_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/serve"
)

// identity is a certificate with its key, in PEM.
type identity struct{ cert, key []byte }

// issue makes a self-signed certificate that serves as CA, server and client.
func issue(t *testing.T, name string) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return identity{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// folder is a short directory: a path of a socket has at most 107 bytes.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "serve-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

// replace writes a file in the way that files with a meaning are written.
func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	must(t, os.WriteFile(path+".new", content, 0o600))
	must(t, os.Rename(path+".new", path))
}

// tlsSpec is a listener on loopback with the files of an identity.
func tlsSpec(t *testing.T, own identity) serve.Spec {
	t.Helper()
	dir := t.TempDir()
	s := serve.Spec{Network: "tcp", Address: "127.0.0.1:0", TLS: &serve.TLS{CertFile: filepath.Join(dir, "crt"), KeyFile: filepath.Join(dir, "key")}}
	replace(t, s.TLS.CertFile, own.cert)
	replace(t, s.TLS.KeyFile, own.key)
	return s
}

// complaints collects what a listener reports.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) add(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, err.Error())
}

func (c *complaints) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.list...)
}

// run serves a handler until the test ends, or until the function is called,
// which returns what Serve did.
func run(t *testing.T, l *serve.Listener, h http.Handler) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve.Serve(ctx, l, h) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { must(t, stop()) })
	return stop
}

func listen(t *testing.T, s serve.Spec) *serve.Listener {
	t.Helper()
	l, err := serve.Listen(t.Context(), s)
	must(t, err)
	return l
}

// hello answers with the protocol and the name of the client's certificate.
var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	name := "nobody"
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		name = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	_, _ = io.WriteString(w, r.Proto+" "+name)
})

// get asks over a connection of its own.
func get(t *testing.T, dial func(context.Context) (net.Conn, error), secure *tls.Config) (string, error) {
	t.Helper()
	scheme := "http"
	if secure != nil {
		scheme = "https"
	}
	transport := &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		TLSClientConfig:   secure,
		ForceAttemptHTTP2: true,
		DisableKeepAlives: true,
	}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://agent/", http.NoBody)
	must(t, err)
	answer, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// to dials a listener.
func to(l net.Listener) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, l.Addr().Network(), l.Addr().String())
	}
}

// shown returns the name in the certificate that a listener shows to a client
// that names no server.
func shown(t *testing.T, l net.Listener) string {
	t.Helper()
	plain, err := to(l)(t.Context())
	must(t, err)
	secure := tls.Client(plain, &tls.Config{InsecureSkipVerify: true})
	defer func() { _ = secure.Close() }()
	must(t, secure.HandshakeContext(t.Context()))
	return secure.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return strings.TrimSpace(err.Error())
}
