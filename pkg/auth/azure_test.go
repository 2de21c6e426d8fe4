package auth

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/internal/fakecloud"
)

const azureLogin = "auth/azure/login"

// microsoft makes a cloud with one managed identity, and points to it.
func microsoft(t *testing.T) (*fakecloud.Azure, *httptest.Server) {
	t.Helper()
	bare(t)
	cloud := fakecloud.NewAzure()
	cloud.AddIdentity("client-1", "object-1")
	server := serve(t, cloud)
	t.Setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.URL)
	t.Setenv("AZURE_AUTHORITY_HOST", server.URL+"/")
	t.Setenv("AZURE_TENANT_ID", cloud.Tenant)
	return cloud, server
}

// inAzure adds options to the required ones.
func inAzure(options ...string) map[string]string {
	all := map[string]string{"role": "web", "resource": "https://management.azure.com"}
	for i := 0; i < len(options); i += 2 {
		all[options[i]] = options[i+1]
	}
	return all
}

const (
	identityCall = "GET /metadata/identity/oauth2/token"
	instanceCall = "GET /metadata/instance"
	tenantCall   = "POST /tenant-1/oauth2/v2.0/token"
)

func TestAzureIdentities(t *testing.T) {
	token := makeJWT(t, map[string]any{"sub": "system:serviceaccount:shop:web", "exp": time.Now().Add(time.Hour).Unix()})
	cases := map[string]struct {
		options  map[string]string
		prepare  func(t *testing.T, cloud *fakecloud.Azure)
		client   string
		audience string // "": that of the option resource
		calls    []string
	}{
		"the only one":  {client: "client-1", calls: []string{identityCall, instanceCall}},
		"by its client": {options: inAzure("client_id", "client-2"), client: "client-2", calls: []string{identityCall, instanceCall}},
		"by its object": {options: inAzure("object_id", "object-2"), client: "client-2", calls: []string{identityCall, instanceCall}},
		"not from the environment": {
			prepare: func(t *testing.T, _ *fakecloud.Azure) { t.Setenv("AZURE_CLIENT_ID", "unused") },
			client:  "client-1", calls: []string{identityCall, instanceCall},
		},
		"workload identity": {
			options: inAzure("authenticate_from_environment", "true"),
			prepare: func(t *testing.T, cloud *fakecloud.Azure) {
				cloud.AddApplication("app", "", token)
				t.Setenv("AZURE_CLIENT_ID", "app")
				t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file(t, token+"\n"))
			},
			client: "app", calls: []string{tenantCall, instanceCall},
		},
		"workload identity of the option, another scope": {
			options: inAzure("authenticate_from_environment", "yes", "client_id", "app", "scope", "api://vault/.default"),
			prepare: func(t *testing.T, cloud *fakecloud.Azure) {
				cloud.AddApplication("app", "", token)
				t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file(t, token))
			},
			client: "app", audience: "api://vault", calls: []string{tenantCall, instanceCall},
		},
		"application with a secret": {
			options: inAzure("authenticate_from_environment", "true"),
			prepare: func(t *testing.T, cloud *fakecloud.Azure) {
				cloud.AddApplication("app", canary, "")
				t.Setenv("AZURE_CLIENT_ID", "app")
				t.Setenv("AZURE_CLIENT_SECRET", canary)
				t.Setenv("AZURE_FEDERATED_TOKEN_FILE", "/nonexistent/unused")
			},
			client: "app", calls: []string{tenantCall, instanceCall},
		},
		"managed identity of the environment": {
			options: inAzure("authenticate_from_environment", "true"),
			prepare: func(t *testing.T, _ *fakecloud.Azure) { t.Setenv("AZURE_CLIENT_ID", "client-2") },
			client:  "client-2", calls: []string{identityCall, instanceCall},
		},
		"pods are kept from the metadata": {
			options: inAzure("authenticate_from_environment", "true"),
			prepare: func(t *testing.T, cloud *fakecloud.Azure) {
				cloud.Fail("/metadata/", http.StatusForbidden, "")
				cloud.AddApplication("app", "", token)
				t.Setenv("AZURE_CLIENT_ID", "app")
				t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file(t, token))
			},
			client: "app", calls: []string{tenantCall, instanceCall},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, _ := microsoft(t)
			if tc.options == nil {
				tc.options = inAzure()
			}
			if len(tc.options) > 2 {
				cloud.AddIdentity("client-2", "object-2")
			}
			if tc.prepare != nil {
				tc.prepare(t, cloud)
			}
			vault := loginAt(azureLogin)
			got, err := newMethod(t, "azure", tc.options).Login(t.Context(), vault)
			wantError(t, err, "")
			if diff := cmp.Diff(wantToken(), got, revealed); diff != "" {
				t.Errorf("token (-want +got):\n%s", diff)
			}
			wantCalls(t, tc.calls, cloud.Calls())
			body := vault.asked[0].Body
			claims := claimsOf(t, body)
			if tc.audience == "" {
				tc.audience = "https://management.azure.com"
			}
			if claims["appid"] != tc.client || claims["aud"] != tc.audience {
				t.Errorf("token of %v for %v, want of %q for %q", claims["appid"], claims["aud"], tc.client, tc.audience)
			}
			delete(body, "jwt")
			want := map[string]any{"role": "web"}
			if name != "pods are kept from the metadata" {
				want["vm_name"], want["vmss_name"], want["resource_group_name"], want["subscription_id"] = "vm-1", "set-1", "group-1", "subscription-1"
			}
			if diff := cmp.Diff(want, body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAzureErrors(t *testing.T) {
	const environment = "authenticate_from_environment"
	token := makeJWT(t, map[string]any{"sub": "web"})
	federated := func(t *testing.T, cloud *fakecloud.Azure, file string) {
		cloud.AddApplication("app", "", token)
		t.Setenv("AZURE_CLIENT_ID", "app")
		t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
	}
	cases := map[string]struct {
		options map[string]string
		prepare func(t *testing.T, cloud *fakecloud.Azure)
		want    string
	}{
		"no such identity": {
			options: inAzure("client_id", "nobody"),
			want:    "get a token of the managed identity: GET SERVER/metadata/identity/oauth2/token: HTTP 400: invalid_request: Identity not found",
		},
		"several identities": {
			prepare: func(_ *testing.T, cloud *fakecloud.Azure) { cloud.AddIdentity("client-2", "object-2") },
			want: "get a token of the managed identity: GET SERVER/metadata/identity/oauth2/token: HTTP 400: invalid_request: " +
				"Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request",
		},
		"throttled": {
			prepare: func(_ *testing.T, cloud *fakecloud.Azure) {
				cloud.Fail("/metadata/identity", http.StatusTooManyRequests, `{"error":"too_many_requests"}`)
			},
			want: "get a token of the managed identity: GET SERVER/metadata/identity/oauth2/token: HTTP 429: too_many_requests",
		},
		"no token in the answer": {
			prepare: func(_ *testing.T, cloud *fakecloud.Azure) { cloud.Fail("/metadata/identity", http.StatusOK, `{}`) },
			want:    "get a token of the managed identity: GET SERVER/metadata/identity/oauth2/token: the answer holds no access token",
		},
		"no machine": {
			prepare: func(_ *testing.T, cloud *fakecloud.Azure) {
				cloud.Fail("/metadata/instance", http.StatusInternalServerError, canary)
			},
			want: "get the instance metadata: GET SERVER/metadata/instance: HTTP 500",
		},
		"no metadata service": {
			prepare: func(t *testing.T, _ *fakecloud.Azure) {
				t.Setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
			},
			want: "get a token of the managed identity: GET http://127.0.0.1:1/metadata/identity/oauth2/token: dial tcp 127.0.0.1:1: connect: connection refused",
		},
		"no application": {
			options: inAzure(environment, "true"),
			prepare: func(t *testing.T, _ *fakecloud.Azure) { t.Setenv("AZURE_CLIENT_SECRET", canary) },
			want:    "get a token of the application: AZURE_CLIENT_ID and AZURE_TENANT_ID must be set",
		},
		"no tenant": {
			options: inAzure(environment, "true"),
			prepare: func(t *testing.T, cloud *fakecloud.Azure) {
				federated(t, cloud, file(t, token))
				t.Setenv("AZURE_TENANT_ID", "")
			},
			want: "get a token of the application: AZURE_CLIENT_ID and AZURE_TENANT_ID must be set",
		},
		"the secret of another": {
			options: inAzure(environment, "true"),
			prepare: func(t *testing.T, cloud *fakecloud.Azure) {
				cloud.AddApplication("app", "another", "")
				t.Setenv("AZURE_CLIENT_ID", "app")
				t.Setenv("AZURE_CLIENT_SECRET", canary)
			},
			want: "get a token of the application: POST SERVER/tenant-1/oauth2/v2.0/token: HTTP 401: invalid_client: " +
				"AADSTS700213: No matching federated identity record found for presented assertion.",
		},
		"no federated token": {
			options: inAzure(environment, "true"),
			prepare: func(t *testing.T, cloud *fakecloud.Azure) { federated(t, cloud, "/nonexistent/token") },
			want:    "read the federated token: open /nonexistent/token: no such file or directory",
		},
		"unknown application": {
			options: inAzure(environment, "true"),
			prepare: func(t *testing.T, cloud *fakecloud.Azure) {
				federated(t, cloud, file(t, token))
				t.Setenv("AZURE_CLIENT_ID", "stranger")
			},
			want: "get a token of the application: POST SERVER/tenant-1/oauth2/v2.0/token: HTTP 400: unauthorized_client: " +
				"AADSTS700016: Application with identifier 'stranger' was not found in the directory.",
		},
		"the authority in clear": {
			options: inAzure(environment, "true"),
			prepare: func(t *testing.T, cloud *fakecloud.Azure) {
				federated(t, cloud, file(t, token))
				t.Setenv("AZURE_AUTHORITY_HOST", "http://login.example")
			},
			want: `AZURE_AUTHORITY_HOST must be an https URL, not "http://login.example"`,
		},
		"another scope": {
			options: inAzure(environment, "true", "scope", "user.read"),
			prepare: func(t *testing.T, cloud *fakecloud.Azure) { federated(t, cloud, file(t, token)) },
			want: "get a token of the application: POST SERVER/tenant-1/oauth2/v2.0/token: HTTP 400: invalid_scope: " +
				"AADSTS1002012: The provided value for scope is not valid.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, server := microsoft(t)
			if tc.options == nil {
				tc.options = inAzure()
			}
			if tc.prepare != nil {
				tc.prepare(t, cloud)
			}
			_, err := newMethod(t, "azure", tc.options).Login(t.Context(), loginAt(azureLogin))
			wantErrorAt(t, err, server.URL, tc.want)
		})
	}
}

func TestAzureExpiredToken(t *testing.T) {
	microsoft(t)
	path := file(t, makeJWT(t, map[string]any{"exp": 1714564800}))
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", path)
	_, err := newMethod(t, "azure", inAzure("authenticate_from_environment", "true")).Login(t.Context(), loginAt(azureLogin))
	wantError(t, err, `the token in "`+path+`" expired at 2024-05-01T12:00:00Z`)
}

// TestAzureTellsWhatWasMissing: a role that is bound to machines refuses a login
// without their names, and the reason why they are missing is the real one.
func TestAzureTellsWhatWasMissing(t *testing.T) {
	cloud, server := microsoft(t)
	cloud.Fail("/metadata/instance", http.StatusForbidden, "")
	refusing := exchangerFunc(func(Request) (*api.Secret, error) { return nil, errVault })
	_, err := newMethod(t, "azure", inAzure("authenticate_from_environment", "true")).Login(t.Context(), refusing)
	wantErrorAt(t, err, server.URL, `log in at "auth/azure/login": vault said no (sent without the machine's names: get the instance metadata: GET SERVER/metadata/instance: HTTP 403)`)
}
