package auth

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakecloud"
)

const (
	awsLogin = "auth/aws/login"
	awsARN   = "arn:aws:iam::" + fakecloud.Account
)

// awsKey makes a key that is valid for an hour, of a principal.
func awsKey(id, arn string) fakecloud.Key {
	return fakecloud.Key{ID: id, Secret: canary + "/" + id, ARN: arn, Expires: time.Now().Add(time.Hour)}
}

// amazon makes a cloud with the key AKIDUSER, and points the SDK's variables to it.
func amazon(t *testing.T) (*fakecloud.AWS, *httptest.Server) {
	t.Helper()
	bare(t)
	cloud := fakecloud.NewAWS()
	cloud.AddKey(awsKey("AKIDUSER", awsARN+":user/app"))
	server := serve(t, cloud)
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
	return cloud, server
}

// with adds options to those of the method aws.
func with(options ...string) map[string]string {
	all := map[string]string{"type": "iam", "role": "web"}
	for i := 0; i < len(options); i += 2 {
		all[options[i]] = options[i+1]
	}
	return all
}

// forward does what Vault does with a login of the type iam: it sends the request
// to its STS, which says who has signed it.
func forward(t *testing.T, sts string, body map[string]any) (arn, host string) {
	t.Helper()
	address, err := url.Parse(decoded(t, body, "iam_request_url"))
	if err != nil {
		t.Fatal(err)
	}
	method, _ := body["iam_http_request_method"].(string)
	request, err := http.NewRequestWithContext(t.Context(), method, sts+address.RequestURI(), strings.NewReader(decoded(t, body, "iam_request_body")))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(decoded(t, body, "iam_request_headers")), &request.Header); err != nil {
		t.Fatal(err)
	}
	request.Host = address.Host
	answer, err := cloudClient().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var caller struct {
		ARN string `xml:"GetCallerIdentityResult>Arn"`
	}
	if err := xml.Unmarshal(content, &caller); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("STS answered HTTP %d: %s", answer.StatusCode, content)
	}
	return caller.ARN, address.Host
}

func decoded(t *testing.T, body map[string]any, name string) string {
	t.Helper()
	text, _ := body[name].(string)
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil || text == "" {
		t.Fatalf("%s = %q, want base64", name, text)
	}
	return string(content)
}

// TestAWSSources logs in with credentials of every kind; the stand-in for STS
// verifies the signature.
func TestAWSSources(t *testing.T) {
	token := makeJWT(t, map[string]any{"sub": "system:serviceaccount:shop:web"})
	cases := map[string]struct {
		options map[string]string
		prepare func(t *testing.T, cloud *fakecloud.AWS, address string)
		want    string // ARN
		calls   []string
	}{
		"options": {
			options: with("access_key", "AKIDUSER", "secret_key", canary+"/AKIDUSER"),
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) { t.Setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER") },
			want:    awsARN + ":user/app",
		},
		"options with a session": {
			options: with("access_key", "ASIATEMP", "secret_key", canary+"/ASIATEMP", "session_token", "session/+="),
			prepare: func(_ *testing.T, cloud *fakecloud.AWS, _ string) {
				k := awsKey("ASIATEMP", awsARN+":user/temporary")
				k.Session = "session/+="
				cloud.AddKey(k)
			},
			want: awsARN + ":user/temporary",
		},
		"environment": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) {
				t.Setenv("AWS_ACCESS_KEY_ID", "AKIDUSER")
				t.Setenv("AWS_SECRET_ACCESS_KEY", canary+"/AKIDUSER")
				t.Setenv("AWS_ROLE_ARN", "arn:unused")
				t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/unused")
			},
			want: awsARN + ":user/app",
		},
		"shared file, another profile": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) {
				t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file(t, "[default]\naws_access_key_id=AKIDOTHER\naws_secret_access_key=x\n[prod]\naws_access_key_id = AKIDUSER\naws_secret_access_key = "+canary+"/AKIDUSER\n"))
				t.Setenv("AWS_PROFILE", "prod")
			},
			want: awsARN + ":user/app",
		},
		"shared file at home": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) {
				home := os.Getenv("HOME")
				if err := os.Mkdir(home+"/.aws", 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, home+"/.aws/credentials", "[default]\naws_access_key_id = AKIDUSER\naws_secret_access_key = "+canary+"/AKIDUSER\n")
				t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/unused")
			},
			want: awsARN + ":user/app",
		},
		"web identity (IRSA)": {
			prepare: func(t *testing.T, cloud *fakecloud.AWS, _ string) {
				cloud.TrustWebIdentity(token, awsARN+":role/web")
				t.Setenv("AWS_ROLE_ARN", awsARN+":role/web")
				t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file(t, token+"\n"))
			},
			want:  "arn:aws:sts::" + fakecloud.Account + ":assumed-role/web/vaultk8s",
			calls: []string{"POST /"},
		},
		"web identity with a session name": {
			prepare: func(t *testing.T, cloud *fakecloud.AWS, _ string) {
				cloud.TrustWebIdentity(token, awsARN+":role/web")
				t.Setenv("AWS_ROLE_ARN", awsARN+":role/web")
				t.Setenv("AWS_ROLE_SESSION_NAME", "pod-7")
				t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file(t, token))
			},
			want:  "arn:aws:sts::" + fakecloud.Account + ":assumed-role/web/pod-7",
			calls: []string{"POST /"},
		},
		"EKS Pod Identity": {
			prepare: func(t *testing.T, cloud *fakecloud.AWS, address string) {
				k := awsKey("ASIAPOD", "arn:aws:sts::"+fakecloud.Account+":assumed-role/pod/eks-1")
				k.Session = "pod-session"
				cloud.SetPodIdentity(k, "pod-token")
				t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", address+"/v1/credentials")
				t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file(t, "pod-token\n"))
			},
			want:  "arn:aws:sts::" + fakecloud.Account + ":assumed-role/pod/eks-1",
			calls: []string{"GET /v1/credentials"},
		},
		"instance role": {
			prepare: func(_ *testing.T, cloud *fakecloud.AWS, _ string) {
				k := awsKey("ASIAEC2", "arn:aws:sts::"+fakecloud.Account+":assumed-role/node/i-1")
				k.Session = "node-session"
				cloud.SetInstanceRole(k)
			},
			want: "arn:aws:sts::" + fakecloud.Account + ":assumed-role/node/i-1",
			calls: []string{
				"PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/", "GET /latest/meta-data/iam/security-credentials/i-1",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, server := amazon(t)
			if tc.options == nil {
				tc.options = with()
			}
			tc.prepare(t, cloud, server.URL)
			vault := loginAt(awsLogin)
			got, err := newMethod(t, "aws", tc.options).Login(t.Context(), vault)
			wantError(t, err, "")
			if diff := cmp.Diff(wantToken(), got, revealed); diff != "" {
				t.Errorf("token (-want +got):\n%s", diff)
			}
			wantCalls(t, tc.calls, cloud.Calls())
			if len(vault.asked) != 1 || vault.asked[0].Path != awsLogin || vault.asked[0].Body["role"] != "web" {
				t.Fatalf("requests to Vault: %v", vault.asked)
			}
			if arn, _ := forward(t, server.URL, vault.asked[0].Body); arn != tc.want {
				t.Errorf("signed by %q, want %q", arn, tc.want)
			}
		})
	}
}

func TestAWSRegions(t *testing.T) {
	cases := map[string]struct{ region, want string }{
		"default":    {want: "sts.amazonaws.com"},
		"us-east-1":  {region: "us-east-1", want: "sts.amazonaws.com"},
		"Frankfurt":  {region: "eu-central-1", want: "sts.eu-central-1.amazonaws.com"},
		"government": {region: "us-gov-west-1", want: "sts.us-gov-west-1.amazonaws.com"},
		"China":      {region: "cn-north-1", want: "sts.cn-north-1.amazonaws.com.cn"},
		"isolated":   {region: "us-iso-east-1", want: "sts.us-iso-east-1.c2s.ic.gov"},
		"isolated b": {region: "us-isob-east-1", want: "sts.us-isob-east-1.sc2s.sgov.gov"},
		"isolated f": {region: "us-isof-south-1", want: "sts.us-isof-south-1.csp.hci.ic.gov"},
		"isolated e": {region: "eu-isoe-west-1", want: "sts.eu-isoe-west-1.cloud.adc-e.uk"},
		"sovereign":  {region: "eusc-de-east-1", want: "sts.eusc-de-east-1.amazonaws.eu"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, server := amazon(t)
			t.Setenv("AWS_REGION", "us-west-2") // is for our own requests, not for Vault's
			options := with("access_key", "AKIDUSER", "secret_key", canary+"/AKIDUSER", "region", tc.region)
			vault := loginAt(awsLogin)
			_, err := newMethod(t, "aws", options).Login(t.Context(), vault)
			wantError(t, err, "")
			arn, host := forward(t, server.URL, vault.asked[0].Body)
			if arn == "" || host != tc.want {
				t.Errorf("host %q signed by %q, want %q", host, arn, tc.want)
			}
		})
	}
}

func TestAWSServerID(t *testing.T) {
	_, server := amazon(t)
	vault := loginAt(awsLogin)
	options := with("access_key", "AKIDUSER", "secret_key", canary+"/AKIDUSER", "header_value", "vault.example")
	_, err := newMethod(t, "aws", options).Login(t.Context(), vault)
	wantError(t, err, "")
	body := vault.asked[0].Body
	forward(t, server.URL, body)
	var headers http.Header
	if err := json.Unmarshal([]byte(decoded(t, body, "iam_request_headers")), &headers); err != nil {
		t.Fatal(err)
	}
	if got := headers.Get("X-Vault-AWS-IAM-Server-ID"); got != "vault.example" {
		t.Errorf("server id = %q", got)
	}
	if !strings.Contains(headers.Get("Authorization"), "x-vault-aws-iam-server-id") {
		t.Errorf("the server id is not signed: %s", headers.Get("Authorization"))
	}
	if strings.Contains(decoded(t, body, "iam_request_headers"), canary) {
		t.Error("the login holds the secret key")
	}
}

func TestAWSSTSEndpoint(t *testing.T) {
	cases := map[string]struct {
		env        map[string]string
		want, fail string
	}{
		"the option":      {want: "https://sts.eu-west-3.amazonaws.com/"},
		"where it runs":   {env: map[string]string{"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, want: "https://sts.eu-west-1.amazonaws.com/"},
		"default region":  {env: map[string]string{"AWS_DEFAULT_REGION": "eu-west-2"}, want: "https://sts.eu-west-2.amazonaws.com/"},
		"of all services": {env: map[string]string{"AWS_ENDPOINT_URL": "https://vpce.example/"}, want: "https://vpce.example/"},
		"of STS":          {env: map[string]string{"AWS_ENDPOINT_URL": "https://vpce.example", "AWS_ENDPOINT_URL_STS": "https://sts.example"}, want: "https://sts.example/"},
		"in clear":        {env: map[string]string{"AWS_ENDPOINT_URL_STS": "http://sts.example"}, want: "http://sts.example/", fail: `AWS_ENDPOINT_URL_STS must be an https URL, not "http://sts.example"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bare(t)
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			got, err := awsChain{region: "eu-west-3"}.stsEndpoint()
			wantError(t, err, tc.fail)
			if got != tc.want {
				t.Errorf("stsEndpoint() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestAWSInstanceDocument(t *testing.T) {
	cloud, server := amazon(t)
	cloud.SetDocument("MIIC" + "\nAbc\r\n+/=\n")
	vault := loginAt(awsLogin)
	m := newMethod(t, "aws", with("type", "ec2"))
	for range 2 {
		_, err := m.Login(t.Context(), vault)
		wantError(t, err, "")
	}
	first, second := vault.asked[0].Body, vault.asked[1].Body
	if first["pkcs7"] != "MIICAbc+/=" || first["role"] != "web" {
		t.Errorf("body = %v", first)
	}
	if nonce, _ := first["nonce"].(string); len(nonce) < 26 || nonce != second["nonce"] {
		t.Errorf("nonces %v and %v, want the same, made up", first["nonce"], second["nonce"])
	}
	_, err := newMethod(t, "aws", with("type", "ec2", "nonce", "n1")).Login(t.Context(), vault)
	wantError(t, err, "")
	if got := vault.asked[2].Body["nonce"]; got != "n1" {
		t.Errorf("nonce = %v, want that of the option", got)
	}
	cloud.Fail("/latest/dynamic", http.StatusServiceUnavailable, canary)
	_, err = m.Login(t.Context(), vault)
	wantErrorAt(t, err, server.URL, "get the signed identity document from the instance metadata service: GET SERVER/latest/dynamic/instance-identity/pkcs7: HTTP 503")
	cloud.Heal()
	cloud.SetDocument("\n")
	_, err = m.Login(t.Context(), vault)
	wantErrorAt(t, err, server.URL, "get the signed identity document from the instance metadata service: the document is empty")
}
