package vault

import (
	"cmp"
	"crypto/tls"
	"errors"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Material is what a connection is made with that the program holds in memory, in
// place of what the configuration names.
type Material struct {
	CACert string           // in PEM; "": that of the configuration
	Cert   string           // client certificate in PEM, with its key; "": that of the configuration
	Key    sensitive.String // in PEM
	Proxy  sensitive.String // URL, with its credentials; empty: that of the configuration
}

// WithMaterial makes connections with what is held in memory.
func WithMaterial(m Material) Option { return func(s *settings) { s.material = m } }

// Renew makes connections with other material from now on. Requests that are under
// way end on their old connections. Material that cannot be used is an error, and
// leaves the old in use.
func (c *Client) Renew(m Material) error {
	if c.pool == nil {
		return nil // the caller's own transport has its own material
	}
	if err := c.pool.renew(m); err != nil {
		return err
	}
	c.made.material.Store(&m)
	return nil
}

// renew replaces the pool.
func (r *rotating) renew(m Material) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, err := newTransport(m.within(r.config), r.socket, m)
	if err != nil {
		return err
	}
	r.current.CloseIdleConnections()
	r.current, r.material = next, m
	return nil
}

// within is a configuration with the material in it, as far as it is one of its fields.
func (m Material) within(c config.Vault) config.Vault {
	if m.CACert != "" {
		c.CACert, c.CAPath, c.CACertBytes = "", "", m.CACert
	}
	if m.Cert != "" {
		c.ClientCert, c.ClientKey = "", ""
	}
	c.ProxyAddress = cmp.Or(m.Proxy.Reveal(), c.ProxyAddress)
	return c
}

// pair reads the client certificate; nil where there is none.
func (m Material) pair() (*tls.Certificate, error) {
	if m.Cert == "" {
		return nil, nil
	}
	pair, err := tls.X509KeyPair([]byte(m.Cert), []byte(m.Key.Reveal()))
	if err != nil {
		// The error of the parser names no value, but says what is wrong with the key.
		return nil, errors.New("the given client certificate and its key are no pair in PEM")
	}
	return &pair, nil
}
