package secret

import "github.com/vaultk8s/vaultk8s/pkg/vault"

// Request returns what Vault is sent for the query, for who asks once and keeps
// nothing; a [Store] does it by itself.
func (q Query) Request() vault.Request { return request(q) }
