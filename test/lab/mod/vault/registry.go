package main

import (
	"maps"
	"slices"

	credGCP "github.com/hashicorp/vault-plugin-auth-gcp/plugin"
	credJWT "github.com/hashicorp/vault-plugin-auth-jwt"
	credKube "github.com/hashicorp/vault-plugin-auth-kubernetes"
	secretsKube "github.com/hashicorp/vault-plugin-secrets-kubernetes"
	logicalKv "github.com/hashicorp/vault-plugin-secrets-kv"
	credAppRole "github.com/hashicorp/vault/builtin/credential/approle"
	credAWS "github.com/hashicorp/vault/builtin/credential/aws"
	credCert "github.com/hashicorp/vault/builtin/credential/cert"
	credLdap "github.com/hashicorp/vault/builtin/credential/ldap"
	credUserpass "github.com/hashicorp/vault/builtin/credential/userpass"
	logicalPki "github.com/hashicorp/vault/builtin/logical/pki"
	logicalTransit "github.com/hashicorp/vault/builtin/logical/transit"
	dbPostgres "github.com/hashicorp/vault/plugins/database/postgresql"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// maker is the form in which the plugin catalog wants a built-in plugin.
type maker = func() (interface{}, error)

// registry is the plugin catalog's list of built-in plugins, by type and name.
// Every entry costs build time, so it holds only what tests use.
type registry map[consts.PluginType]map[string]maker

func builtin() registry {
	return registry{
		consts.PluginTypeCredential: {
			"approle":    factory(credAppRole.Factory),
			"aws":        factory(credAWS.Factory),
			"cert":       factory(credCert.Factory),
			"gcp":        factory(credGCP.Factory),
			"jwt":        factory(credJWT.Factory),
			"kubernetes": factory(credKube.Factory),
			"ldap":       factory(credLdap.Factory),
			"oidc":       factory(credJWT.Factory),
			"userpass":   factory(credUserpass.Factory),
		},
		consts.PluginTypeSecrets: {
			"kubernetes": factory(secretsKube.Factory),
			"kv":         factory(logicalKv.Factory),
			"pki":        factory(logicalPki.Factory),
			"transit":    factory(logicalTransit.Factory),
		},
		consts.PluginTypeDatabase: {
			"postgresql-database-plugin": dbPostgres.New,
		},
	}
}

func factory(f logical.Factory) maker {
	return func() (interface{}, error) { return f, nil }
}

func (r registry) Get(name string, t consts.PluginType) (func() (interface{}, error), bool) {
	f, ok := r[t][name]
	return f, ok
}

func (r registry) Keys(t consts.PluginType) []string {
	return slices.Sorted(maps.Keys(r[t]))
}

func (r registry) Contains(name string, t consts.PluginType) bool {
	_, ok := r[t][name]
	return ok
}

func (r registry) DeprecationStatus(name string, t consts.PluginType) (consts.DeprecationStatus, bool) {
	if r.Contains(name, t) {
		return consts.Supported, true
	}
	return consts.Unknown, false
}

func (r registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
