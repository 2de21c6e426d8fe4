package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnEmptyHolder(t *testing.T) {
	var h Holder
	if c, err := h.Get(nil); c != nil || text(err) != "there is no serving certificate yet" || h.Current() != nil {
		t.Errorf("got %v, %v", c, err)
	}
}

// pairFiles is a folder with tls.crt and tls.key, as a mounted Secret has.
type pairFiles struct {
	t         *testing.T
	cert, key string
}

func newPairFiles(t *testing.T) pairFiles {
	dir := t.TempDir()
	return pairFiles{t, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
}

func (p pairFiles) put(c *tls.Certificate, withKey bool) {
	p.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(p.cert, pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: c.Certificate[0]}))
	if withKey {
		p.write(p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
}

func (p pairFiles) write(name string, content []byte) {
	p.t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func TestWatchFollowsFiles(t *testing.T) {
	files := newPairFiles(t)
	synctest.Test(t, func(t *testing.T) {
		a := newTestAuthority(t, time.Now())
		first, second := issue(t, a, time.Now(), "injector"), issue(t, a, time.Now(), "injector")
		files.put(first, true)
		ctx, cancel := context.WithCancel(t.Context())
		var h Holder
		var reported []string
		done := make(chan error, 1)
		go func() {
			done <- Watch(ctx, &h, files.cert, files.key, func(err error) { reported = append(reported, err.Error()) })
		}()
		pass := func() {
			time.Sleep(watchEach) //nolint:forbidigo // virtual time
			synctest.Wait()
		}
		holds := func(want *tls.Certificate) {
			t.Helper()
			if got := h.Current(); got == nil || !got.Leaf.Equal(want.Leaf) {
				t.Error("another certificate is held")
			}
		}
		pass()
		holds(first)
		files.put(second, false) // the key has not followed yet
		pass()
		holds(first)
		files.put(second, true)
		pass()
		holds(second)
		if err := os.Remove(files.cert); err != nil {
			t.Fatal(err)
		}
		pass()
		holds(second)
		if len(reported) != 2 || !strings.Contains(reported[0], "private key does not match public key") || !strings.HasPrefix(reported[1], "read serving certificate: ") {
			t.Errorf("reported %q", reported)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestWatchNeedsFiles(t *testing.T) {
	files := newPairFiles(t)
	if err := Watch(t.Context(), &Holder{}, files.cert, files.key, nil); err == nil || !strings.HasPrefix(err.Error(), "read serving certificate: ") {
		t.Errorf("got %v", err)
	}
	files.put(issue(t, newTestAuthority(t, time.Now()), time.Now(), "injector"), false)
	if err := Watch(t.Context(), &Holder{}, files.cert, files.key, nil); err == nil || !strings.HasPrefix(err.Error(), "read key of serving certificate: ") {
		t.Errorf("got %v", err)
	}
}
