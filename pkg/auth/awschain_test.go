package auth

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakecloud"
)

// TestAWSChainErrors: the source that is set up has to work, and its failure says
// which one it was and never what it holds.
func TestAWSChainErrors(t *testing.T) {
	token := makeJWT(t, map[string]any{"sub": "web", "exp": time.Now().Add(time.Hour).Unix()})
	role := awsARN + ":role/web"
	webIdentity := func(t *testing.T, content string) {
		t.Setenv("AWS_ROLE_ARN", role)
		t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file(t, content))
	}
	podIdentity := func(t *testing.T, address string) {
		t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", address+"/v1/credentials?q="+canary)
		t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", canary)
	}
	cases := map[string]struct {
		prepare func(t *testing.T, cloud *fakecloud.AWS, address string)
		want    string
	}{
		"a broken answer": {
			prepare: func(t *testing.T, cloud *fakecloud.AWS, address string) {
				cloud.Fail("/v1/credentials", http.StatusOK, `{"AccessKeyId": 7, "x": "`+canary+`"}`)
				podIdentity(t, address)
			},
			want: "the container's endpoint: json: cannot unmarshal number into Go struct field GetCredentialsOutput.AccessKeyID of type string",
		},
		"no shared file": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) {
				t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
			},
			want: "the shared credentials file: open /nonexistent/credentials: no such file or directory",
		},
		"no web identity token": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) {
				t.Setenv("AWS_ROLE_ARN", role)
				t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token")
			},
			want: "the web identity: read the web identity token: open /nonexistent/token: no such file or directory",
		},
		"a token that nobody trusts": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) { webIdentity(t, token) },
			want:    "the web identity: POST SERVER/: HTTP 400: InvalidIdentityToken: The web identity token that was passed could not be validated",
		},
		"another role": {
			prepare: func(t *testing.T, cloud *fakecloud.AWS, _ string) {
				cloud.TrustWebIdentity(token, role+"-2")
				webIdentity(t, token)
			},
			want: "the web identity: POST SERVER/: HTTP 403: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
		},
		"STS throttles": {
			prepare: func(t *testing.T, cloud *fakecloud.AWS, _ string) {
				cloud.Fail("/", http.StatusBadRequest, `<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>`)
				webIdentity(t, token)
			},
			want: "the web identity: POST SERVER/: HTTP 400: Throttling: Rate exceeded",
		},
		"STS answers with a page": {
			prepare: func(t *testing.T, cloud *fakecloud.AWS, _ string) {
				cloud.Fail("/", http.StatusOK, canary)
				webIdentity(t, token)
			},
			want: "the web identity: the answer of STS is not the expected XML",
		},
		"STS answers without keys": {
			prepare: func(t *testing.T, cloud *fakecloud.AWS, _ string) {
				cloud.Fail("/", http.StatusOK, "<AccessKeyId>A</AccessKeyId>")
				webIdentity(t, token)
			},
			want: "the web identity: the answer holds no keys",
		},
		"STS in clear": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) {
				t.Setenv("AWS_ENDPOINT_URL_STS", "http://sts.example")
				webIdentity(t, token)
			},
			want: `the web identity: AWS_ENDPOINT_URL_STS must be an https URL, not "http://sts.example"`,
		},
		"a pod without a role": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, address string) { podIdentity(t, address) },
			want:    "the container's endpoint: GET SERVER/v1/credentials: HTTP 403",
		},
		"the container's endpoint is down": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) { podIdentity(t, "http://127.0.0.1:1") },
			want:    "the container's endpoint: GET http://127.0.0.1:1/v1/credentials: dial tcp 127.0.0.1:1: connect: connection refused",
		},
		"the container's endpoint is elsewhere": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) { podIdentity(t, "http://10.0.0.1") },
			want:    `the container's endpoint: AWS_CONTAINER_CREDENTIALS_FULL_URI must be an https URL, not "http://10.0.0.1/v1/credentials"`,
		},
		"no container token": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, address string) {
				podIdentity(t, address)
				t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nonexistent/token")
			},
			want: "the container's endpoint: read the container authorization token: open /nonexistent/token: no such file or directory",
		},
		"expired": {
			prepare: func(_ *testing.T, cloud *fakecloud.AWS, _ string) {
				k := awsKey("ASIAOLD", awsARN+":role/node")
				k.Expires = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
				cloud.SetInstanceRole(k)
			},
			want: "the instance metadata service: they expired at 2024-05-01T12:00:00Z",
		},
		"an instance without a role": {
			prepare: func(*testing.T, *fakecloud.AWS, string) {},
			want:    "the instance metadata service: GET SERVER/latest/meta-data/iam/security-credentials/: HTTP 404",
		},
		"metadata are busy": {
			prepare: func(_ *testing.T, cloud *fakecloud.AWS, _ string) {
				cloud.Fail("/latest/meta-data", http.StatusTooManyRequests, canary)
			},
			want: "the instance metadata service: GET SERVER/latest/meta-data/iam/security-credentials/: HTTP 429",
		},
		"only version one": {
			prepare: func(_ *testing.T, cloud *fakecloud.AWS, _ string) {
				cloud.Fail("/latest/api/token", http.StatusNotFound, "")
			},
			want: "the instance metadata service: PUT SERVER/latest/api/token: HTTP 404",
		},
		"metadata are down": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) {
				t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
			},
			want: "the instance metadata service: PUT http://127.0.0.1:1/latest/api/token: dial tcp 127.0.0.1:1: connect: connection refused",
		},
		"metadata are forbidden": {
			prepare: func(t *testing.T, _ *fakecloud.AWS, _ string) { t.Setenv("AWS_EC2_METADATA_DISABLED", "true") },
			want:    `the instance metadata service: access disabled to EC2 IMDS via client option, or "AWS_EC2_METADATA_DISABLED" environment variable`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, server := amazon(t)
			tc.prepare(t, cloud, server.URL)
			_, err := newMethod(t, "aws", with()).Login(t.Context(), loginAt(awsLogin))
			wantErrorAt(t, err, server.URL, "get AWS credentials from "+tc.want)
		})
	}
}

func TestAWSExpiredToken(t *testing.T) {
	path := file(t, makeJWT(t, map[string]any{"exp": 1714564800}))
	amazon(t)
	t.Setenv("AWS_ROLE_ARN", awsARN+":role/web")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path)
	_, err := newMethod(t, "aws", with()).Login(t.Context(), loginAt(awsLogin))
	wantError(t, err, `get AWS credentials from the web identity: the token in "`+path+`" expired at 2024-05-01T12:00:00Z`)
}

// TestAWSCredentialsAreTakenAnew: each login uses what is there at that time.
func TestAWSCredentialsAreTakenAnew(t *testing.T) {
	cloud, server := amazon(t)
	first, second := awsKey("ASIA1", awsARN+":role/one"), awsKey("ASIA2", awsARN+":role/two")
	m, vault := newMethod(t, "aws", with()), loginAt(awsLogin)
	for i, key := range []fakecloud.Key{first, second} {
		cloud.SetInstanceRole(key)
		_, err := m.Login(t.Context(), vault)
		wantError(t, err, "")
		if arn, _ := forward(t, server.URL, vault.asked[i].Body); arn != key.ARN {
			t.Errorf("login %d signed by %q, want %q", i+1, arn, key.ARN)
		}
	}
}

func TestTrustedContainer(t *testing.T) {
	const refused = "AWS_CONTAINER_CREDENTIALS_FULL_URI must be an https URL, not "
	cases := map[string]struct{ address, want string }{
		"EKS":           {address: "http://169.254.170.23/v1/credentials"},
		"EKS, version6": {address: "http://[fd00:ec2::23]/v1/credentials"},
		"ECS":           {address: "http://169.254.170.2/v2/x"},
		"loopback":      {address: "http://127.0.0.1:9911/x"},
		"https":         {address: "https://agent.example/x"},
		"link-local":    {address: "http://169.254.169.254/x", want: refused + `"http://169.254.169.254/x"`},
		"elsewhere":     {address: "http://agent.example/x", want: refused + `"http://agent.example/x"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { wantError(t, trustedContainer(tc.address), tc.want) })
	}
}

func TestParseProfile(t *testing.T) {
	cases := map[string]struct {
		content, profile string
		want             awsCredentials
	}{
		"plain": {
			content: "[default]\naws_access_key_id=A\naws_secret_access_key=B\naws_session_token=C\n", profile: "default",
			want: awsCredentials{AccessKeyID: "A", SecretAccessKey: "B", SessionToken: "C"},
		},
		"blanks, case and signs": {
			content: "\r\n [ prod ] # mine\r\n AWS_ACCESS_KEY_ID = A \r\n# aws_secret_access_key = no\n;aws_secret_access_key = no\naws_secret_access_key=B+/=x==\r\n", profile: "prod",
			want: awsCredentials{AccessKeyID: "A", SecretAccessKey: "B+/=x=="},
		},
		"the right one": {
			content: "aws_access_key_id=0\n[a]\naws_access_key_id=1\n[b]\naws_access_key_id=2\ns3 =\n  max = 1\n[c]\naws_access_key_id=3", profile: "b",
			want: awsCredentials{AccessKeyID: "2"},
		},
		"none":    {content: "[a]\naws_access_key_id=1\n", profile: "b"},
		"nothing": {profile: "default"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, parseProfile(tc.content, tc.profile)); diff != "" {
				t.Errorf("credentials (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAWSProfileWithoutKeys(t *testing.T) {
	path := file(t, "[default]\nrole_arn = "+canary+"\n")
	amazon(t)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", path)
	_, err := newMethod(t, "aws", with()).Login(t.Context(), loginAt(awsLogin))
	wantError(t, err, `get AWS credentials from the shared credentials file: the profile "default" in "`+path+`" has no aws_access_key_id and aws_secret_access_key`)
}

func FuzzParseProfile(f *testing.F) {
	f.Add("[default]\naws_access_key_id=A\naws_secret_access_key=B\n", "default")
	f.Add("[a]\n[b\n=\n;x\n", "a")
	f.Fuzz(func(t *testing.T, content, profile string) {
		c := parseProfile(content, profile)
		for _, v := range []string{c.AccessKeyID, c.SecretAccessKey, c.SessionToken} {
			if strings.TrimSpace(v) != v || strings.Contains(v, "\n") || !strings.Contains(content, v) {
				t.Errorf("value %q is not one of the file's", v)
			}
		}
	})
}

func FuzzParseAssumed(f *testing.F) {
	f.Add([]byte(`<R><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>A</AccessKeyId><Expiration>2024-05-01T12:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></R>`))
	f.Add([]byte(`<R>`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		c, err := parseAssumed(answer)
		if err != nil && c.HasKeys() {
			t.Error("keys beside an error")
		}
		if err == nil && c.AccessKeyID == "" {
			t.Error("no key and no error")
		}
	})
}
