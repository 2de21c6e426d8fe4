package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/injector/certs"
	"github.com/vaultk8s/vaultk8s/pkg/injector/cluster"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// How often a replica looks at the Secret: soon after its start, when it has no
// certificate, and then so often that a change of authorities, which takes half a
// minute, reaches it in time.
const (
	syncFirst = time.Second
	syncEach  = 10 * time.Second
)

// selfManaged reports whether the injector makes its certificates itself.
func selfManaged(i config.Injector) bool { return i.TLSAuto != "" && i.TLSCertFile == "" }

// checkTLS refuses settings of which no certificate can come.
func checkTLS(i config.Injector) error {
	switch {
	case i.TLSCertFile == "" && i.TLSKeyFile == "" && i.TLSAuto == "":
		return errors.New("no certificate: set --tls-auto to the name of the MutatingWebhookConfiguration, or --tls-cert-file and --tls-key-file")
	case (i.TLSCertFile == "") != (i.TLSKeyFile == ""):
		return errors.New("--tls-cert-file and --tls-key-file need each other")
	case selfManaged(i) && len(i.TLSAutoHosts) == 0:
		return errors.New("--tls-auto needs --tls-auto-hosts, the names that the API server calls the injector by")
	}
	return nil
}

// keep renews the certificate until ctx ends.
func (s *server) keep(ctx context.Context) error {
	if !selfManaged(s.config) {
		return certs.Watch(ctx, &s.holder, s.config.TLSCertFile, s.config.TLSKeyFile, s.complain("certificate not read"))
	}
	for {
		reasons, err := s.keeper.Sync(ctx, s.leads())
		for _, r := range reasons {
			s.log.Info("certificates changed", "reason", string(r))
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, certs.ErrNone) {
			s.complain("certificates not renewed")(err)
		}
		s.observe()
		wait := syncEach
		if s.holder.Current() == nil {
			wait = syncFirst
		}
		if !s.pause(ctx, wait) {
			return nil
		}
	}
}

// pause waits, or less if this replica begins to lead. It reports false when ctx
// ended first.
func (s *server) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-s.begun:
	}
	return true
}

// awaitCertificate returns when there is a certificate, or ctx ends: connections
// that come before wait with it, rather than fail.
func (s *server) awaitCertificate(ctx context.Context) {
	const look = 50 * time.Millisecond
	for s.holder.Current() == nil && pause.For(ctx, look) {
	}
}

// observe tells the publisher that the bundle may have changed, and the keeper
// what the API server has.
func (s *server) observe() {
	if s.publisher == nil {
		return
	}
	s.publisher.Look()
	all := s.publisher.Bundles()
	for _, b := range all {
		if !bytes.Equal(b, all[0]) {
			return
		}
	}
	if len(all) > 0 {
		s.keeper.Published(all[0])
	}
}

// bundle is what this replica is to write to the webhook configuration; nil for
// nothing.
func (s *server) bundle() []byte {
	if !s.leads() {
		return nil
	}
	if s.keeper != nil {
		return s.keeper.Bundle()
	}
	if s.config.TLSCACertFile == "" {
		return nil
	}
	text, err := os.ReadFile(s.config.TLSCACertFile)
	if err != nil {
		s.complain("authorities not read")(err)
		return nil
	}
	return text
}

// certificate tells whether the certificate can be shown.
func (s *server) certificate() error {
	c := s.holder.Current()
	if c == nil {
		return errors.New("there is no serving certificate yet")
	}
	now := time.Now()
	if now.After(c.Leaf.NotAfter) || now.Before(c.Leaf.NotBefore) {
		return fmt.Errorf("the serving certificate is valid from %s to %s", c.Leaf.NotBefore.Format(time.RFC3339), c.Leaf.NotAfter.Format(time.RFC3339))
	}
	return nil
}

// trusted tells whether the API server trusts the certificate, as far as it can be
// seen: without the name of a configuration somebody else looks after that.
func (s *server) trusted() error {
	if s.publisher == nil {
		return nil
	}
	all := s.publisher.Bundles()
	if len(all) == 0 {
		return fmt.Errorf("the webhook configuration %q was not found yet", s.config.TLSAuto)
	}
	for _, b := range all {
		if err := certs.Trusts(b, s.holder.Current(), "", time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// forgiving keeps the authorities in memory where the injector may not use
// Secrets, as with the roles of the old injector's chart: they change with each
// start then, as that one's do.
type forgiving struct {
	*cluster.Secret
	complain func(error)
	entries  map[string]sensitive.String
	denied   bool
}

// Load implements certs.Store.
func (f *forgiving) Load(ctx context.Context) (map[string]sensitive.String, string, error) {
	if f.denied {
		return f.entries, "memory", nil
	}
	entries, version, err := f.Secret.Load(ctx)
	if cluster.Forbidden(err) {
		f.deny(err)
		return nil, "", nil
	}
	return entries, version, err
}

func (f *forgiving) deny(err error) {
	f.denied = true
	f.complain(fmt.Errorf("authorities are kept in memory, and change at each start: %w", err))
}

// Save implements certs.Store.
func (f *forgiving) Save(ctx context.Context, entries map[string]sensitive.String, version string) error {
	if !f.denied {
		err := f.Secret.Save(ctx, entries, version)
		if !cluster.Forbidden(err) {
			return err
		}
		f.deny(err)
	}
	f.entries = entries
	return nil
}

// shown is what handshakes get.
func (s *server) shown(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return s.holder.Get(hello)
}
