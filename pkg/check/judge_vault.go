package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// asked tells whether there is an answer of Vault to judge.
func (v *Vault) asked() bool { return v.Skipped == "" && v.Err == nil }

func vaultReachable(f *Facts) []Finding {
	v := &f.Vault
	switch {
	case v.Skipped != "":
		return []Finding{{Level: Unknown, Message: "no Vault was looked at: " + v.Skipped, Hint: "name it with --address or VAULT_ADDR"}}
	case v.Err != nil:
		hint := "check the address and the way to it"
		if e, is := errors.AsType[*vault.Error](v.Err); is && e.Hint != "" {
			hint = e.Hint
		}
		return failure(hint, "%s does not answer: %s", v.Address, withoutHint(v.Err))
	}
	return ok("%s answers", v.Address)
}

// withoutHint is the text of an error whose hint stands elsewhere.
func withoutHint(err error) string {
	e, is := errors.AsType[*vault.Error](err)
	if !is || e.Hint == "" {
		return err.Error()
	}
	bare := *e
	bare.Hint = ""
	return strings.Replace(err.Error(), e.Error(), bare.Error(), 1)
}

func vaultUnsealed(f *Facts) []Finding {
	v := &f.Vault
	switch {
	case !v.asked():
		return nil
	case !v.Ready:
		return failure("initialize it with vault operator init", "%s is not initialized", v.Address)
	case v.Sealed:
		return failure("unseal it, or set up its auto-unseal", "%s is sealed", v.Address)
	case v.Standby:
		return ok("%s is unsealed, and a standby", v.Address)
	}
	return ok("%s is unsealed", v.Address)
}

// The oldest versions that are maintained by their makers in some form; OpenBao
// counts from 2.0 on.
const oldestVault, oldestVaultMinor = 1, 13

func vaultVersion(f *Facts) []Finding {
	v := &f.Vault
	if !v.asked() {
		return nil
	}
	var major, minor int
	if _, err := fmt.Sscanf(strings.TrimPrefix(v.Version, "v"), "%d.%d", &major, &minor); err != nil {
		return warning("a proxy may answer in its place", "the version %q of Vault is no number", v.Version)
	}
	if major < oldestVault || major == oldestVault && minor < oldestVaultMinor {
		return warning("upgrade it", "version %s is older than %d.%d, the oldest that is tested", v.Version, oldestVault, oldestVaultMinor)
	}
	return ok("version %s is supported", v.Version)
}

func vaultTLS(f *Facts) []Finding {
	v := &f.Vault
	switch {
	case !v.asked():
		return nil
	case v.Insecure != "":
		return warning("serve TLS, and give its CA to the clients", "the connection to Vault is not safe: %s", v.Insecure)
	case v.CertEnd.IsZero():
		return nil
	}
	return certificate(f.Now, v.CertBegin, v.CertEnd, v.Address, "renew it")
}

func vaultClock(f *Facts) []Finding {
	if !f.Vault.asked() {
		return nil
	}
	found := clock("Vault", f.Vault.Skew)
	if between := f.Vault.Skew - f.Cluster.Skew; found[0].Level == OK && f.Cluster.Err == nil && f.Cluster.Skew != 0 {
		if other := clock("Vault", between); other[0].Level != OK {
			return warning("set the clocks, for example by NTP", "the clocks of Vault and of the API server differ by %s", between.Abs().Round(time.Second))
		}
	}
	return found
}

// trial tells whether there is a login to judge.
func (f *Facts) trial() bool { return f.Vault.asked() && f.Vault.Login.Tried }

func vaultRole(f *Facts) []Finding {
	l, m := f.Vault.Login, f.Vault.Mount
	switch {
	case !f.trial() || !m.Read:
		return nil
	case m.RoleErr != nil:
		return failure("write the role, or name another with --auth-role and --auth-mount", "role %q of %s cannot be read: %s", l.Role, l.Mount, withoutHint(m.RoleErr))
	}
	space, name, _ := strings.Cut(l.Who, "/")
	hint := fmt.Sprintf("vault write %s/role/%s with what is missing", l.Mount, l.Role)
	var found []Finding
	if !bound(m.Namespaces, space) {
		found = append(found, failure(hint, "role %q is bound to the namespaces %s, not to %q", l.Role, strings.Join(m.Namespaces, ", "), space)...)
	}
	if !bound(m.Accounts, name) {
		found = append(found, failure(hint, "role %q is bound to the service accounts %s, not to %q", l.Role, strings.Join(m.Accounts, ", "), name)...)
	}
	if m.Audience != "" && m.Audience != l.Audience {
		found = append(found, failure("request tokens for that audience: see --audience, and the audience of annotation, class or VaultAuth",
			"role %q wants tokens for the audience %q; this one is for %s", l.Role, m.Audience, audienceOf(l.Audience))...)
	}
	if len(found) == 0 {
		return ok("role %q is bound to %s", l.Role, l.Who)
	}
	return found
}

func audienceOf(name string) string {
	if name == "" {
		return "the API server"
	}
	return fmt.Sprintf("%q", name)
}

// bound tells whether one of a role's patterns fits, which may end in "*".
func bound(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
		prefix, isPrefix := strings.CutSuffix(p, "*")
		return p == name || isPrefix && strings.HasPrefix(name, prefix)
	})
}

func vaultLogin(f *Facts) []Finding {
	l := f.Vault.Login
	switch {
	case !f.trial():
		return nil
	case l.JWTErr != nil:
		return failure("the service account must exist, and you must be allowed to create serviceaccounts/token", "no token for service account %s: %v", l.Who, l.JWTErr)
	case l.Err != nil:
		hint := "check the role and the auth mount"
		if e, is := errors.AsType[*vault.Error](l.Err); is && e.Hint != "" {
			hint = e.Hint
		}
		return failure(hint, "service account %s cannot log in to %s with role %q: %s", l.Who, l.Mount, l.Role, withoutHint(l.Err))
	}
	return ok("service account %s logs in to %s with role %q: policies %s", l.Who, l.Mount, l.Role, strings.Join(l.Policies, ", "))
}

func vaultIssuer(f *Facts) []Finding {
	l, m := f.Vault.Login, f.Vault.Mount
	switch {
	case !f.trial() || !m.Read || m.Issuer == "" || l.Issuer == "":
		return nil
	case m.Issuer != l.Issuer:
		return failure("set disable_iss_validation=true, or issuer to that of the cluster", "%s insists on the issuer %q; tokens of this cluster have %q", l.Mount, m.Issuer, l.Issuer)
	}
	return ok("%s expects the issuer of this cluster", l.Mount)
}

func vaultTokenTTL(f *Facts) []Finding {
	l := f.Vault.Login
	hint := fmt.Sprintf("set token_ttl of role %q to more than that, or make the interval shorter", l.Role)
	switch {
	case !f.trial() || l.JWTErr != nil || l.Err != nil:
		return nil
	case l.TTL > 0 && l.TTL < l.Interval && !l.Renew:
		return failure(hint, "Vault's token lives %s and cannot be renewed, but secrets are read every %s: each read needs a new login", l.TTL, l.Interval)
	case l.TTL > 0 && l.TTL < l.Interval:
		return warning(hint, "Vault's token lives %s, less than the %s between two reads", l.TTL, l.Interval)
	case l.TTL == 0:
		return warning("set token_ttl and token_max_ttl of the role", "Vault's token does not end: what a pod has lost can be used for ever")
	}
	return ok("Vault's token lives %s, more than the %s between two reads", l.TTL, l.Interval)
}
