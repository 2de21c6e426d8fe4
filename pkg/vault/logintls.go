package vault

import (
	"net/http"
	"sync/atomic"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// origin is what a client was made from.
type origin struct {
	config  config.Vault
	target  target
	headers http.Header
	given   http.RoundTripper // nil: the network
	// material is what is held in memory; it may be renewed.
	material *atomic.Pointer[Material]
	middleware
}

// over returns a client for one request over a connection of its own, with the
// certificates of a login. It reads their files, and shares everything else with
// c, the rate limit too. Close it.
func (c *Client) over(t auth.ClientTLS) (*Client, error) {
	made := c.made
	made.config.NoKeepAlive = true // nobody comes after this request
	material := *made.material.Load()
	if t.CACert != "" {
		material.CACert = ""
		made.config.CACert, made.config.CAPath, made.config.CACertBytes = t.CACert, "", ""
	}
	if t.Cert != "" || t.Key != "" {
		made.config.ClientCert, made.config.ClientKey = t.Cert, t.Key
		material.Cert = ""
	}
	if t.Held != nil {
		material.Cert, material.Key = string(t.Held.Cert), t.Held.Key
	}
	_, round, closeIdle, err := newRoundTripper(made.config, made.target, made.given, material)
	if err != nil {
		return nil, err
	}
	sender, err := newAPI(made.target.base, made.around(round), made.headers)
	if err != nil {
		return nil, err
	}
	apart := *c
	apart.api, apart.closeIdle = sender, closeIdle
	return &apart, nil
}
