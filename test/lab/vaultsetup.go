package lab

import (
	"context"
	"time"
)

// Policy writes an ACL policy in HCL.
func (v *Vault) Policy(ctx context.Context, name, rules string) error {
	_, err := v.Write(ctx, "sys/policies/acl/"+name, map[string]any{"policy": rules})
	return err
}

// EnableAuth mounts an auth method, such as "approle", at auth/mount.
func (v *Vault) EnableAuth(ctx context.Context, kind, mount string) error {
	_, err := v.Write(ctx, "sys/auth/"+mount, map[string]any{"type": kind})
	return err
}

// Mount mounts a secrets engine, such as "transit".
func (v *Vault) Mount(ctx context.Context, kind, mount string) error {
	_, err := v.Write(ctx, "sys/mounts/"+mount, map[string]any{"type": kind})
	return err
}

// MountKV mounts the kv engine in version "1" or "2".
func (v *Vault) MountKV(ctx context.Context, mount, version string) error {
	_, err := v.Write(ctx, "sys/mounts/"+mount, map[string]any{
		"type": "kv", "options": map[string]any{"version": version},
	})
	return err
}

// ConnectKubernetes mounts the kubernetes auth method and makes it ask the API
// server to review tokens, as a service account that may do so.
func (v *Vault) ConnectKubernetes(ctx context.Context, mount string, k *Kubernetes) error {
	reviewer, err := k.TokenReviewer(ctx)
	if err != nil {
		return err
	}
	if err := v.EnableAuth(ctx, "kubernetes", mount); err != nil {
		return err
	}
	_, err = v.Write(ctx, "auth/"+mount+"/config", map[string]any{
		"kubernetes_host":      k.URL(),
		"kubernetes_ca_cert":   string(k.CACert()),
		"token_reviewer_jwt":   reviewer,
		"disable_local_ca_jwt": true,
	})
	return err
}

// KubernetesRole binds service accounts to policies.
type KubernetesRole struct {
	Namespaces      []string      // "*" for all
	ServiceAccounts []string      // "*" for all
	Audience        string        // that a token must have; empty: any
	Policies        []string      // of the Vault token
	TTL, MaxTTL     time.Duration // of the Vault token; zero: the mount's
}

// WriteKubernetesRole creates or replaces a role of the kubernetes auth method.
func (v *Vault) WriteKubernetesRole(ctx context.Context, mount, name string, r KubernetesRole) error {
	data := map[string]any{
		"bound_service_account_namespaces": r.Namespaces,
		"bound_service_account_names":      r.ServiceAccounts,
		"token_policies":                   r.Policies,
		"token_ttl":                        r.TTL.String(),
		"token_max_ttl":                    r.MaxTTL.String(),
	}
	if r.Audience != "" {
		data["audience"] = r.Audience
	}
	_, err := v.Write(ctx, "auth/"+mount+"/role/"+name, data)
	return err
}

// AppRole creates a role of a mounted approle method and returns the two halves
// of its credential; the secret id may be used any number of times.
func (v *Vault) AppRole(ctx context.Context, mount, name string, ttl time.Duration, policies ...string) (roleID, secretID string, err error) {
	role := "auth/" + mount + "/role/" + name
	if _, err := v.Write(ctx, role, map[string]any{"token_policies": policies, "token_ttl": ttl.String()}); err != nil {
		return "", "", err
	}
	out, err := v.Read(ctx, role+"/role-id")
	if err != nil {
		return "", "", err
	}
	if roleID, err = text(out, "data", "role_id"); err != nil {
		return "", "", err
	}
	if out, err = v.Write(ctx, role+"/secret-id", nil); err != nil {
		return "", "", err
	}
	secretID, err = text(out, "data", "secret_id")
	return roleID, secretID, err
}

// User creates a user of a mounted userpass method.
func (v *Vault) User(ctx context.Context, mount, name, password string, policies ...string) error {
	_, err := v.Write(ctx, "auth/"+mount+"/users/"+name, map[string]any{
		"password": password, "token_policies": policies,
	})
	return err
}

// PKIRoot mounts the pki engine with an internal root whose certificates may
// live up to maxTTL.
func (v *Vault) PKIRoot(ctx context.Context, mount string, maxTTL time.Duration) error {
	_, err := v.Write(ctx, "sys/mounts/"+mount, map[string]any{
		"type": "pki", "config": map[string]any{"max_lease_ttl": maxTTL.String()},
	})
	if err != nil {
		return err
	}
	_, err = v.Write(ctx, mount+"/root/generate/internal", map[string]any{
		"common_name": "vaultk8s lab root", "ttl": maxTTL.String(), "key_type": "ec", "key_bits": 256,
	})
	return err
}

// PKIRole lets mount/issue/name issue certificates for domain and names below
// it. Without lease, as by default in Vault, a certificate has no lease to renew
// or revoke.
func (v *Vault) PKIRole(ctx context.Context, mount, name, domain string, ttl time.Duration, lease bool) error {
	_, err := v.Write(ctx, mount+"/roles/"+name, map[string]any{
		"allowed_domains": domain, "allow_subdomains": true, "allow_bare_domains": true,
		"ttl": ttl.String(), "max_ttl": ttl.String(), "key_type": "ec", "key_bits": 256,
		"generate_lease": lease,
	})
	return err
}
