package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// azureAuthority issues tokens in Azure's public cloud.
const azureAuthority = "https://login.microsoftonline.com"

// environmentToken takes the first identity that the environment describes, in
// the order of Azure's own libraries.
func (a *azure) environmentToken(ctx context.Context) (sensitive.String, error) {
	client := os.Getenv("AZURE_CLIENT_ID")
	if client == "" {
		client = a.clientID
	}
	if secret := os.Getenv("AZURE_CLIENT_SECRET"); secret != "" {
		return a.applicationToken(ctx, client, sensitive.New(secret), url.Values{"client_secret": {secret}})
	}
	if path := os.Getenv("AZURE_FEDERATED_TOKEN_FILE"); path != "" {
		return a.workloadToken(ctx, client, path)
	}
	return a.managedToken(ctx, a.objectID, client)
}

// workloadToken shows the service-account token, which the kubelet replaces.
func (a *azure) workloadToken(ctx context.Context, client, path string) (sensitive.String, error) {
	token, err := (&credential{noun: "federated token", path: path}).read()
	if err != nil {
		return sensitive.String{}, err
	}
	if err := checkJWT(path, token.Reveal(), time.Now()); err != nil {
		return sensitive.String{}, err
	}
	return a.applicationToken(ctx, client, token, assertion(token))
}

// assertion is the proof of an application by a token of another issuer.
func assertion(token sensitive.String) url.Values {
	return url.Values{
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {token.Reveal()},
	}
}

// azureExchange is the audience of tokens that an application may show.
const azureExchange = "api://AzureADTokenExchange"

// accountToken is the token of the application that a service account stands for.
func (a *azure) accountToken(ctx context.Context) (sensitive.String, error) {
	token, err := a.account(ctx, azureExchange)
	if err != nil {
		return sensitive.String{}, err
	}
	if a.clientID == "" || a.tenant == "" {
		return sensitive.String{}, errors.New("get a token of the application: client_id and tenant_id must be set")
	}
	return a.tenantToken(ctx, a.tenant, a.clientID, token, assertion(token))
}

// applicationToken asks the authority of a tenant for a token of an application.
func (a *azure) applicationToken(ctx context.Context, client string, proof sensitive.String, fields url.Values) (sensitive.String, error) {
	tenant := os.Getenv("AZURE_TENANT_ID")
	if client == "" || tenant == "" {
		return sensitive.String{}, errors.New("get a token of the application: AZURE_CLIENT_ID and AZURE_TENANT_ID must be set")
	}
	return a.tenantToken(ctx, tenant, client, proof, fields)
}

func (a *azure) tenantToken(ctx context.Context, tenant, client string, proof sensitive.String, fields url.Values) (sensitive.String, error) {
	authority := os.Getenv("AZURE_AUTHORITY_HOST")
	if authority == "" {
		authority = azureAuthority
	}
	if err := trusted("AZURE_AUTHORITY_HOST", authority); err != nil {
		return sensitive.String{}, err
	}
	fields.Set("grant_type", "client_credentials")
	fields.Set("client_id", client)
	fields.Set("scope", a.scope)
	call := form(strings.TrimRight(authority, "/")+"/"+url.PathEscape(tenant)+"/oauth2/v2.0/token", fields, proof)
	token, err := accessToken(ctx, cloudClient(), call)
	if err != nil {
		return sensitive.String{}, fmt.Errorf("get a token of the application: %w", err)
	}
	return token, nil
}
