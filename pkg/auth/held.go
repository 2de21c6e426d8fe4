package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// JWTSource gives a JSON web token that is valid now. It is asked at every login.
type JWTSource func(ctx context.Context) (sensitive.String, error)

// FromJWT makes a method that logs in with a JSON web token which the program
// holds in memory, for the auth methods kubernetes and jwt: they take the same
// login. Mount is the path of the auth mount, "auth/kubernetes".
func FromJWT(mount, role string, source JWTSource) Method {
	return &heldJWT{login: strings.Trim(mount, "/") + "/login", role: role, source: source}
}

// newAccount makes the methods kubernetes and jwt of a service account's tokens.
func (o *options) newAccount() Method {
	tokens := o.account
	return FromJWT(o.mount, o.required("role"), func(ctx context.Context) (sensitive.String, error) { return tokens(ctx, "") })
}

type heldJWT struct {
	login  string
	role   string
	source JWTSource
}

// Login implements Method.
func (h *heldJWT) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	token, err := h.source(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkHeldJWT(token.Reveal(), time.Now()); err != nil {
		return nil, err
	}
	return login(ctx, vault, h.login, map[string]any{"role": h.role, "jwt": token.Reveal()})
}

// checkHeldJWT tells why a text cannot be a valid JSON web token now.
func checkHeldJWT(text string, now time.Time) error {
	c, ok := parseJWT(text)
	switch {
	case !ok:
		return errors.New("the service-account token is no JWT: expected three base64 parts separated by dots")
	case c.Expires == nil:
		return nil
	}
	if end := time.Unix(*c.Expires, 0).UTC(); !end.After(now) {
		return fmt.Errorf("the service-account token expired at %s", end.Format(time.RFC3339))
	}
	return nil
}
