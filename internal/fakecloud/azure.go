package fakecloud

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Azure is an http.Handler with the instance metadata service below /metadata/
// and the token endpoint of a tenant at /TENANT/oauth2/v2.0/token.
type Azure struct {
	journal
	// Tenant is the only one.
	Tenant string
	// Machine is what the instance metadata says of the machine.
	Machine Machine

	identities []identity
	apps       map[string]application // by client ID
}

// Machine is a part of the instance metadata.
type Machine struct {
	Name              string `json:"name"`
	ResourceGroupName string `json:"resourceGroupName"`
	SubscriptionID    string `json:"subscriptionId"`
	VMScaleSetName    string `json:"vmScaleSetName"`
}

// identity is a managed identity of the machine.
type identity struct{ clientID, objectID string }

// application is an identity of the tenant with one of two proofs.
type application struct{ secret, assertion string }

// NewAzure makes an Azure with one machine, which has no identity yet.
func NewAzure() *Azure {
	return &Azure{
		Tenant:  "tenant-1",
		Machine: Machine{Name: "vm-1", ResourceGroupName: "group-1", SubscriptionID: "subscription-1", VMScaleSetName: "set-1"},
		apps:    map[string]application{},
	}
}

// AddIdentity gives the machine a managed identity. With two of them, a request
// has to choose.
func (a *Azure) AddIdentity(clientID, objectID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.identities = append(a.identities, identity{clientID: clientID, objectID: objectID})
}

// AddApplication lets an application of the tenant prove itself by a secret or
// by a token of another issuer; the other one is empty.
func (a *Azure) AddApplication(clientID, secret, assertion string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.apps[clientID] = application{secret: secret, assertion: assertion}
}

// ServeHTTP implements http.Handler.
func (a *Azure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.enter(w, r) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/metadata/"):
		a.metadata(w, r)
	case path == "/"+a.Tenant+"/oauth2/v2.0/token" && r.Method == http.MethodPost:
		a.exchange(w, r)
	default:
		http.NotFound(w, r)
	}
}

// azureError answers with an error in the form of both services.
func azureError(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": description})
}

// metadata refuses what could come from a forged request: one without the header
// Metadata, and one that was relayed.
func (a *Azure) metadata(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	version, err := time.Parse(time.DateOnly, query.Get("api-version"))
	oldest := time.Date(2018, 2, 1, 0, 0, 0, 0, time.UTC)
	switch {
	case r.Header.Get("Metadata") != "true" || relayed(r):
		azureError(w, http.StatusBadRequest, "invalid_request", "Required metadata header not specified")
	case err != nil || version.Before(oldest):
		azureError(w, http.StatusBadRequest, "invalid_request", "Bad request. api-version is invalid or was not specified in the request.")
	case r.URL.Path == "/metadata/instance":
		writeJSON(w, http.StatusOK, map[string]any{"compute": a.Machine})
	case r.URL.Path == "/metadata/identity/oauth2/token":
		a.managed(w, query)
	default:
		http.NotFound(w, r)
	}
}

func (a *Azure) managed(w http.ResponseWriter, query url.Values) {
	client, object, resource := query.Get("client_id"), query.Get("object_id"), query.Get("resource")
	if resource == "" {
		azureError(w, http.StatusBadRequest, "invalid_request", "Required audience parameter not specified")
		return
	}
	var found []identity
	for _, id := range a.identities {
		if (client == "" || client == id.clientID) && (object == "" || object == id.objectID) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		azureError(w, http.StatusBadRequest, "invalid_request", "Identity not found")
	case 1:
		writeJSON(w, http.StatusOK, map[string]string{
			"access_token": issued(resource, found[0].clientID), "client_id": found[0].clientID,
			"expires_in": "86399", "resource": resource, "token_type": "Bearer",
		})
	default:
		azureError(w, http.StatusBadRequest, "invalid_request", "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request")
	}
}

// exchange is the grant client_credentials of RFC 6749, with a secret or with an
// assertion (RFC 7523).
func (a *Azure) exchange(w http.ResponseWriter, r *http.Request) {
	client, scope := r.FormValue("client_id"), r.FormValue("scope")
	app, known := a.apps[client]
	proven := app.secret != "" && r.FormValue("client_secret") == app.secret
	if app.assertion != "" {
		proven = r.FormValue("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" &&
			r.FormValue("client_assertion") == app.assertion
	}
	switch {
	case r.FormValue("grant_type") != "client_credentials":
		azureError(w, http.StatusBadRequest, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
	case !strings.HasSuffix(scope, "/.default"):
		azureError(w, http.StatusBadRequest, "invalid_scope", "AADSTS1002012: The provided value for scope is not valid.")
	case !known:
		azureError(w, http.StatusBadRequest, "unauthorized_client", "AADSTS700016: Application with identifier '"+client+"' was not found in the directory.")
	case !proven:
		azureError(w, http.StatusUnauthorized, "invalid_client", "AADSTS700213: No matching federated identity record found for presented assertion.")
	default:
		writeJSON(w, http.StatusOK, map[string]any{
			"access_token": issued(strings.TrimSuffix(scope, "/.default"), client), "expires_in": 3599, "token_type": "Bearer",
		})
	}
}

// issued makes an access token that is signed by nobody: Vault's plugin would
// verify it at an address in Azure, which cannot be moved.
func issued(audience, client string) string {
	claims, err := json.Marshal(map[string]any{"aud": audience, "appid": client, "exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		return ""
	}
	return part(map[string]any{"alg": "none"}) + "." + encode(claims) + "." + encode([]byte("unsigned"))
}
