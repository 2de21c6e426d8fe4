package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// iamCredentialsAPI is Google's service that signs tokens for service accounts.
const iamCredentialsAPI = "https://iamcredentials.googleapis.com"

// gcpIAM logs in with a token that Google signs for a service account.
type gcpIAM struct {
	login   string
	role    string
	account string // an email address, or default
	key     gcpKeySource
	life    time.Duration
}

// Login implements Method.
func (g *gcpIAM) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	key, err := g.key.read()
	if err != nil {
		return nil, err
	}
	account, err := g.resolve(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("find out the service account: %w", err)
	}
	access, err := g.access(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("get an access token: %w", err)
	}
	jwt, err := g.sign(ctx, account, access)
	if err != nil {
		return nil, fmt.Errorf("have a JWT signed for %q: %w", account, err)
	}
	return login(ctx, vault, g.login, map[string]any{"role": g.role, "jwt": jwt.Reveal()})
}

// resolve finds the account to log in as: the one that is named, that of the key,
// or that of the machine.
func (g *gcpIAM) resolve(ctx context.Context, key *gcpKey) (string, error) {
	switch {
	case g.account != gcpDefaultAccount:
		return g.account, nil
	case key != nil:
		return key.ClientEmail, nil
	}
	return gcpEmail(ctx, g.account)
}

func (g *gcpIAM) access(ctx context.Context, key *gcpKey) (sensitive.String, error) {
	if key != nil {
		return key.accessToken(ctx)
	}
	return gcpMachineToken(ctx)
}

// sign asks Google for the token, so that no key has to be near.
func (g *gcpIAM) sign(ctx context.Context, account string, access sensitive.String) (sensitive.String, error) {
	claims, err := json.Marshal(map[string]any{"aud": "http://vault/" + g.role, "sub": account, "exp": time.Now().Add(g.life).Unix()})
	if err != nil {
		return sensitive.String{}, err
	}
	var answer struct {
		SignedJWT string `json:"signedJwt"`
	}
	err = asAccount(ctx, account, "signJwt", map[string]string{"payload": string(claims)}, access, &answer)
	if err == nil && answer.SignedJWT == "" {
		err = errors.New("the answer holds no signedJwt")
	}
	return sensitive.New(answer.SignedJWT), err
}

// asAccount asks the IAM Credentials API for something that a service account would
// sign, with the access token of somebody who may.
func asAccount(ctx context.Context, account, verb string, question any, access sensitive.String, answer any) error {
	api, err := override("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", iamCredentialsAPI)
	if err != nil {
		return err
	}
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	return cloudCall{
		method: http.MethodPost,
		url:    api + "/v1/projects/-/serviceAccounts/" + url.PathEscape(account) + ":" + verb,
		header: map[string]string{"Authorization": "Bearer " + access.Reveal(), "Content-Type": "application/json"},
		body:   string(body),
		secret: []sensitive.String{access},
	}.json(ctx, cloudClient(), answer)
}
