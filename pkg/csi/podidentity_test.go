package csi

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakecloud"
)

const roleARN = "arn:aws:iam::" + fakecloud.Account + ":role/orders"

// irsa is a class whose pods log in as a role of AWS.
func irsa() map[string]string {
	return methodClass("aws", map[string]string{"roleName": "orders", "auth": "{header_value: vault.example.com, role_arn: '" + roleARN + "'}"})
}

// tokenFor is what the driver passes where its CSIDriver object asks for an audience.
func (w *world) tokenFor(p pod, audience string) (token, attribute string) {
	w.t.Helper()
	token = w.jwt(p, time.Hour)
	encoded, err := json.Marshal(map[string]any{audience: map[string]any{
		"token": token, "expirationTimestamp": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return token, string(encoded)
}

// as adds the tokens of a pod to a class.
func as(class map[string]string, tokens string) map[string]string {
	all := maps.Clone(class)
	all[tokensKey] = tokens
	return all
}

// TestRoleOfAmazon: the pod's own token is what STS takes for the role; the provider's
// own identity, which is there, has no part in it.
func TestRoleOfAmazon(t *testing.T) {
	cloud := fakecloud.NewAWS()
	s, f, address := cloudWorld(t, cloud)
	t.Setenv("AWS_ENDPOINT_URL_STS", address)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDNODE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", canary)
	s.run()
	p := aPod("orders-sa", 1)
	token, tokens := s.tokenFor(p, "sts.amazonaws.com")
	cloud.TrustWebIdentity(token, roleARN)
	for range 2 {
		if got := s.mount(p, as(irsa(), tokens)); got["db"] != canary+"-db" {
			t.Errorf("%v", got)
		}
	}
	if diff := cmp.Diff([]string{"POST /"}, cloud.Calls()); diff != "" {
		t.Errorf("calls of the cloud (-want +got):\n%s", diff)
	}
	sent := f.logins()
	if len(sent) != 1 || sent[0].Path != "auth/aws/login" || sent[0].Body["role"] != "orders" {
		t.Fatalf("%d logins", len(sent))
	}
	want := "<Arn>arn:aws:sts::" + fakecloud.Account + ":assumed-role/orders/vaultk8s</Arn>"
	if answer := askAmazon(t, cloud, sent[0].Body); !strings.Contains(answer, want) {
		t.Errorf("signed by another: %s", answer)
	}
	// Another service-account asks for the same role, which does not trust it.
	_, tokens = s.tokenFor(aPod("other-sa", 1), "sts.amazonaws.com")
	err := s.refuse(s.call(aPod("other-sa", 1), as(irsa(), tokens)))
	if !strings.Contains(err.Error(), "failed to login: get AWS credentials from the service account: ") || !strings.Contains(err.Error(), "InvalidIdentityToken") || len(f.logins()) != 1 {
		t.Error(err)
	}
}

// TestTokenOfAnAudienceIsMade: where the driver passes tokens for Vault alone.
func TestTokenOfAnAudienceIsMade(t *testing.T) {
	cloud := fakecloud.NewAWS()
	s, _, address := cloudWorld(t, cloud)
	t.Setenv("AWS_ENDPOINT_URL_STS", address)
	c, kube := newKube(t)
	s.provider.o.Kube, s.provider.o.CSI.Events = kube, false
	p := aPod("orders-sa", 1)
	token, _ := s.tokenFor(p, "sts.amazonaws.com.cn")
	cloud.TrustWebIdentity(token, roleARN)
	var asked any
	c.token = func(body map[string]any, _ string) string {
		spec, _ := body["spec"].(map[string]any)
		asked = spec["audiences"]
		return token
	}
	s.run()
	class := irsa()
	class["audience"] = "sts.amazonaws.com.cn"
	if got := s.mount(p, class); got["db"] != canary+"-db" {
		t.Errorf("%v", got)
	}
	if diff := cmp.Diff(any([]any{"sts.amazonaws.com.cn"}), asked); diff != "" {
		t.Error(diff)
	}
}

func TestAccountOfGoogle(t *testing.T) {
	cloud, err := fakecloud.NewGoogle()
	if err != nil {
		t.Fatal(err)
	}
	s, f, address := cloudWorld(t, cloud)
	t.Setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_STS", address)
	t.Setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", address)
	s.run()
	p := aPod("orders-sa", 1)
	token, tokens := s.tokenFor(p, "shop.svc.id.goog")
	cloud.TrustWorkload(token, "identitynamespace:shop.svc.id.goog:https://container.googleapis.com/v1/projects/shop/locations/europe-west1/clusters/blue", "web@shop")
	class := methodClass("gcp", map[string]string{"roleName": "orders", "auth": "{project: shop, region: europe-west1, cluster_name: blue, service_account: web@shop}"})
	if got := s.mount(p, as(class, tokens)); got["db"] != canary+"-db" {
		t.Errorf("%v", got)
	}
	if diff := cmp.Diff([]string{"POST /v1/token", "POST /v1/projects/-/serviceAccounts/web@shop:generateIdToken"}, cloud.Calls()); diff != "" {
		t.Errorf("calls of the cloud (-want +got):\n%s", diff)
	}
	sent := f.logins()
	if len(sent) != 1 || sent[0].Path != "auth/gcp/login" || sent[0].claims(t)["email"] != "web@shop" {
		t.Fatalf("%d logins", len(sent))
	}
}

func TestApplicationOfAzure(t *testing.T) {
	cloud := fakecloud.NewAzure()
	s, f, address := cloudWorld(t, cloud)
	t.Setenv("AZURE_AUTHORITY_HOST", address)
	s.run()
	p := aPod("orders-sa", 1)
	token, tokens := s.tokenFor(p, "api://AzureADTokenExchange")
	cloud.AddApplication("app", "", token)
	class := methodClass("azure", map[string]string{"roleName": "orders", "auth": "{resource: 'https://vault.example.com', tenant_id: " + cloud.Tenant + ", client_id: app}"})
	if got := s.mount(p, as(class, tokens)); got["db"] != canary+"-db" {
		t.Errorf("%v", got)
	}
	sent := f.logins()
	if len(sent) != 1 || sent[0].Path != "auth/azure/login" || sent[0].claims(t)["appid"] != "app" || sent[0].Body["vm_name"] != nil {
		t.Fatalf("%d logins", len(sent))
	}
}

func TestPodIdentityRefuses(t *testing.T) {
	const exclude = ": credentials in nodePublishSecretRef and a login as what the pod stands for exclude each other"
	cases := map[string]struct {
		method, auth string
		secrets      map[string]string
		want         string
	}{
		"an instance":       {method: "aws", auth: "{role_arn: x, type: ec2}", want: `parameter "auth": with role_arn the type is iam, not "ec2"`},
		"a key as well":     {method: "aws", auth: "{role_arn: x}", secrets: map[string]string{"access_key": "x", "secret_key": canary}, want: `auth method "aws"` + exclude},
		"a blank role":      {method: "aws", auth: "{role_arn: ' ', type: iam}", want: `auth method "aws" without credentials in nodePublishSecretRef would log in as the node, which the administrator does not allow`},
		"another STS":       {method: "aws", auth: "{role_arn: x, sts_endpoint: 'https://x'}", want: `parameter "auth": a class cannot set the option "sts_endpoint"; credentials come from nodePublishSecretRef`},
		"half a cluster":    {method: "gcp", auth: "{cluster_name: c, project: p, service_account: s}", want: `parameter "auth": the options cluster_name, project, region, service_account go together, and region is missing`},
		"a key of Google":   {method: "gcp", auth: "{cluster_name: c, project: p, region: r, service_account: s}", secrets: map[string]string{"credentials": canary}, want: `auth method "gcp"` + exclude},
		"no application":    {method: "azure", auth: "{tenant_id: t, resource: r}", want: `parameter "auth": the options tenant_id, client_id go together, and client_id is missing`},
		"no token of a pod": {method: "aws", auth: "{role_arn: x}", want: "failed to login: get AWS credentials from the service account: " + errNoToken.Error()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				m := w.call(aPod("orders-sa", 1), methodClass(tc.method, map[string]string{"roleName": "orders", "auth": tc.auth}))
				m.Secrets = quoted(tc.secrets)
				if err := w.refuse(m); !strings.HasSuffix(err.Error(), "error making mount request: "+tc.want) {
					t.Errorf(" got %v\nwant %s", err, tc.want)
				}
			})
		})
	}
}
