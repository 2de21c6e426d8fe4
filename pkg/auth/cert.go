package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// cert logs in with the client certificate of the TLS connection itself. Each
// login makes a connection of its own, because one that is already there shows
// the certificate of its handshake, which may have been replaced since.
type cert struct {
	login string
	name  string // of the role; "": Vault tries all of them
	tls   ClientTLS
	read  func(name string) ([]byte, error) // nil: files are read where the connection is made
}

func newCert(o *options) Method {
	c := &cert{login: o.loginPath(), name: o.text("name", ""), tls: o.clientTLS(), read: o.read}
	if (c.tls.Cert == "") != (c.tls.Key == "") {
		o.problems = append(o.problems, fmt.Errorf("auth method %q: options %q and %q go together", o.method, "client_cert", "client_key"))
	}
	o.truth("reload", false)
	o.period("reload_period")
	return c
}

// clientTLS reads the options that name certificate files.
func (o *options) clientTLS() ClientTLS {
	return ClientTLS{CACert: o.text("ca_cert", ""), Cert: o.text("client_cert", ""), Key: o.text("client_key", "")}
}

// Over completes what the method cert leaves to the connection: where the options
// name no client certificate it is the connection's, and Subject and Watched speak
// of that. Other methods are left as they are.
func Over(connection config.Vault, c config.Auth) config.Auth {
	own := newOptions(c).clientTLS()
	if c.Method != "cert" || own.Cert != "" || own.Key != "" || connection.ClientCert == "" {
		return c
	}
	options := map[string]string{}
	maps.Copy(options, c.Options)
	options["client_cert"], options["client_key"] = connection.ClientCert, connection.ClientKey
	c.Options = options
	return c
}

// Login implements Method.
func (c *cert) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	body := map[string]any{}
	if c.name != "" {
		body["name"] = c.name
	}
	shown, err := c.shown()
	if err != nil {
		return nil, err
	}
	return loginBy(ctx, vault, Request{Method: http.MethodPut, Path: c.login, Body: body, TLS: shown})
}

// shown is what the connection shows: files, or what is read in their place.
func (c *cert) shown() (*ClientTLS, error) {
	if c.read == nil || c.tls.Cert == "" {
		return &c.tls, nil
	}
	pair, certErr := c.read(c.tls.Cert)
	key, keyErr := c.read(c.tls.Key)
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, fmt.Errorf("read the client certificate: %w", err)
	}
	return &ClientTLS{CACert: c.tls.CACert, Held: &HeldPair{Cert: pair, Key: sensitive.New(string(key))}}, nil
}
