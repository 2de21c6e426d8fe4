package auth

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// ServiceAccountToken is the file in which the kubelet keeps a pod's token.
const ServiceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// kubernetes logs in with a service-account token. The file is read at every
// login, because the kubelet replaces the token long before it expires.
type kubernetes struct {
	login string
	role  string
	token *credential
}

func newKubernetes(o *options) Method {
	if o.account != nil {
		return o.newAccount()
	}
	return &kubernetes{
		login: o.loginPath(),
		role:  o.required("role"),
		token: o.credential(&credential{noun: "service-account token", path: o.text("token_path", ServiceAccountToken)}),
	}
}

// Login implements Method.
func (k *kubernetes) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	return loginJWT(ctx, vault, k.login, k.role, k.token)
}

// loginJWT exchanges a JSON web token for a Vault token; the methods kubernetes
// and jwt send the same body.
func loginJWT(ctx context.Context, vault Exchanger, path, role string, source *credential) (*Token, error) {
	jwt, err := source.read()
	if err != nil {
		return nil, err
	}
	if err := checkJWT(source.path, jwt.Reveal(), time.Now()); err != nil {
		return nil, err
	}
	return login(ctx, vault, path, map[string]any{"role": role, "jwt": jwt.Reveal()})
}

// login sends credentials and returns the token of the answer.
func login(ctx context.Context, vault Exchanger, path string, body map[string]any) (*Token, error) {
	return loginBy(ctx, vault, Request{Method: http.MethodPut, Path: path, Body: body})
}

// loginBy sends a login and returns the token of the answer.
func loginBy(ctx context.Context, vault Exchanger, r Request) (*Token, error) {
	answer, err := vault.Exchange(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("log in at %q: %w", r.Path, err)
	}
	token, err := FromLogin(answer)
	if err != nil {
		return nil, fmt.Errorf("log in at %q: %w", r.Path, err)
	}
	return token, nil
}
