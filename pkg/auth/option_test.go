package auth

import (
	"context"
	"io/fs"
	"maps"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/internal/fakecloud"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// memory is what a program holds in place of files.
type memory map[string]string

func (m memory) read(name string) ([]byte, error) {
	if text, ok := m[name]; ok {
		return []byte(text), nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// tokens gives a token, and notes for which audiences.
type tokens struct {
	token     string
	err       error
	audiences []string
}

func (s *tokens) give(_ context.Context, audience string) (sensitive.String, error) {
	s.audiences = append(s.audiences, audience)
	return sensitive.New(s.token), s.err
}

func TestWithFiles(t *testing.T) {
	jwt := makeJWT(t, map[string]any{"sub": "a"})
	held := memory{"the jwt": jwt + "\n", "the role": "role-id", "the secret": canary, "empty": "", "the pair": "CERT", "the key": canary}
	cases := map[string]struct {
		method  string
		options map[string]string
		want    map[string]any
		err     string
	}{
		"jwt":        {method: "jwt", options: map[string]string{"role": "r", "path": "the jwt"}, want: map[string]any{"role": "r", "jwt": jwt}},
		"kubernetes": {method: "kubernetes", options: map[string]string{"role": "r", "token_path": "the jwt"}, want: map[string]any{"role": "r", "jwt": jwt}},
		"approle": {
			method: "approle", options: map[string]string{"role_id_file_path": "the role", "secret_id_file_path": "the secret"},
			want: map[string]any{"role_id": "role-id", "secret_id": canary},
		},
		"userpass": {method: "userpass", options: map[string]string{"username": "u", "password_file_path": "the secret"}, want: map[string]any{"password": canary}},
		"missing":  {method: "jwt", options: map[string]string{"role": "r", "path": "gone"}, err: "read the JWT: open gone: file does not exist"},
		"empty":    {method: "jwt", options: map[string]string{"role": "r", "path": "empty"}, err: `the JWT file "empty" is empty`},
		"no token": {method: "jwt", options: map[string]string{"role": "r", "path": "the secret"}, err: `the file "the secret" does not hold a JWT: expected three base64 parts separated by dots`},
		"cert":     {method: "cert", options: map[string]string{"client_cert": "the pair", "client_key": "the key"}, want: map[string]any{}},
		"no key":   {method: "cert", options: map[string]string{"client_cert": "the pair", "client_key": "gone"}, err: "read the client certificate: open gone: file does not exist"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			method, err := New(config.Auth{Method: tc.method, Options: tc.options}, WithFiles(held.read))
			wantError(t, err, "")
			var asked Request
			_, err = method.Login(t.Context(), exchangerFunc(func(r Request) (*api.Secret, error) { asked = r; return granted(), nil }))
			wantError(t, err, tc.err)
			if diff := cmp.Diff(tc.want, asked.Body); diff != "" && tc.err == "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if name == "cert" && (string(asked.TLS.Held.Cert) != "CERT" || asked.TLS.Held.Key.Reveal() != canary || asked.TLS.Cert != "") {
				t.Errorf("TLS %+v", asked.TLS)
			}
		})
	}
}

// TestWithFilesTwice: nothing is removed, and what is there at the second login counts.
func TestWithFilesTwice(t *testing.T) {
	held := memory{"p": "first"}
	method, err := New(config.Auth{Method: "userpass", Options: map[string]string{"username": "u", "password_file_path": "p"}}, WithFiles(held.read))
	wantError(t, err, "")
	vault := loginAt("auth/userpass/login/u")
	for _, password := range []string{"first", "second"} {
		held["p"] = password
		if _, err := method.Login(t.Context(), vault); err != nil {
			t.Fatal(err)
		}
		if got := vault.asked[len(vault.asked)-1].Body["password"]; got != password {
			t.Errorf("password %v, want %s", got, password)
		}
	}
}

func TestWithAccount(t *testing.T) {
	good := makeJWT(t, map[string]any{"sub": "system:serviceaccount:shop:web"})
	cases := map[string]struct {
		method string
		source tokens
		err    string
	}{
		"kubernetes": {method: "kubernetes", source: tokens{token: good}},
		"jwt":        {method: "jwt", source: tokens{token: good}},
		"refused":    {method: "kubernetes", source: tokens{err: errVault}, err: "vault said no"},
		"garbled":    {method: "jwt", source: tokens{token: canary}, err: "the service-account token is no JWT: expected three base64 parts separated by dots"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			method, err := New(config.Auth{Method: tc.method, Mount: "auth/m", Role: "r"}, WithAccount(tc.source.give))
			wantError(t, err, "")
			vault := loginAt("auth/m/login")
			_, err = method.Login(t.Context(), vault)
			wantError(t, err, tc.err)
			if diff := cmp.Diff([]string{""}, tc.source.audiences); diff != "" {
				t.Errorf("audiences (-want +got):\n%s", diff)
			}
			if tc.err == "" && vault.asked[0].Body["jwt"] != good {
				t.Errorf("body %v", vault.asked[0].Body)
			}
		})
	}
	_, err := New(config.Auth{Method: "kubernetes"}, WithAccount((&tokens{}).give))
	wantError(t, err, `auth method "kubernetes": option "role" is required`)
}

func TestWithExtras(t *testing.T) {
	headers := []config.Header{{Name: "X-A", Value: "b"}}
	cases := map[string]struct {
		method  string
		options map[string]string
		path    string
		want    map[string]any // nil: the request goes as it is
	}{
		"login": {
			method: "kubernetes", options: map[string]string{"role": "r"}, path: "auth/kubernetes/login",
			want: map[string]any{"role": "r", "jwt": "", "extra": "1"},
		},
		"login of a user": {
			method: "userpass", options: map[string]string{"username": "u", "password_file_path": "p"}, path: "auth/userpass/login/u",
			want: map[string]any{"password": "secret", "extra": "1", "role": "taken only where there is none"},
		},
		"no login": {method: "token_file", options: map[string]string{"token_file_path": "p"}, path: "auth/token/lookup-self"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			jwt := makeJWT(t, map[string]any{})
			if tc.want["jwt"] != nil {
				tc.want["jwt"] = jwt
			}
			params := map[string]string{"extra": "1", "role": "taken only where there is none"}
			options := []Option{WithExtras(params, headers), WithFiles(memory{"p": "secret", ServiceAccountToken: jwt}.read)}
			method, err := New(config.Auth{Method: tc.method, Options: tc.options}, options...)
			wantError(t, err, "")
			vault := loginAt(tc.path)
			_, _ = method.Login(t.Context(), at{vault, "https://vault"})
			got := vault.asked[0]
			if diff := cmp.Diff(tc.want, got.Body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if (len(got.Headers) == 1) != (tc.want != nil) {
				t.Errorf("headers %v", got.Headers)
			}
		})
	}
	if got := (embellisher{Exchanger: at{nil, "https://vault"}}).Address(); got != "https://vault" {
		t.Errorf("the address of Vault is lost: %q", got)
	}
	if got := (embellisher{Exchanger: &script{}}).Address(); got != "" {
		t.Errorf("address %q of a Vault that has none", got)
	}
}

func TestAWSAccountRole(t *testing.T) {
	const role = awsARN + ":role/web"
	token := makeJWT(t, map[string]any{"sub": "system:serviceaccount:shop:web"})
	cases := map[string]struct {
		options map[string]string
		source  tokens
		prepare func(cloud *fakecloud.AWS)
		want    string // ARN
		err     string
	}{
		"default":     {options: with("role_arn", role, "audience", "sts.amazonaws.com"), source: tokens{token: token}, want: "arn:aws:sts::" + fakecloud.Account + ":assumed-role/web/vaultk8s"},
		"by name":     {options: with("role_arn", role, "session_name", "shop", "sts_endpoint", "SERVER"), source: tokens{token: token}, want: "arn:aws:sts::" + fakecloud.Account + ":assumed-role/web/shop"},
		"not trusted": {options: with("role_arn", awsARN+":role/other"), source: tokens{token: token}, err: "get AWS credentials from the service account: POST SERVER/: HTTP 403: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"no token":    {options: with("role_arn", role), source: tokens{err: errVault}, err: "get AWS credentials from the service account: vault said no"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, server := amazon(t)
			// What the pod itself is must not be used.
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIDUSER")
			t.Setenv("AWS_SECRET_ACCESS_KEY", canary+"/AKIDUSER")
			cloud.TrustWebIdentity(token, role)
			options := maps.Clone(tc.options)
			if options["sts_endpoint"] != "" {
				options["sts_endpoint"] = server.URL
				t.Setenv("AWS_ENDPOINT_URL_STS", closed(t))
			}
			method, err := New(config.Auth{Method: "aws", Options: options}, WithAccount(tc.source.give))
			wantError(t, err, "")
			vault := loginAt(awsLogin)
			_, err = method.Login(t.Context(), vault)
			wantErrorAt(t, err, server.URL, tc.err)
			if diff := cmp.Diff([]string{tc.options["audience"]}, tc.source.audiences); diff != "" {
				t.Errorf("audiences (-want +got):\n%s", diff)
			}
			if tc.err != "" {
				return
			}
			if arn, _ := forward(t, server.URL, vault.asked[0].Body); arn != tc.want {
				t.Errorf("ARN %s, want %s", arn, tc.want)
			}
		})
	}
	_, err := New(config.Auth{Method: "aws", Options: with("role_arn", role, "sts_endpoint", "http://sts.example")}, WithAccount((&tokens{}).give))
	wantError(t, err, `sts_endpoint must be an https URL, not "http://sts.example"`)
}

func TestAzureApplicationOfAccount(t *testing.T) {
	token := makeJWT(t, map[string]any{"sub": "system:serviceaccount:shop:web"})
	cases := map[string]struct {
		options map[string]string
		source  tokens
		err     string
	}{
		"good":       {options: inAzure("client_id", "app", "tenant_id", "tenant-1"), source: tokens{token: token}},
		"no tenant":  {options: inAzure("client_id", "app"), source: tokens{token: token}, err: "get a token of the application: client_id and tenant_id must be set"},
		"no token":   {options: inAzure("client_id", "app", "tenant_id", "tenant-1"), source: tokens{err: errVault}, err: "vault said no"},
		"other app":  {options: inAzure("client_id", "other", "tenant_id", "tenant-1"), source: tokens{token: token}, err: "get a token of the application: POST SERVER/tenant-1/oauth2/v2.0/token: HTTP 400: unauthorized_client: AADSTS700016: Application with identifier 'other' was not found in the directory."},
		"not proven": {options: inAzure("client_id", "app", "tenant_id", "tenant-1"), source: tokens{token: canary}, err: "get a token of the application: POST SERVER/tenant-1/oauth2/v2.0/token: HTTP 401: invalid_client: AADSTS700213: No matching federated identity record found for presented assertion."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, server := microsoft(t)
			cloud.AddApplication("app", "", token)
			t.Setenv("AZURE_CLIENT_ID", "the pod's own")
			t.Setenv("AZURE_TENANT_ID", "the pod's own")
			method, err := New(config.Auth{Method: "azure", Options: tc.options}, WithAccount(tc.source.give))
			wantError(t, err, "")
			vault := loginAt(azureLogin)
			_, err = method.Login(t.Context(), vault)
			wantErrorAt(t, err, server.URL, tc.err)
			if diff := cmp.Diff([]string{"api://AzureADTokenExchange"}, tc.source.audiences); diff != "" {
				t.Errorf("audiences (-want +got):\n%s", diff)
			}
			if tc.err != "" {
				return
			}
			wantCalls(t, []string{tenantCall}, cloud.Calls())
			if claims := claimsOf(t, vault.asked[0].Body); claims["appid"] != "app" || len(vault.asked[0].Body) != 2 {
				t.Errorf("claims %v, body %v", claims, vault.asked[0].Body)
			}
		})
	}
}

func TestGCPWorkload(t *testing.T) {
	const place = "GET /computeMetadata/v1/"
	token := makeJWT(t, map[string]any{"sub": "system:serviceaccount:shop:web"})
	given := map[string]string{"type": "gce", "role": "web", "project": "shop", "region": "europe-west1", "cluster_name": "blue"}
	cases := map[string]struct {
		change map[string]string
		source tokens
		fail   string
		calls  []string
		err    string
	}{
		"given": {source: tokens{token: token}, calls: []string{"POST /v1/token", "POST /v1/projects/-/serviceAccounts/web@shop:generateIdToken"}},
		"asked": {
			change: map[string]string{"project": "", "region": "", "cluster_name": ""}, source: tokens{token: token},
			calls: []string{
				place + "project/project-id", place + "instance/attributes/cluster-location", place + "instance/attributes/cluster-name",
				"POST /v1/token", "POST /v1/projects/-/serviceAccounts/web@shop:generateIdToken",
			},
		},
		"no metadata server": {change: map[string]string{"region": ""}, fail: "/computeMetadata", err: "find out the cluster: GET SERVER/computeMetadata/v1/instance/attributes/cluster-location: HTTP 500"},
		"no token":           {source: tokens{err: errVault}, err: "vault said no"},
		"another token":      {source: tokens{token: canary}, err: "exchange the service-account token: POST SERVER/v1/token: HTTP 400: invalid_grant: The subject token is not one of the pool"},
		"not its account":    {change: map[string]string{"service_account": "other@shop"}, source: tokens{token: token}, err: `get an identity token of "other@shop": POST SERVER/v1/projects/-/serviceAccounts/other@shop:generateIdToken: HTTP 403: Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist).`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, server, _ := google(t)
			t.Setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_STS", server.URL)
			cloud.TrustWorkload(token, "identitynamespace:shop.svc.id.goog:https://container.googleapis.com/v1/projects/shop/locations/europe-west1/clusters/blue", "web@shop")
			if tc.fail != "" {
				cloud.Fail(tc.fail, http.StatusInternalServerError, "")
			}
			options := maps.Clone(given)
			options["service_account"] = "web@shop"
			maps.Copy(options, tc.change)
			method, err := New(config.Auth{Method: "gcp", Options: options}, WithAccount(tc.source.give))
			wantError(t, err, "")
			vault := loginAt(gcpLogin)
			_, err = method.Login(t.Context(), vault)
			wantErrorAt(t, err, server.URL, tc.err)
			if tc.err != "" {
				return
			}
			wantCalls(t, tc.calls, cloud.Calls())
			if diff := cmp.Diff([]string{"shop.svc.id.goog"}, tc.source.audiences); diff != "" {
				t.Errorf("audiences (-want +got):\n%s", diff)
			}
			if claims := claimsOf(t, vault.asked[0].Body); claims["aud"] != "https://vault/web" || claims["email"] != "web@shop" {
				t.Errorf("claims %v", claims)
			}
		})
	}
	google(t)
	t.Setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_STS", "http://sts.example")
	method, err := New(config.Auth{Method: "gcp", Options: given}, WithAccount((&tokens{token: token}).give))
	wantError(t, err, "")
	_, err = method.Login(t.Context(), loginAt(gcpLogin))
	wantError(t, err, `exchange the service-account token: CLOUDSDK_API_ENDPOINT_OVERRIDES_STS must be an https URL, not "http://sts.example"`)
}
