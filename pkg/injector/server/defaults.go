package server

import (
	"cmp"
	"errors"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/injector"
)

// CheckTemplate parses a template and returns an error with line and column. It
// comes from outside, because the injector does not know the language; nil checks
// nothing.
type CheckTemplate = func(text, left, right string) error

// unsetAddress is the default of the setting for all modes. Nobody means it for
// pods, in which it is the pod itself.
const unsetAddress = "https://127.0.0.1:8200"

// Defaults returns what settings say of pods without annotations. What agents have
// in common with all modes comes from the section of Vault, unless that of the
// injector says otherwise. The error names every problem.
func Defaults(c *config.Config, check CheckTemplate) (injector.Options, error) {
	i := c.Injector
	common := c.Vault
	if common.Address == unsetAddress {
		common.Address = ""
	}
	o := injector.Options{
		VaultAddress: cmp.Or(i.VaultAddress, common.Address), VaultNamespace: cmp.Or(i.VaultNamespace, common.Namespace),
		VaultCACertBytes: cmp.Or(i.VaultCACertBytes, common.CACertBytes), ProxyAddress: cmp.Or(i.ProxyAddress, common.ProxyAddress),
		Image: cmp.Or(i.Image, injector.DefaultImage), Flavor: i.Flavor, Binary: i.Binary, ImagePullPolicy: i.ImagePullPolicy,
		AuthType: i.AuthType, AuthPath: i.AuthPath, AuthMinBackoff: i.AuthMinBackoff, AuthMaxBackoff: i.AuthMaxBackoff,
		RunAsUser: i.RunAsUser, RunAsGroup: i.RunAsGroup, RunAsSameUser: i.RunAsSameUser,
		SetSecurityContext: i.SetSecurityContext, SeccompProfile: i.SeccompProfile,
		CPURequest: i.CPURequest, CPULimit: i.CPULimit, MemoryRequest: i.MemoryRequest, MemoryLimit: i.MemoryLimit,
		EphemeralRequest: i.EphemeralRequest, EphemeralLimit: i.EphemeralLimit,
		RevokeOnShutdown: i.RevokeOnShutdown, DefaultTemplate: i.DefaultTemplate, ExitOnRetryFailure: i.ExitOnRetryFailure,
		StaticSecretRenderInterval: i.RenderInterval, MaxConnectionsPerHost: i.MaxConnectionsPerHost,
		LeaseRenewalThreshold: i.LeaseRenewalThreshold, DisableIdleConnections: i.DisableIdleConnections, DisableKeepAlives: i.DisableKeepAlives,
		Sidecar: i.Sidecar, NativeSidecars: i.NativeSidecars == "true", EnvBinary: i.EnvBinary,
		TokenAudience: i.TokenAudience, TokenExpiration: i.TokenExpiration,
		CheckTemplate: check,
	}
	if o.VaultAddress == "" {
		return o, errors.New("No Vault service configured: set AGENT_INJECT_VAULT_ADDR, --vault-address or vault.address") //nolint:staticcheck // the old injector's words
	}
	return o, o.Validate()
}
