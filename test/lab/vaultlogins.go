package lab

import "context"

// ConnectLDAP mounts the ldap auth method and makes it look its users up in l.
func (v *Vault) ConnectLDAP(ctx context.Context, mount string, l *LDAP) error {
	if err := v.EnableAuth(ctx, "ldap", mount); err != nil {
		return err
	}
	dn, password := l.Admin()
	_, err := v.Write(ctx, "auth/"+mount+"/config", map[string]any{
		"url": l.URL(), "binddn": dn, "bindpass": password, "userdn": l.People(), "userattr": "uid",
	})
	return err
}

// LDAPUser gives policies to a user of a connected ldap method, who is in the
// directory.
func (v *Vault) LDAPUser(ctx context.Context, mount, name string, policies ...string) error {
	_, err := v.Write(ctx, "auth/"+mount+"/users/"+name, map[string]any{"policies": policies})
	return err
}

// CertRole lets certificates that an authority signed log in with a mounted cert
// method. Vault itself must serve TLS.
func (v *Vault) CertRole(ctx context.Context, mount, name string, a *Authority, policies ...string) error {
	_, err := v.Write(ctx, "auth/"+mount+"/certs/"+name, map[string]any{
		"certificate": string(a.PEM()), "token_policies": policies,
	})
	return err
}
