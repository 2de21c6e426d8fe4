package agent

import (
	"cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// Apply gives the settings what only an agent document says: the way to log in,
// which replaces that of the shared file as a whole, and the bound of
// connections.
func Apply(c *config.Config, doc *agentfile.Document) {
	if n := doc.TemplateConfig.MaxConnectionsPerHost; c.Vault.MaxConns == 0 && n > 0 {
		c.Vault.MaxConns = n
	}
	if doc.AutoAuth == nil {
		return
	}
	m := doc.AutoAuth.Method
	c.Auth = config.Auth{
		Method: m.Type, Mount: cmp.Or(m.MountPath, "auth/"+m.Type), Namespace: m.Namespace, Role: m.Config["role"], Options: m.Config,
		MinBackoff: m.MinBackoff, MaxBackoff: m.MaxBackoff, ExitOnErr: m.ExitOnErr, WrapTTL: m.WrapTTL,
		Reauth: doc.AutoAuth.ReauthOnNewCredentials,
	}
}
