package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const (
	// azureMetadataHost serves the instance metadata and the managed identities.
	azureMetadataHost = "http://169.254.169.254"
	// azureMetadataVersion is the oldest that has both.
	azureMetadataVersion = "2018-02-01"
)

// azure logs in with an access token of an identity in Azure, and tells which
// machine it runs on, in case that the role in Vault is bound to machines.
//
// By default the token is that of a managed identity of the machine, chosen by
// object_id or client_id where it has several. With authenticate_from_environment
// it is, as the variables say, that of an application with a secret, of a pod's
// workload identity, or else of a managed identity.
type azure struct {
	login       string
	role        string
	resource    string
	objectID    string
	clientID    string
	scope       string
	environment bool
	account     AccountTokens // nil: it is the pod or its machine that logs in
	tenant      string        // of the account's application
}

func newAzure(o *options) Method {
	a := &azure{
		login:       o.loginPath(),
		role:        o.required("role"),
		resource:    o.required("resource"),
		objectID:    o.text("object_id", ""),
		clientID:    o.text("client_id", ""),
		environment: o.truth("authenticate_from_environment", false),
		account:     o.account,
		tenant:      o.given("tenant_id"),
	}
	a.scope = o.text("scope", a.resource+"/.default")
	if a.objectID != "" && a.clientID != "" {
		o.problems = append(o.problems, errors.New(`auth method "azure": only one of the options "object_id" and "client_id" may be set`))
	}
	return a
}

// Login implements Method.
func (a *azure) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	jwt, err := a.token(ctx)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"role": a.role, "jwt": jwt.Reveal()}
	if a.account != nil {
		return login(ctx, vault, a.login, body) // who logs in does not run on this machine
	}
	unknown := describeMachine(ctx, body)
	if unknown != nil && !a.environment {
		return nil, unknown
	}
	token, err := login(ctx, vault, a.login, body)
	if err != nil && unknown != nil {
		return nil, fmt.Errorf("%w (sent without the machine's names: %w)", err, unknown)
	}
	return token, err
}

func (a *azure) token(ctx context.Context) (sensitive.String, error) {
	if a.account != nil {
		return a.accountToken(ctx)
	}
	if a.environment {
		return a.environmentToken(ctx)
	}
	return a.managedToken(ctx, a.objectID, a.clientID)
}

// managedToken asks the machine for a token of one of its identities.
func (a *azure) managedToken(ctx context.Context, objectID, clientID string) (sensitive.String, error) {
	query := url.Values{"resource": {a.resource}}
	if objectID != "" {
		query.Set("object_id", objectID)
	}
	if clientID != "" {
		query.Set("client_id", clientID)
	}
	token, err := accessToken(ctx, metadataClient(), azureMetadata("/metadata/identity/oauth2/token", query))
	if err != nil {
		return sensitive.String{}, fmt.Errorf("get a token of the managed identity: %w", err)
	}
	return token, nil
}

// azureMetadata asks the instance metadata service.
func azureMetadata(path string, query url.Values) cloudCall {
	host := os.Getenv("AZURE_POD_IDENTITY_AUTHORITY_HOST")
	if host == "" {
		host = azureMetadataHost
	}
	query.Set("api-version", azureMetadataVersion)
	return cloudCall{
		method: http.MethodGet, url: strings.TrimRight(host, "/") + path, query: query,
		header: map[string]string{"Metadata": "true"},
	}
}

// describeMachine adds the machine's names to a login. A role that binds none
// does not need them, and a cluster may keep pods away from the service that
// knows them.
func describeMachine(ctx context.Context, body map[string]any) error {
	var machine struct {
		Compute struct {
			Name              string `json:"name"`
			ResourceGroupName string `json:"resourceGroupName"`
			SubscriptionID    string `json:"subscriptionId"`
			VMScaleSetName    string `json:"vmScaleSetName"`
		} `json:"compute"`
	}
	if err := azureMetadata("/metadata/instance", url.Values{}).json(ctx, metadataClient(), &machine); err != nil {
		return fmt.Errorf("get the instance metadata: %w", err)
	}
	body["vm_name"] = machine.Compute.Name
	body["vmss_name"] = machine.Compute.VMScaleSetName
	body["resource_group_name"] = machine.Compute.ResourceGroupName
	body["subscription_id"] = machine.Compute.SubscriptionID
	return nil
}
