package fakecloud

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// post returns the answer to a form.
func post(cloud http.Handler, target string, fields ...string) string {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return ask(cloud, r)
}

func TestGoogleChecks(t *testing.T) {
	g, err := NewGoogle()
	if err != nil {
		t.Fatal(err)
	}
	const accounts = "/computeMetadata/v1/instance/service-accounts/"
	flavor := []string{"Metadata-Flavor", "Google"}
	cases := map[string]struct {
		target  string
		headers []string
		want    int
	}{
		"no flavor":         {target: accounts + "default/email", want: http.StatusForbidden},
		"relayed":           {target: accounts + "default/email", headers: append(flavor, "X-Forwarded-For", "10.0.0.1"), want: http.StatusForbidden},
		"another account":   {target: accounts + "other/email", headers: flavor, want: http.StatusNotFound},
		"no audience":       {target: accounts + "default/identity", headers: flavor, want: http.StatusBadRequest},
		"an audience":       {target: accounts + "default/identity?audience=a", headers: flavor, want: http.StatusOK},
		"no bearer":         {target: "/v1/projects/-/serviceAccounts/" + g.KeyAccount, want: http.StatusUnauthorized},
		"a made-up bearer":  {target: "/v1/projects/-/serviceAccounts/" + g.KeyAccount, headers: []string{"Authorization", "Bearer x"}, want: http.StatusUnauthorized},
		"instance, nobody":  {target: "/projects/shop/zones/europe-west1-b/instances/machine", want: http.StatusUnauthorized},
		"unknown path":      {target: "/other", want: http.StatusNotFound},
		"the certificates":  {target: "/oauth2/v1/certs", want: http.StatusOK},
		"unknown metadatum": {target: accounts + "default/scopes", headers: flavor, want: http.StatusNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := status(g, http.MethodGet, tc.target, tc.headers...); got != tc.want {
				t.Errorf("HTTP %d, want %d", got, tc.want)
			}
		})
	}
}

func TestGoogleExchange(t *testing.T) {
	g, err := NewGoogle()
	if err != nil {
		t.Fatal(err)
	}
	claims := func(change map[string]any) string {
		all := map[string]any{
			"iss": g.KeyAccount, "aud": "http://example.com/token", "scope": "x", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		}
		for name, value := range change {
			all[name] = value
		}
		return signToken(g.key, accountKeyID, all)
	}
	cases := map[string]struct{ assertion, want string }{
		"good":             {assertion: claims(nil), want: "ya29."},
		"another key":      {assertion: signToken(g.google, accountKeyID, map[string]any{"iss": g.KeyAccount}), want: "Invalid JWT Signature."},
		"garbled":          {assertion: "x", want: "Invalid JWT Signature."},
		"another account":  {assertion: claims(map[string]any{"iss": "x"}), want: "account not found"},
		"another audience": {assertion: claims(map[string]any{"aud": "https://x"}), want: "the audience is not the token endpoint"},
		"no scope":         {assertion: claims(map[string]any{"scope": nil}), want: "Invalid OAuth scope"},
		"too long":         {assertion: claims(map[string]any{"exp": time.Now().Add(2 * time.Hour).Unix()}), want: "reasonable timeframe"},
		"over":             {assertion: claims(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), want: "reasonable timeframe"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := post(g, "/token", "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", tc.assertion)
			if !strings.Contains(got, tc.want) {
				t.Errorf("answer = %s, want %q in it", got, tc.want)
			}
		})
	}
	if got := post(g, "/token", "grant_type", "password"); !strings.Contains(got, "unsupported_grant_type") {
		t.Errorf("answer to another grant = %s", got)
	}
}

func TestAzureChecks(t *testing.T) {
	a := NewAzure()
	a.AddIdentity("c", "o")
	metadata := []string{"Metadata", "true"}
	const token = "/metadata/identity/oauth2/token"
	cases := map[string]struct {
		target  string
		headers []string
		want    int
	}{
		"good":             {target: token + "?api-version=2018-02-01&resource=r", headers: metadata, want: http.StatusOK},
		"no header":        {target: token + "?api-version=2018-02-01&resource=r", want: http.StatusBadRequest},
		"relayed":          {target: token + "?api-version=2018-02-01&resource=r", headers: append(metadata, "X-Forwarded-For", "x"), want: http.StatusBadRequest},
		"no version":       {target: token + "?resource=r", headers: metadata, want: http.StatusBadRequest},
		"an old version":   {target: token + "?api-version=2017-08-01&resource=r", headers: metadata, want: http.StatusBadRequest},
		"no resource":      {target: token + "?api-version=2018-02-01", headers: metadata, want: http.StatusBadRequest},
		"another identity": {target: token + "?api-version=2018-02-01&resource=r&client_id=x", headers: metadata, want: http.StatusBadRequest},
		"the machine":      {target: "/metadata/instance?api-version=2021-02-01", headers: metadata, want: http.StatusOK},
		"something else":   {target: "/metadata/other?api-version=2021-02-01", headers: metadata, want: http.StatusNotFound},
		"another tenant":   {target: "/other/oauth2/v2.0/token", want: http.StatusNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := status(a, http.MethodGet, tc.target, tc.headers...); got != tc.want {
				t.Errorf("HTTP %d, want %d", got, tc.want)
			}
		})
	}
}

func TestAzureExchange(t *testing.T) {
	a := NewAzure()
	a.AddApplication("secretive", "s", "")
	a.AddApplication("federated", "", "jwt")
	const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	cases := map[string]struct {
		fields []string
		want   string
	}{
		"secret":            {fields: []string{"client_id", "secretive", "client_secret", "s"}, want: "access_token"},
		"wrong secret":      {fields: []string{"client_id", "secretive", "client_secret", "x"}, want: "invalid_client"},
		"no secret":         {fields: []string{"client_id", "secretive"}, want: "invalid_client"},
		"assertion":         {fields: []string{"client_id", "federated", "client_assertion_type", jwtBearer, "client_assertion", "jwt"}, want: "access_token"},
		"wrong assertion":   {fields: []string{"client_id", "federated", "client_assertion_type", jwtBearer, "client_assertion", "x"}, want: "invalid_client"},
		"untyped assertion": {fields: []string{"client_id", "federated", "client_assertion", "jwt"}, want: "invalid_client"},
		"unknown":           {fields: []string{"client_id", "x"}, want: "unauthorized_client"},
		"another grant":     {fields: []string{"client_id", "secretive", "grant_type", "password"}, want: "unsupported_grant_type"},
		"another scope":     {fields: []string{"client_id", "secretive", "scope", "read"}, want: "invalid_scope"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			fields := append([]string{"grant_type", "client_credentials", "scope", "r/.default"}, tc.fields...)
			if got := post(a, "/tenant-1/oauth2/v2.0/token", fields...); !strings.Contains(got, tc.want) {
				t.Errorf("answer = %s, want %q in it", got, tc.want)
			}
		})
	}
}
