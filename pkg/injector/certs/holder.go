package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/pause"
)

// watchEach is how often files are looked at. Notices about mounted Secrets get
// lost, and a certificate is replaced long before its end, so a slow look does.
const watchEach = 5 * time.Second

// Holder holds the current certificate. Its zero value holds none.
type Holder struct {
	current atomic.Pointer[tls.Certificate]
}

// Get is made for tls.Config.GetCertificate.
func (h *Holder) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := h.current.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("there is no serving certificate yet")
}

// Current returns the certificate, nil if there is none yet.
func (h *Holder) Current() *tls.Certificate { return h.current.Load() }

// Watch keeps the certificate of two files in the holder until ctx ends, and
// returns nil then. The first look has to succeed; later failures, such as files
// that do not belong together while they are replaced, go to report, and the
// certificate before stays.
func Watch(ctx context.Context, h *Holder, certFile, keyFile string, report func(error)) error {
	c, held, err := load(certFile, keyFile, nil)
	if err != nil {
		return err
	}
	for {
		if c != nil {
			h.current.Store(c)
		}
		if !pause.For(ctx, watchEach) {
			return nil
		}
		c, held, err = load(certFile, keyFile, held)
		if err != nil {
			report(err)
		}
	}
}

// load reads the files, unless their certificate is the one that is held.
func load(certFile, keyFile string, held []byte) (*tls.Certificate, []byte, error) {
	certificate, err := os.ReadFile(certFile)
	if err != nil {
		return nil, held, fmt.Errorf("read serving certificate: %w", err)
	}
	if held != nil && bytes.Equal(certificate, held) {
		return nil, held, nil
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, held, fmt.Errorf("read key of serving certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, held, fmt.Errorf("serving certificate %q with key %q: %w", certFile, keyFile, err)
	}
	return &pair, certificate, nil
}
