package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const (
	// googleSTS exchanges tokens of other issuers.
	googleSTS = "https://sts.googleapis.com"
	// gkeIssuer is what the identities of GKE clusters are named below.
	gkeIssuer = "https://container.googleapis.com/v1"
)

// gcpWorkload logs in as the Google service account that a Kubernetes service
// account of a GKE cluster may be: Workload Identity, for one that is not this
// pod's. Its token is exchanged for an access token of the cluster's identity pool,
// which may ask for an identity token of the account.
type gcpWorkload struct {
	login   string
	role    string
	account string // email address
	tokens  AccountTokens
	project string // these three: "" asks the metadata server
	region  string
	cluster string
}

// Login implements Method.
func (g *gcpWorkload) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	project, provider, err := g.place(ctx)
	if err != nil {
		return nil, fmt.Errorf("find out the cluster: %w", err)
	}
	token, err := g.tokens(ctx, project+".svc.id.goog")
	if err != nil {
		return nil, err
	}
	access, err := federated(ctx, project, provider, token)
	if err != nil {
		return nil, fmt.Errorf("exchange the service-account token: %w", err)
	}
	jwt, err := g.identity(ctx, access)
	if err != nil {
		return nil, fmt.Errorf("get an identity token of %q: %w", g.account, err)
	}
	return login(ctx, vault, g.login, map[string]any{"role": g.role, "jwt": jwt.Reveal()})
}

// place returns the project, and the name of the cluster as an issuer.
func (g *gcpWorkload) place(ctx context.Context) (project, provider string, err error) {
	parts := []string{g.project, g.region, g.cluster}
	for i, path := range []string{"project/project-id", "instance/attributes/cluster-location", "instance/attributes/cluster-name"} {
		if parts[i] != "" {
			continue
		}
		content, err := gcpServer(path, nil).do(ctx, metadataClient())
		if err != nil {
			return "", "", err
		}
		parts[i] = strings.TrimSpace(string(content))
	}
	return parts[0], gkeIssuer + "/projects/" + parts[0] + "/locations/" + parts[1] + "/clusters/" + parts[2], nil
}

// federated exchanges a token of a cluster for an access token of its pool.
func federated(ctx context.Context, project, provider string, token sensitive.String) (sensitive.String, error) {
	api, err := override("CLOUDSDK_API_ENDPOINT_OVERRIDES_STS", googleSTS)
	if err != nil {
		return sensitive.String{}, err
	}
	return accessToken(ctx, cloudClient(), form(api+"/v1/token", url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"audience":             {"identitynamespace:" + project + ".svc.id.goog:" + provider},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"subject_token_type":   {"urn:ietf:params:oauth:token-type:jwt"},
		"subject_token":        {token.Reveal()},
		"scope":                {gcpScope},
	}, token))
}

// override is the address of a service of Google, or the one that a variable names
// in its place.
func override(variable, address string) (string, error) {
	v := os.Getenv(variable)
	if v == "" {
		return address, nil
	}
	return strings.TrimRight(v, "/"), trusted(variable, v)
}

// identity asks for a token that tells who the account is.
func (g *gcpWorkload) identity(ctx context.Context, access sensitive.String) (sensitive.String, error) {
	var answer struct {
		Token string `json:"token"`
	}
	question := map[string]any{"audience": "https://vault/" + g.role, "includeEmail": true}
	err := asAccount(ctx, g.account, "generateIdToken", question, access, &answer)
	if err == nil && answer.Token == "" {
		err = errors.New("the answer holds no token")
	}
	return sensitive.New(answer.Token), err
}
