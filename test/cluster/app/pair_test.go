package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// newPair returns a certificate with a serial number, and its key.
func newPair(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial)}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certDER}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// folder is a new one, by its path without links: messages show that.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// listen runs the command and returns a check of its next line.
func listen(t *testing.T, args ...string) (next func(want string), ended chan error) {
	t.Helper()
	r, w := io.Pipe()
	ended = make(chan error, 1)
	go func() { ended <- run(args, w) }()
	lines := bufio.NewScanner(r)
	return func(want string) {
		t.Helper()
		if lines.Scan(); lines.Text() != want {
			t.Fatalf("got %q, want %q", lines.Text(), want)
		}
	}, ended
}

func TestPairAtSignals(t *testing.T) {
	dir := folder(t)
	firstCert, firstKey := newPair(t, 0xa1)
	_, otherKey := newPair(t, 0xb2)
	write(t, dir, "cert", firstCert)
	write(t, dir, "key", firstKey)
	next, ended := listen(t, "pair", dir, "cert", "key")
	next("pair a1")
	write(t, dir, "key", otherKey)
	signalSelf(t, syscall.SIGHUP)
	next("mismatch: tls: private key does not match public key")
	if err := os.Remove(filepath.Join(dir, "key")); err != nil {
		t.Fatal(err)
	}
	signalSelf(t, syscall.SIGHUP)
	next("unreadable: open " + filepath.Join(dir, "key") + ": no such file or directory")
	signalSelf(t, syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestPairOfGenerations follows a directory that is a link, as in volumes.
func TestPairOfGenerations(t *testing.T) {
	dir := folder(t)
	for i, name := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		cert, key := newPair(t, int64(i+1))
		write(t, dir, name+"/cert", cert)
		write(t, dir, name+"/key", key)
	}
	link(t, dir, "one")
	next, ended := listen(t, "pair", "-poll", "1ms", filepath.Join(dir, "..data"), "cert", "key")
	next("pair 1")
	link(t, dir, "two")
	if err := os.RemoveAll(filepath.Join(dir, "one")); err != nil {
		t.Fatal(err)
	}
	next("pair 2")
	signalSelf(t, syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func link(t *testing.T, dir, target string) {
	t.Helper()
	next := filepath.Join(dir, "..next")
	if err := os.Symlink(target, next); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
}
