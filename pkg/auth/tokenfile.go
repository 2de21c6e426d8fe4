package auth

import (
	"context"
	"fmt"
	"net/http"
)

// tokenFile takes a token that someone else got. It is looked up, which proves
// that it is valid and tells how long.
type tokenFile struct{ token *credential }

func newTokenFile(o *options) Method {
	return &tokenFile{token: o.credential(&credential{noun: "token", path: o.required("token_file_path")})}
}

// Login implements Method.
func (t *tokenFile) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	value, err := t.token.read()
	if err != nil {
		return nil, err
	}
	answer, err := vault.Exchange(ctx, Request{Method: http.MethodGet, Path: "auth/token/lookup-self", Token: value})
	if err != nil {
		return nil, fmt.Errorf("look up the token in %q: %w", t.token.path, err)
	}
	if answer == nil || answer.Data == nil {
		return nil, fmt.Errorf("look up the token in %q: vault answered without data", t.token.path)
	}
	return FromLookup(value, answer.Data), nil
}
