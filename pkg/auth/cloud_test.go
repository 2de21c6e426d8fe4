package auth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// bare empties every variable that a cloud's credentials may come from.
func bare(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
		"AWS_SHARED_CREDENTIALS_FILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
		"GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON", "GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_HOST",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID",
		"AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST", "AZURE_POD_IDENTITY_AUTHORITY_HOST",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
}

// serve serves a cloud and ends with the test.
func serve(t *testing.T, cloud http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	return server
}

// closed is an address at which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return server.URL
}

// wantErrorAt compares an error in which SERVER stands for an address.
func wantErrorAt(t *testing.T, err error, address, want string) {
	t.Helper()
	wantError(t, err, strings.NewReplacer("SERVER", address, "ADDRESS", strings.TrimPrefix(address, "http://")).Replace(want))
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("the error shows a credential: %v", err)
	}
}

func wantCalls(t *testing.T, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests to the cloud (-want +got):\n%s", diff)
	}
}

func TestNewRefusesClouds(t *testing.T) {
	bare(t)
	cases := map[string]struct {
		method  string
		options map[string]string
		want    string
	}{
		"aws, nothing": {
			method: "aws",
			want:   `auth method "aws": option "role" is required` + "\n" + `auth method "aws": option "type" is required`,
		},
		"aws, another type": {
			method: "aws", options: map[string]string{"role": "r", "type": "lambda"},
			want: `auth method "aws": option "type" must be "iam" or "ec2", not "lambda"`,
		},
		"aws, half a key": {
			method: "aws", options: map[string]string{"role": "r", "type": "iam", "secret_key": canary},
			want: `auth method "aws": the options "access_key" and "secret_key" go together`,
		},
		"aws, a region that is a host": {
			method: "aws", options: map[string]string{"role": "r", "type": "iam", "region": "x.example/"},
			want: `auth method "aws": option "region" must be the name of a region such as "us-east-1", not "x.example/"`,
		},
		"gcp, nothing": {
			method: "gcp",
			want:   `auth method "gcp": option "role" is required` + "\n" + `auth method "gcp": option "type" is required`,
		},
		"gcp, another type": {
			method: "gcp", options: map[string]string{"role": "r", "type": "gke"},
			want: `auth method "gcp": option "type" must be "gce" or "iam", not "gke"`,
		},
		"gcp, a duration": {
			method: "gcp", options: map[string]string{"role": "r", "type": "iam", "jwt_exp": "15m"},
			want: `auth method "gcp": option "jwt_exp" must be a number of minutes up to 60, not "15m"`,
		},
		"gcp, too long": {
			method: "gcp", options: map[string]string{"role": "r", "type": "iam", "jwt_exp": "61"},
			want: `auth method "gcp": option "jwt_exp" must be a number of minutes up to 60, not "61"`,
		},
		"azure, nothing": {
			method: "azure",
			want:   `auth method "azure": option "role" is required` + "\n" + `auth method "azure": option "resource" is required`,
		},
		"azure, two identities": {
			method: "azure", options: map[string]string{"role": "r", "resource": "x", "object_id": "o", "client_id": "c", "authenticate_from_environment": "perhaps"},
			want: `auth method "azure": option "authenticate_from_environment" must be true or false, not "perhaps"` + "\n" +
				`auth method "azure": only one of the options "object_id" and "client_id" may be set`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			method, err := New(config.Auth{Method: tc.method, Options: tc.options})
			wantError(t, err, tc.want)
			if method != nil {
				t.Errorf("method = %v, want none beside an error", method)
			}
		})
	}
}

func TestCloudSubjectAndWatched(t *testing.T) {
	key := file(t, `{"type":"service_account","client_email":"a@shop","private_key":"k","token_uri":"https://x"}`)
	garbled := file(t, canary)
	shared := file(t, "[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = "+canary+"\n")
	cases := map[string]struct {
		method  string
		options map[string]string
		env     map[string]string
		subject string
		watched []string
	}{
		"aws, options":      {method: "aws", options: map[string]string{"access_key": "AKID", "secret_key": canary}, subject: "AKID"},
		"aws, environment":  {method: "aws", env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": canary}, subject: "AKIDENV"},
		"aws, web identity": {method: "aws", env: map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}, subject: "arn:aws:iam::1:role/r"},
		"aws, file":         {method: "aws", env: map[string]string{"AWS_SHARED_CREDENTIALS_FILE": shared}, subject: "default in " + shared, watched: []string{shared}},
		"aws, pod identity": {method: "aws", env: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1"}, subject: "http://169.254.170.23/v1"},
		"aws, ECS":          {method: "aws", env: map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"}, subject: "http://169.254.170.2/v2/x"},
		"aws, instance":     {method: "aws", subject: "instance role"},
		"aws, ec2":          {method: "aws", options: map[string]string{"type": "ec2"}, env: map[string]string{"AWS_SHARED_CREDENTIALS_FILE": shared}, subject: "instance"},

		"gcp, gce":          {method: "gcp", options: map[string]string{"type": "gce", "credentials": key}, subject: "default"},
		"gcp, named":        {method: "gcp", options: map[string]string{"type": "iam", "service_account": "b@shop", "credentials": key}, subject: "b@shop", watched: []string{key}},
		"gcp, key":          {method: "gcp", options: map[string]string{"type": "iam", "credentials": key}, subject: "a@shop", watched: []string{key}},
		"gcp, key of ADC":   {method: "gcp", options: map[string]string{"type": "iam"}, env: map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": key}, subject: "a@shop", watched: []string{key}},
		"gcp, garbled":      {method: "gcp", options: map[string]string{"type": "iam", "credentials": garbled}, subject: garbled, watched: []string{garbled}},
		"gcp, iam, machine": {method: "gcp", options: map[string]string{"type": "iam"}, subject: "default"},

		"azure":              {method: "azure", env: map[string]string{"AZURE_CLIENT_ID": "env"}, subject: "managed identity"},
		"azure, object":      {method: "azure", options: map[string]string{"object_id": "o"}, subject: "o"},
		"azure, client":      {method: "azure", options: map[string]string{"client_id": "c"}, subject: "c"},
		"azure, workload":    {method: "azure", options: map[string]string{"client_id": "c", "authenticate_from_environment": "true"}, env: map[string]string{"AZURE_CLIENT_ID": "env"}, subject: "env"},
		"azure, no variable": {method: "azure", options: map[string]string{"authenticate_from_environment": "true"}, subject: "managed identity"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bare(t)
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			c := config.Auth{Method: tc.method, Options: tc.options}
			if got := Subject(c); got != tc.subject {
				t.Errorf("Subject() = %q, want %q", got, tc.subject)
			}
			if diff := cmp.Diff(tc.watched, Watched(c)); diff != "" {
				t.Errorf("Watched() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTrusted(t *testing.T) {
	cases := map[string]struct{ address, want string }{
		"https":         {address: "https://sts.example/x"},
		"this machine":  {address: "http://127.0.0.1:8080/"},
		"by name":       {address: "http://localhost:8080"},
		"version six":   {address: "http://[::1]/x"},
		"plain":         {address: "http://sts.example", want: `VARIABLE must be an https URL, not "http://sts.example"`},
		"with secrets":  {address: "http://u:" + canary + "@sts.example/x?q=" + canary, want: `VARIABLE must be an https URL, not "http://sts.example/x"`},
		"another way":   {address: "ftp://127.0.0.1", want: `VARIABLE must be an https URL, not "ftp://127.0.0.1"`},
		"no URL":        {address: "sts.example", want: `VARIABLE must be a URL`},
		"looks like it": {address: "http://127.0.0.1.example", want: `VARIABLE must be an https URL, not "http://127.0.0.1.example"`},
		"garbled":       {address: "http://a b", want: `VARIABLE must be a URL`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { wantError(t, trusted("VARIABLE", tc.address), tc.want) })
	}
}
