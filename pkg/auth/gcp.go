package auth

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The two ways of the method gcp.
const (
	gcpTypeGCE = "gce"
	gcpTypeIAM = "iam"
)

const (
	// gcpMinutes is how long a signed token is valid by default: as long as roles
	// in Vault allow by default.
	gcpMinutes = 15
	// gcpMostMinutes is what Vault accepts at most.
	gcpMostMinutes = 60
	// gcpDefaultAccount is the name by which a machine knows the account it runs as.
	gcpDefaultAccount = "default"
)

// newGCP makes the method gcp. Its type gce proves an instance, or a pod with
// Workload Identity, by a token of the metadata server. The type iam proves a
// service account: Google signs a token for it, which the account's own
// credentials have to allow (roles/iam.serviceAccountTokenCreator). Those are a
// key (the option credentials, or the variables that Google's libraries read), or
// the metadata server's. The option project is not needed: the name of a service
// account tells its project.
func newGCP(o *options) Method {
	role, account := o.required("role"), o.text("service_account", gcpDefaultAccount)
	if o.account != nil {
		return &gcpWorkload{
			login: o.loginPath(), role: role, account: account, tokens: o.account,
			project: o.given("project"), region: o.given("region"), cluster: o.given("cluster_name"),
		}
	}
	switch way := o.required("type"); way {
	case gcpTypeGCE:
		return &gcpGCE{login: o.loginPath(), role: role, account: account}
	case gcpTypeIAM, "":
		return &gcpIAM{
			login: o.loginPath(), role: role, account: account,
			key: gcpKeySource(o.text("credentials", "")), life: o.jwtLife(),
		}
	default:
		o.problems = append(o.problems, fmt.Errorf(`auth method "gcp": option "type" must be "gce" or "iam", not %q`, way))
		return nil
	}
}

// jwtLife reads jwt_exp, which counts minutes.
func (o *options) jwtLife() time.Duration {
	v := o.text("jwt_exp", "0")
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > gcpMostMinutes {
		o.problems = append(o.problems, fmt.Errorf(`auth method "gcp": option "jwt_exp" must be a number of minutes up to %d, not %q`, gcpMostMinutes, v))
	}
	if n == 0 {
		n = gcpMinutes
	}
	return time.Duration(n) * time.Minute
}

// addressed is what an exchanger may know besides: where its Vault is.
type addressed interface{ Address() string }

// gcpGCE logs in with a token that the metadata server signs for the machine.
type gcpGCE struct {
	login   string
	role    string
	account string
}

// Login implements Method.
func (g *gcpGCE) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	// Vault checks only the end of the audience; the address keeps a token for one
	// Vault from being of use at another that looks closer.
	server := "http://vault"
	if a, ok := vault.(addressed); ok && a.Address() != "" {
		server = strings.TrimRight(a.Address(), "/") + "/vault"
	}
	jwt, err := gcpIdentity(ctx, g.account, server+"/"+g.role)
	if err != nil {
		return nil, fmt.Errorf("get an identity token from the metadata server: %w", err)
	}
	return login(ctx, vault, g.login, map[string]any{"role": g.role, "jwt": jwt.Reveal()})
}
