package auth

import (
	"context"
	"maps"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Option changes where a method gets what it logs in with. A program that logs in
// for others has no files of theirs, and no environment.
type Option func(*options)

// AccountTokens gives a token of a Kubernetes service account for an audience, ""
// for the one that was configured. It is asked at every login.
type AccountTokens func(ctx context.Context, audience string) (sensitive.String, error)

// WithFiles reads the files that options name by a function of the caller, which
// need not be files then. Nothing is removed.
func WithFiles(read func(name string) ([]byte, error)) Option {
	return func(o *options) { o.read = read }
}

// WithAccount logs in as a service account: with its token, for the methods
// kubernetes and jwt, or as what it stands for in a cloud, for aws, azure and gcp.
// Those take further options then: role_arn, session_name, sts_endpoint and
// audience; tenant_id; project, region and cluster_name.
func WithAccount(tokens AccountTokens) Option {
	return func(o *options) { o.account = tokens }
}

// WithExtras adds members to the body of the login request, where the method has
// none of that name, and headers to it.
func WithExtras(params map[string]string, headers []config.Header) Option {
	return func(o *options) { o.params, o.headers = params, headers }
}

// credential makes a credential that is read as the options say.
func (o *options) credential(c *credential) *credential {
	if o.read != nil {
		c.source, c.remove = o.read, false
	}
	return c
}

// given returns an option that only a program sets, together with WithAccount.
func (o *options) given(name string) string { return strings.TrimSpace(o.values[name]) }

// withExtras puts the extras around a method.
func (o *options) withExtras(m Method) Method {
	if len(o.params) == 0 && len(o.headers) == 0 {
		return m
	}
	return &embellished{Method: m, login: o.loginPath(), params: o.params, headers: o.headers}
}

// embellished is a method whose login says more than it does by itself.
type embellished struct {
	Method
	login   string
	params  map[string]string
	headers []config.Header
}

// Login implements Method.
func (e *embellished) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	return e.Method.Login(ctx, embellisher{vault, e})
}

// embellisher adds the extras to the request of the login proper.
type embellisher struct {
	Exchanger
	extras *embellished
}

// Exchange implements Exchanger.
func (e embellisher) Exchange(ctx context.Context, r Request) (*api.Secret, error) {
	if r.Path != e.extras.login && !strings.HasPrefix(r.Path, e.extras.login+"/") {
		return e.Exchanger.Exchange(ctx, r)
	}
	body := make(map[string]any, len(r.Body)+len(e.extras.params))
	for name, value := range e.extras.params {
		body[name] = value
	}
	maps.Copy(body, r.Body)
	r.Body, r.Headers = body, e.extras.headers
	return e.Exchanger.Exchange(ctx, r)
}

// Address tells the method gcp where its Vault is.
func (e embellisher) Address() string {
	if a, ok := e.Exchanger.(addressed); ok {
		return a.Address()
	}
	return ""
}
