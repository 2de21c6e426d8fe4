package vault

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// newTLS returns how TLS is spoken with the server.
func newTLS(c config.Vault, m Material) (*tls.Config, error) {
	roots, rootsErr := rootsOf(c)
	secure := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            roots,
		ServerName:         c.TLSServerName,
		InsecureSkipVerify: c.TLSSkipVerify, //nolint:gosec // the user's explicit wish
	}
	pair, pairErr := newKeyPair(c.ClientCert, c.ClientKey)
	held, heldErr := m.pair()
	if err := errors.Join(rootsErr, pairErr, heldErr); err != nil {
		return nil, err
	}
	if held != nil {
		secure.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return held, nil }
	}
	if pair != nil {
		secure.GetClientCertificate = pair.forServer
	}
	return secure, nil
}

// rootsOf returns the CA certificates of a file, a directory and a text
// together; nil, which stands for those of the system, where none is given.
func rootsOf(c config.Vault) (*x509.CertPool, error) {
	if c.CACert == "" && c.CAPath == "" && c.CACertBytes == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	var problems []error
	if c.CACert != "" {
		problems = append(problems, addFile(pool, c.CACert))
	}
	if c.CAPath != "" {
		problems = append(problems, addDirectory(pool, c.CAPath))
	}
	if c.CACertBytes != "" && !pool.AppendCertsFromPEM([]byte(c.CACertBytes)) {
		problems = append(problems, errors.New("the given CA text holds no PEM certificate"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return pool, nil
}

func addFile(pool *x509.CertPool, path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the CA certificate: %w", err)
	}
	if !pool.AppendCertsFromPEM(content) {
		return fmt.Errorf("the CA file %q holds no PEM certificate", path)
	}
	return nil
}

// addDirectory adds the certificates of every file in a directory, and passes
// over what else lies there.
func addDirectory(pool *x509.CertPool, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the CA directory: %w", err)
	}
	found := false
	for _, entry := range entries {
		if !caEntry(entry) {
			continue
		}
		// A link to a directory cannot be read as a file, and has no certificate.
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		found = err == nil && pool.AppendCertsFromPEM(content) || found
	}
	if !found {
		return fmt.Errorf("the CA directory %q holds no PEM certificate", dir)
	}
	return nil
}

// keyPair is a client certificate, read again when one of its files changes.
type keyPair struct {
	certFile, keyFile string

	mu      sync.Mutex
	loaded  *tls.Certificate
	of      [2]os.FileInfo // the files that loaded came from
	loadErr error
}

func newKeyPair(certFile, keyFile string) (*keyPair, error) {
	switch {
	case certFile == "" && keyFile == "":
		return nil, nil
	case certFile == "":
		return nil, fmt.Errorf("the client key %q needs a client certificate", keyFile)
	case keyFile == "":
		return nil, fmt.Errorf("the client certificate %q needs a client key", certFile)
	}
	pair := &keyPair{certFile: certFile, keyFile: keyFile}
	if pair.refresh(); pair.loadErr != nil {
		return nil, pair.loadErr
	}
	return pair, nil
}

// forServer returns the pair for a handshake. Handshakes are rare, so the two
// files are looked at in each.
func (k *keyPair) forServer(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refresh()
	return k.loaded, nil
}

// refresh reads the pair where its files changed. A pair that cannot be read,
// such as a new certificate whose key is still to come, leaves the old one in use.
func (k *keyPair) refresh() {
	cert, certErr := os.Stat(k.certFile)
	key, keyErr := os.Stat(k.keyFile)
	if k.loadErr = errors.Join(certErr, keyErr); k.loadErr != nil {
		k.loadErr = fmt.Errorf("read the client certificate: %w", k.loadErr)
		return
	}
	if sameFile(cert, k.of[0]) && sameFile(key, k.of[1]) {
		return
	}
	pair, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		k.loadErr = fmt.Errorf("read the client certificate %q with the key %q: %w", k.certFile, k.keyFile, err)
		return
	}
	k.loaded, k.of = &pair, [2]os.FileInfo{cert, key}
}

func sameFile(a, b os.FileInfo) bool {
	return b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
