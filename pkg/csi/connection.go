package csi

import (
	"crypto/sha256"
	"fmt"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// settingsSum tells settings of a connection apart, and does not show them.
type settingsSum [sha256.Size]byte

func sumOfSettings(c config.Vault) settingsSum { return sha256.Sum256(fmt.Appendf(nil, "%#v", c)) }

// connection is a client that all logins with the same settings share, and with
// it their connections to Vault. The provider's mu guards it.
type connection struct {
	client *vault.Client
	key    settingsSum
	users  int
}

// connect returns the connection for some settings. The caller holds mu, and gives
// the connection back by disconnect.
func (p *Provider) connect(c config.Vault) (*connection, error) {
	key := sumOfSettings(c)
	if shared := p.connections[key]; shared != nil {
		shared.users++
		return shared, nil
	}
	options := []vault.Option{vault.WithVersion(p.o.Version), vault.WithLimits(p.limits)}
	if p.o.Transport != nil {
		options = append(options, vault.WithTransport(p.o.Transport))
	}
	client, err := vault.NewClient(c, options...)
	if err != nil {
		return nil, &badRequest{[]error{err}}
	}
	made := &connection{client: client, key: key, users: 1}
	p.connections[key] = made
	return made, nil
}

// disconnect gives a connection back. The caller holds mu.
func (p *Provider) disconnect(c *connection) {
	if c.users--; c.users == 0 {
		delete(p.connections, c.key)
		c.client.Close()
	}
}
