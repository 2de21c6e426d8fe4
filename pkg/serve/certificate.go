package serve

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// lookEvery is how often handshakes look for new files: rarely enough to cost
// nothing under load, and soon enough after the minute or so that the kubelet
// takes to bring a new certificate.
const lookEvery = 3 * time.Second

// certificates is the TLS configuration of a listener, made anew when a file of
// it changes.
type certificates struct {
	spec   Spec
	fixed  *tls.Config // what does not come from files
	mu     sync.Mutex
	inUse  *tls.Config
	looked time.Time
	seen   [3]os.FileInfo // certificate, key and CA as they were read last, in use or not
}

func newCertificates(s Spec) (*certificates, error) {
	fixed, err := s.fixedTLS()
	if err != nil {
		return nil, err
	}
	c := &certificates{spec: s, fixed: fixed, looked: time.Now()}
	c.seen = c.stat() // before they are read, so that no change in between is missed
	if c.inUse, err = c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// forClient returns the configuration for a handshake. It does not depend on the
// name that the client asks for, nor on its asking for any.
func (c *certificates) forClient(*tls.ClientHelloInfo) (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= lookEvery {
		c.spec.report(c.refresh())
	}
	return c.inUse, nil
}

func (c *certificates) reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refresh()
}

// refresh reads the files where they changed, so that one that is broken is
// complained of once. The caller holds mu.
func (c *certificates) refresh() error {
	c.looked = time.Now()
	now := c.stat()
	if unchanged(now, c.seen) {
		return nil
	}
	c.seen = now
	fresh, err := c.read()
	if err != nil {
		return fmt.Errorf("%w (the certificate in use stays)", err)
	}
	c.inUse = fresh
	return nil
}

// stat looks at the files; nil for one that is not there.
func (c *certificates) stat() (infos [3]os.FileInfo) {
	for i, path := range []string{c.spec.TLS.CertFile, c.spec.TLS.KeyFile, c.spec.TLS.ClientCAFile} {
		if info, err := os.Stat(path); err == nil {
			infos[i] = info
		}
	}
	return infos
}

// unchanged compares what was found: a file that is replaced through a link, as
// in a volume of the kubelet, is another file.
func unchanged(now, before [3]os.FileInfo) bool {
	for i, a := range now {
		b := before[i]
		if a == nil || b == nil {
			if a != b {
				return false
			}
			continue
		}
		if !os.SameFile(a, b) || !a.ModTime().Equal(b.ModTime()) || a.Size() != b.Size() {
			return false
		}
	}
	return true
}

// read makes a configuration of the files as they are.
func (c *certificates) read() (*tls.Config, error) {
	t := c.spec.TLS
	if t.Certificate != nil {
		return c.readWithout()
	}
	pair, pairErr := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if pairErr != nil {
		pairErr = c.spec.problem("tls_cert_file, tls_key_file", fmt.Errorf("read the pair %q and %q: %w", t.CertFile, t.KeyFile, pairErr))
	}
	roots, rootsErr := c.spec.clientRoots()
	if err := errors.Join(pairErr, rootsErr); err != nil {
		return nil, err
	}
	fresh := c.fixed.Clone()
	fresh.Certificates = []tls.Certificate{pair}
	fresh.ClientCAs = roots
	return fresh, nil
}

// readWithout makes a configuration whose certificate somebody else has.
func (c *certificates) readWithout() (*tls.Config, error) {
	roots, err := c.spec.clientRoots()
	if err != nil {
		return nil, err
	}
	fresh := c.fixed.Clone()
	fresh.GetCertificate, fresh.ClientCAs = c.spec.TLS.Certificate, roots
	return fresh, nil
}

// clientRoots returns the CAs of clients; nil, which stands for those of the
// system, where none is given or no certificate is asked for.
func (s Spec) clientRoots() (*x509.CertPool, error) {
	if s.TLS.ClientCAFile == "" || !s.TLS.RequireClientCert {
		return nil, nil
	}
	content, err := os.ReadFile(s.TLS.ClientCAFile)
	if err != nil {
		return nil, s.problem("tls_client_ca_file", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, s.problem("tls_client_ca_file", fmt.Errorf("%q holds no PEM certificate", s.TLS.ClientCAFile))
	}
	return pool, nil
}

// protocols are what HTTP is spoken in; the config that a client gets must name
// them, too.
func protocols() []string { return []string{"h2", "http/1.1"} }

// fixedTLS reads versions, cipher suites and who must show a certificate.
func (s Spec) fixedTLS() (*tls.Config, error) {
	t := s.TLS
	lowest, lowestErr := version(t.MinVersion, tls.VersionTLS12)
	highest, highestErr := version(t.MaxVersion, 0)
	suites, suitesErr := cipherSuites(t.CipherSuites)
	var problems []error
	for _, found := range []struct {
		key string
		err error
	}{{"tls_min_version", lowestErr}, {"tls_max_version", highestErr}, {"tls_cipher_suites", suitesErr}, {"tls_cert_file, tls_key_file", t.incomplete()}} {
		if found.err != nil {
			problems = append(problems, s.problem(found.key, found.err))
		}
	}
	if highest != 0 && lowest > highest {
		problems = append(problems, s.problem("tls_max_version", fmt.Errorf("%q is below tls_min_version", t.MaxVersion)))
	}
	if t.RequireClientCert && t.DisableClientCerts {
		problems = append(problems, s.problem("tls_disable_client_certs", errors.New("it contradicts tls_require_and_verify_client_cert")))
	}
	// Versions before 1.2 only where the user says so.
	fixed := &tls.Config{MinVersion: lowest, MaxVersion: highest, CipherSuites: suites, NextProtos: protocols()}
	if t.RequireClientCert {
		fixed.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return fixed, errors.Join(problems...)
}

func (t *TLS) incomplete() error {
	switch {
	case t.Certificate != nil && (t.CertFile != "" || t.KeyFile != ""):
		return errors.New("there is a certificate already that is not from files")
	case t.Certificate != nil:
		return nil
	case t.CertFile == "" && t.KeyFile == "":
		return errors.New("TLS needs a certificate and its key")
	case t.CertFile == "":
		return fmt.Errorf("the key %q needs a certificate", t.KeyFile)
	case t.KeyFile == "":
		return fmt.Errorf("the certificate %q needs its key", t.CertFile)
	}
	return nil
}

func version(name string, otherwise uint16) (uint16, error) {
	switch name {
	case "":
		return otherwise, nil
	case "tls10":
		return tls.VersionTLS10, nil
	case "tls11":
		return tls.VersionTLS11, nil
	case "tls12":
		return tls.VersionTLS12, nil
	case "tls13":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("%q is none of tls10, tls11, tls12, tls13", name)
}

// cipherSuites returns the ids of names, also of those that are not secure any
// more: who names them knows old clients.
func cipherSuites(names []string) ([]uint16, error) {
	var ids []uint16
	var unknown []string
	for _, name := range names {
		id, ok := cipherSuite(name)
		if !ok {
			unknown = append(unknown, strconv.Quote(name))
		}
		ids = append(ids, id)
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("nothing is known of %s", strings.Join(unknown, ", "))
	}
	return ids, nil
}

func cipherSuite(name string) (uint16, bool) {
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if suite.Name == name {
			return suite.ID, true
		}
	}
	return 0, false
}
