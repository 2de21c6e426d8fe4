package agent

import (
	"cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// connections is how many an agent opens to Vault at most. Where ten templates
// start together, ten connections cost a tenth more CPU and a fifth more time
// than a few that are used again; over TLS all requests share one in the end.
const connections = 4

// Apply gives the settings what only an agent document says: the way to log in,
// which replaces that of the shared file as a whole, and how connections are kept.
func Apply(c *config.Config, doc *agentfile.Document) {
	if c.Vault.MaxConns == 0 {
		c.Vault.MaxConns = min(connections, doc.TemplateConfig.MaxConnectionsPerHost)
	}
	c.Vault.NoIdle = c.Vault.NoIdle || sharedConnections(doc, c.Agent.DisableIdleConnections)
	c.Vault.NoKeepAlive = c.Vault.NoKeepAlive || sharedConnections(doc, c.Agent.DisableKeepAlives)
	if doc.AutoAuth == nil {
		return
	}
	c.Auth = authOf(doc.AutoAuth.Method, doc.AutoAuth.ReauthOnNewCredentials)
}

// authOf is the login that a method block describes.
func authOf(m agentfile.Method, reauth bool) config.Auth {
	return config.Auth{
		Method: m.Type, Mount: cmp.Or(m.MountPath, "auth/"+m.Type), Namespace: m.Namespace, Role: m.Config["role"], Options: m.Config,
		MinBackoff: m.MinBackoff, MaxBackoff: m.MaxBackoff, ExitOnErr: m.ExitOnErr, WrapTTL: m.WrapTTL, Reauth: reauth,
	}
}
