package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/internal/fakecloud"
)

const gcpLogin = "auth/gcp/login"

// theGoogle is made once: its keys take a while.
var theGoogle = sync.OnceValues(fakecloud.NewGoogle)

// google makes a cloud whose metadata server and APIs the variables name.
func google(t *testing.T) (*fakecloud.Google, *httptest.Server, string) {
	t.Helper()
	bare(t)
	cloud, err := theGoogle()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cloud.Reset)
	server := serve(t, cloud)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(server.URL, "http://"))
	t.Setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", server.URL+"/")
	key, err := cloud.KeyFile(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return cloud, server, string(key)
}

// claimsOf reads the token of a login without verifying it.
func claimsOf(t *testing.T, body map[string]any) map[string]any {
	t.Helper()
	jwt, _ := body["jwt"].(string)
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("jwt = %q", jwt)
	}
	content, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(content, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// at is a Vault that tells its address.
type at struct {
	*script
	address string
}

func (a at) Address() string { return a.address }

func TestGCPInstance(t *testing.T) {
	cases := map[string]struct {
		vault    func(*script) Exchanger
		options  map[string]string
		audience string
		account  string
	}{
		"default account": {
			vault:    func(s *script) Exchanger { return at{s, "https://vault.example:8200/"} },
			audience: "https://vault.example:8200/vault/web", account: "default",
		},
		"named account": {
			vault:    func(s *script) Exchanger { return at{s, "https://vault.example"} },
			options:  map[string]string{"service_account": "machine@shop.iam.gserviceaccount.com"},
			audience: "https://vault.example/vault/web", account: "machine@shop.iam.gserviceaccount.com",
		},
		"a Vault without an address": {
			vault:    func(s *script) Exchanger { return s },
			audience: "http://vault/web", account: "default",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, _, _ := google(t)
			vault := loginAt(gcpLogin)
			options := map[string]string{"type": "gce", "role": "web"}
			for name, value := range tc.options {
				options[name] = value
			}
			token, err := newMethod(t, "gcp", options).Login(t.Context(), tc.vault(vault))
			wantError(t, err, "")
			if diff := cmp.Diff(wantToken(), token, revealed); diff != "" {
				t.Errorf("token (-want +got):\n%s", diff)
			}
			wantCalls(t, []string{"GET /computeMetadata/v1/instance/service-accounts/" + tc.account + "/identity"}, cloud.Calls())
			body := vault.asked[0].Body
			claims := claimsOf(t, body)
			if body["role"] != "web" || claims["aud"] != tc.audience || claims["google"] == nil {
				t.Errorf("role %v, claims %v, want audience %q in full format", body["role"], claims, tc.audience)
			}
		})
	}
}

func TestGCPAccount(t *testing.T) {
	const (
		email   = "GET /computeMetadata/v1/instance/service-accounts/default/email"
		token   = "GET /computeMetadata/v1/instance/service-accounts/default/token"
		sign    = "POST /v1/projects/-/serviceAccounts/"
		keyed   = "keyed@shop.iam.gserviceaccount.com"
		machine = "machine@shop.iam.gserviceaccount.com"
	)
	cases := map[string]struct {
		prepare func(t *testing.T, key string) map[string]string // options
		subject string
		life    time.Duration
		calls   []string
	}{
		"the machine's": {
			prepare: func(*testing.T, string) map[string]string { return nil },
			subject: machine, life: 15 * time.Minute, calls: []string{email, token, sign + machine + ":signJwt"},
		},
		"the machine's, named, with a time": {
			prepare: func(*testing.T, string) map[string]string {
				return map[string]string{"service_account": machine, "jwt_exp": "5", "project": "shop"}
			},
			subject: machine, life: 5 * time.Minute, calls: []string{token, sign + machine + ":signJwt"},
		},
		"a key file": {
			prepare: func(t *testing.T, key string) map[string]string {
				return map[string]string{"credentials": file(t, key)}
			},
			subject: keyed, life: 15 * time.Minute, calls: []string{"POST /token", sign + keyed + ":signJwt"},
		},
		"a key in the option": {
			prepare: func(_ *testing.T, key string) map[string]string { return map[string]string{"credentials": " " + key} },
			subject: keyed, life: 15 * time.Minute, calls: []string{"POST /token", sign + keyed + ":signJwt"},
		},
		"a key in the environment": {
			prepare: func(t *testing.T, key string) map[string]string {
				t.Setenv("GOOGLE_CREDENTIALS", key)
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/unused")
				return nil
			},
			subject: keyed, life: 15 * time.Minute, calls: []string{"POST /token", sign + keyed + ":signJwt"},
		},
		"application default credentials": {
			prepare: func(t *testing.T, key string) map[string]string {
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file(t, key))
				return nil
			},
			subject: keyed, life: 15 * time.Minute, calls: []string{"POST /token", sign + keyed + ":signJwt"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, _, key := google(t)
			options := tc.prepare(t, key)
			if options == nil {
				options = map[string]string{}
			}
			options["type"], options["role"] = "iam", "web"
			vault := loginAt(gcpLogin)
			before := time.Now()
			_, err := newMethod(t, "gcp", options).Login(t.Context(), vault)
			wantError(t, err, "")
			wantCalls(t, tc.calls, cloud.Calls())
			claims := claimsOf(t, vault.asked[0].Body)
			expires, _ := claims["exp"].(float64)
			if left := time.Unix(int64(expires), 0).Sub(before); (left - tc.life).Abs() > time.Minute {
				t.Errorf("the token lives %s, want %s", left, tc.life)
			}
			if claims["aud"] != "http://vault/web" || claims["sub"] != tc.subject || vault.asked[0].Body["role"] != "web" {
				t.Errorf("claims %v, want subject %q", claims, tc.subject)
			}
		})
	}
}

func TestGCPErrors(t *testing.T) {
	const metadata = "GET SERVER/computeMetadata/v1/instance/service-accounts/default/"
	iam := func(t *testing.T, credentials string) map[string]string {
		return map[string]string{"type": "iam", "role": "web", "credentials": credentials}
	}
	cases := map[string]struct {
		prepare func(t *testing.T, cloud *fakecloud.Google, key string) map[string]string
		want    string
	}{
		"gce, unknown account": {
			prepare: func(*testing.T, *fakecloud.Google, string) map[string]string {
				return map[string]string{"type": "gce", "role": "web", "service_account": "x/../y"}
			},
			want: "get an identity token from the metadata server: GET SERVER/computeMetadata/v1/instance/service-accounts/x%2F..%2Fy/identity: HTTP 404",
		},
		"gce, no token": {
			prepare: func(_ *testing.T, cloud *fakecloud.Google, _ string) map[string]string {
				cloud.Fail("/computeMetadata", http.StatusOK, canary)
				return map[string]string{"type": "gce", "role": "web"}
			},
			want: "get an identity token from the metadata server: the answer is not a JWT",
		},
		"gce, no metadata server": {
			prepare: func(t *testing.T, _ *fakecloud.Google, _ string) map[string]string {
				t.Setenv("GCE_METADATA_HOST", "127.0.0.1:1")
				return map[string]string{"type": "gce", "role": "web"}
			},
			want: "get an identity token from the metadata server: GET http://127.0.0.1:1/computeMetadata/v1/instance/service-accounts/default/identity: " +
				"dial tcp 127.0.0.1:1: connect: connection refused",
		},
		"iam, busy metadata server": {
			prepare: func(t *testing.T, cloud *fakecloud.Google, _ string) map[string]string {
				cloud.Fail("/computeMetadata/v1/instance/service-accounts/default/email", http.StatusTooManyRequests, "")
				return iam(t, "")
			},
			want: "find out the service account: " + metadata + "email: HTTP 429",
		},
		"iam, a machine without scopes": {
			prepare: func(t *testing.T, cloud *fakecloud.Google, _ string) map[string]string {
				cloud.Fail("/computeMetadata/v1/instance/service-accounts/default/token", http.StatusOK, `{}`)
				return iam(t, "")
			},
			want: "get an access token: " + metadata + "token: the answer holds no access token",
		},
		"iam, may not sign": {
			prepare: func(t *testing.T, _ *fakecloud.Google, key string) map[string]string {
				o := iam(t, key)
				o["service_account"] = "other@shop"
				return o
			},
			want: `have a JWT signed for "other@shop": POST SERVER/v1/projects/-/serviceAccounts/other@shop:signJwt: ` +
				"HTTP 403: Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).",
		},
		"iam, an odd answer": {
			prepare: func(t *testing.T, cloud *fakecloud.Google, key string) map[string]string {
				cloud.Fail("/v1/projects", http.StatusOK, `{"keyId":"`+canary+`"}`)
				return iam(t, key)
			},
			want: `have a JWT signed for "keyed@shop.iam.gserviceaccount.com": the answer holds no signedJwt`,
		},
		"iam, the API in clear": {
			prepare: func(t *testing.T, _ *fakecloud.Google, key string) map[string]string {
				t.Setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", "http://iam.example")
				return iam(t, key)
			},
			want: `have a JWT signed for "keyed@shop.iam.gserviceaccount.com": CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS must be an https URL, not "http://iam.example"`,
		},
		"no key file": {
			prepare: func(t *testing.T, _ *fakecloud.Google, _ string) map[string]string { return iam(t, "/nonexistent/key") },
			want:    "read the service account key: open /nonexistent/key: no such file or directory",
		},
		"another kind of key": {
			prepare: func(t *testing.T, _ *fakecloud.Google, _ string) map[string]string {
				return iam(t, `{"type":"external_account"}`)
			},
			want: `the service account key is of the type "external_account"; only "service_account" is supported`,
		},
		"half a key": {
			prepare: func(t *testing.T, _ *fakecloud.Google, _ string) map[string]string {
				return iam(t, `{"type":"service_account","client_email":"a@b","private_key":"`+canary+`"}`)
			},
			want: "the service account key lacks client_email, private_key or token_uri",
		},
		"a key that is none": {
			prepare: func(t *testing.T, _ *fakecloud.Google, _ string) map[string]string {
				return iam(t, `{"type":"service_account","client_email":"a@b","private_key":"`+canary+`","token_uri":"https://x.example"}`)
			},
			want: `get an access token: sign with the key of "a@b": the private key is not in PEM`,
		},
		"a key of another sort": {
			prepare: func(t *testing.T, _ *fakecloud.Google, _ string) map[string]string {
				return iam(t, `{"type":"service_account","client_email":"a@b","private_key":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n","token_uri":"https://x.example"}`)
			},
			want: `get an access token: sign with the key of "a@b": the private key is not an RSA key`,
		},
		"a key for a place in clear": {
			prepare: func(t *testing.T, _ *fakecloud.Google, _ string) map[string]string {
				return iam(t, `{"type":"service_account","client_email":"a@b","private_key":"k","token_uri":"http://x.example"}`)
			},
			want: `get an access token: token_uri of the service account key must be an https URL, not "http://x.example"`,
		},
		"a key that was revoked": {
			prepare: func(t *testing.T, cloud *fakecloud.Google, key string) map[string]string {
				cloud.Fail("/token", http.StatusBadRequest, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`)
				return iam(t, key)
			},
			want: "get an access token: POST SERVER/token: HTTP 400: invalid_grant: Invalid JWT Signature.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, server, key := google(t)
			m := newMethod(t, "gcp", tc.prepare(t, cloud, key))
			_, err := m.Login(t.Context(), loginAt(gcpLogin))
			wantErrorAt(t, err, server.URL, tc.want)
		})
	}
}

func TestGCPKeyFileErrors(t *testing.T) {
	path := file(t, canary)
	bare(t)
	_, err := newMethod(t, "gcp", map[string]string{"type": "iam", "role": "web", "credentials": path}).Login(t.Context(), loginAt(gcpLogin))
	wantError(t, err, `the service account key in "`+path+`" is not JSON`)
}

// TestGCPForgotten: a login that nobody waits for any more ends at once.
func TestGCPForgotten(t *testing.T) {
	_, server, _ := google(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	refusing := exchangerFunc(func(Request) (*api.Secret, error) { return nil, errVault })
	_, err := newMethod(t, "gcp", map[string]string{"type": "gce", "role": "web"}).Login(ctx, refusing)
	wantErrorAt(t, err, server.URL, "get an identity token from the metadata server: "+
		"GET SERVER/computeMetadata/v1/instance/service-accounts/default/identity: context canceled")
}

func FuzzParseGCPKey(f *testing.F) {
	f.Add(`{"type":"service_account","client_email":"a","private_key":"` + canary + `","token_uri":"https://x"}`)
	f.Add(`{"type":1}`)
	f.Add(``)
	f.Fuzz(func(t *testing.T, text string) {
		key, err := parseGCPKey("the key", text)
		if (key == nil) == (err == nil) {
			t.Fatalf("parseGCPKey() = %v, %v", key != nil, err)
		}
		if key == nil {
			return
		}
		if _, err := key.assertion(time.Unix(1714564800, 0)); err != nil && strings.Contains(err.Error(), key.PrivateKey) {
			t.Errorf("the error shows the key: %v", err)
		}
	})
}
