package fakevault

import (
	"fmt"
	"strings"
	"time"
)

// CreateToken makes a token without a parent and returns it.
func (s *Server) CreateToken(r TokenRole) string {
	var id string
	s.locked(func(now time.Time) {
		role := r.internal()
		t := &token{
			path: "auth/token/create", displayName: "token", policies: normalPolicies(role.policies, !role.noDefault),
			ns: s.namespaces[""], kind: role.kind, numUses: role.numUses, terms: role.terms, orphan: true,
			renewable: role.kind == kindService && !role.fixed,
		}
		if _, err := s.start(t, now); err != nil {
			panic("fakevault: create a token: " + err.Error())
		}
		t.name()
		s.tokens.add(t)
		id = t.id
	})
	return id
}

// TokenRole says what tokens a login gives. The zero TTL stands for the system's.
type TokenRole struct {
	Policies                            []string
	TTL, MaxTTL, ExplicitMaxTTL, Period time.Duration
	NumUses                             int  // 0: any number
	Batch                               bool // batch tokens instead of service tokens
	NotRenewable                        bool
	NoDefaultPolicy                     bool
}

func (r TokenRole) internal() tokenRole {
	out := tokenRole{
		policies: r.Policies, numUses: r.NumUses, kind: kindService, noDefault: r.NoDefaultPolicy, fixed: r.NotRenewable,
		terms: terms{ttl: r.TTL, maxTTL: r.MaxTTL, explicitMax: r.ExplicitMaxTTL, period: r.Period},
	}
	if r.Batch {
		out.kind = kindBatch
	}
	return out
}

// authMount is the path of an auth method's mount, with or without "auth/" given.
func authMount(mount string) string { return "auth/" + strings.TrimPrefix(mount, "auth/") }

// EnableKubernetesAuth mounts the kubernetes auth method at auth/MOUNT.
func (s *Server) EnableKubernetesAuth(mount string) {
	e := newKubernetes()
	e.config = map[string]any{"kubernetes_host": "https://kubernetes.default.svc"}
	s.enable(authMount(mount), "kubernetes", map[string]string{}, e)
}

// KubernetesRole binds ServiceAccounts to tokens. Names and namespaces may be
// globs; an empty Audience accepts any.
type KubernetesRole struct {
	ServiceAccounts, Namespaces []string
	Audience                    string
	Token                       TokenRole
}

// KubernetesRole makes or replaces a role of the kubernetes auth method.
func (s *Server) KubernetesRole(mount, name string, r KubernetesRole) {
	at(s, authMount(mount), func(e *kubernetesAuth, _ time.Time) {
		e.roles[name] = kubernetesRole{
			tokenRole: r.Token.internal(), accounts: r.ServiceAccounts, namespaces: r.Namespaces, audience: r.Audience,
		}
	})
}

// EnableJWTAuth mounts the jwt auth method at auth/MOUNT.
func (s *Server) EnableJWTAuth(mount string) {
	e := newJWT()
	e.configured = true
	s.enable(authMount(mount), "jwt", map[string]string{}, e)
}

// JWTRole makes or replaces a role of the jwt auth method. A subject has the form
// system:serviceaccount:NAMESPACE:NAME; none accepts any.
func (s *Server) JWTRole(mount, name string, audiences []string, subject string, t TokenRole) {
	at(s, authMount(mount), func(e *jwtAuth, _ time.Time) {
		e.roles[name] = jwtRole{tokenRole: t.internal(), audiences: audiences, subject: subject}
	})
}

// EnableAppRole mounts the approle auth method at auth/MOUNT.
func (s *Server) EnableAppRole(mount string) {
	s.enable(authMount(mount), "approle", map[string]string{}, newAppRole())
}

// AppRole makes or replaces a role and returns its role id. Without bindSecretID a
// login needs no secret id.
func (s *Server) AppRole(mount, name string, bindSecretID bool, t TokenRole) (roleID string) {
	at(s, authMount(mount), func(e *appRoleAuth, _ time.Time) {
		r := &appRole{tokenRole: t.internal(), name: name, id: newUUID(), bind: bindSecretID, secrets: map[string]*secretID{}}
		e.add(r)
		roleID = r.id
	})
	return roleID
}

// SecretID makes a secret id of a role; 0 stands for no end and any number of uses.
func (s *Server) SecretID(mount, role string, ttl time.Duration, uses int) (id string) {
	at(s, authMount(mount), func(e *appRoleAuth, now time.Time) { id, _ = e.mustRole(role).newSecretID(ttl, uses, now) })
	return id
}

// WrappedSecretID makes a secret id for one use and returns a wrapping token that
// holds it for ttl.
func (s *Server) WrappedSecretID(mount, role string, ttl time.Duration) (wrappingToken string) {
	at(s, authMount(mount), func(e *appRoleAuth, now time.Time) {
		id, secret := e.mustRole(role).newSecretID(0, 1, now)
		c := &call{s: s, now: now, ns: s.namespaces[""], wrapTTL: ttl}
		c.path = authMount(mount) + "/role/" + role + "/secret-id"
		wrapped := c.wrapped(&reply{accessor: secret.accessor, mountType: "approle", data: map[string]any{
			"secret_id": id, "secret_id_accessor": secret.accessor, "secret_id_num_uses": 1, "secret_id_ttl": 0,
		}})
		wrappingToken = wrapped.wrap.id
	})
	return wrappingToken
}

func (e *appRoleAuth) mustRole(name string) *appRole {
	r := e.roles[name]
	if r == nil {
		panic(fmt.Sprintf("fakevault: there is no approle role %q", name))
	}
	return r
}

// EnableUserpass mounts the userpass auth method at auth/MOUNT with the users'
// passwords, all with the same tokens.
func (s *Server) EnableUserpass(mount string, passwords map[string]string, t TokenRole) {
	e := newUserpass()
	for name, password := range passwords {
		e.users[name] = userpassUser{tokenRole: t.internal(), password: password}
	}
	s.enable(authMount(mount), "userpass", map[string]string{}, e)
}
