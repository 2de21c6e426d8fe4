package e2e_test

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakecloud"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

const awsARN = "arn:aws:iam::" + fakecloud.Account

// cloudLogin logs in with METHOD at the mount METHOD-NAME; OPTIONS are its own.
const cloudLogin = `
auto_auth {
  method "METHOD" {
    mount_path  = "auth/METHOD-NAME"
    exit_on_err = true
    config = { role = "NAME" OPTIONS }
  }
}
exit_after_auth = true
`

// amazon makes a stand-in for AWS, and a mount of the pod's that asks it. What
// the agent signs is sent on by the real Vault, and verified by the stand-in.
func (p *pod) amazon(principal string) (*fakecloud.AWS, string) {
	p.t.Helper()
	cloud := fakecloud.NewAWS()
	server := httptest.NewServer(cloud)
	p.t.Cleanup(server.Close)
	mount := "aws-" + p.name
	must(p.t, p.vault.EnableAuth(p.t.Context(), "aws", mount))
	_, err := p.vault.Write(p.t.Context(), "auth/"+mount+"/config/client", map[string]any{
		"sts_endpoint": server.URL, "iam_endpoint": server.URL, "sts_region": "us-east-1", "iam_server_id_header_value": "vault.example",
	})
	must(p.t, err)
	_, err = p.vault.Write(p.t.Context(), "auth/"+mount+"/role/"+p.name, map[string]any{
		"auth_type": "iam", "bound_iam_principal_arn": principal, "resolve_aws_unique_ids": false, "token_policies": p.name, "token_ttl": "1h",
	})
	must(p.t, err)
	p.env = append(p.env, "AWS_ENDPOINT_URL_STS="+server.URL, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+server.URL, "HOME="+p.dir)
	return cloud, server.URL
}

// key makes a temporary key whose secret must not be printed.
func (p *pod) key(id, arn string) fakecloud.Key {
	k := fakecloud.Key{ID: id, Secret: canary + "/" + id, Session: canary + "-session", ARN: arn, Expires: time.Now().Add(time.Hour)}
	p.secretly(k.Secret)
	return k
}

func TestAWSLogin(t *testing.T) {
	assumed := "arn:aws:sts::" + fakecloud.Account + ":assumed-role/web/"
	cases := map[string]struct {
		prepare func(p *pod, cloud *fakecloud.AWS, address string)
		options string
		want    string // the end of the log; "": it logs in
	}{
		"web identity": {
			prepare: func(p *pod, cloud *fakecloud.AWS, _ string) {
				cloud.TrustWebIdentity(world.jwt, awsARN+":role/web")
				p.env = append(p.env, "AWS_ROLE_ARN="+awsARN+":role/web", "AWS_WEB_IDENTITY_TOKEN_FILE="+p.path("jwt"))
			},
		},
		"pod identity": {
			prepare: func(p *pod, cloud *fakecloud.AWS, address string) {
				cloud.SetPodIdentity(p.key("ASIAPOD", assumed+"eks"), "pod-token")
				p.file("pod-token", "pod-token")
				p.env = append(p.env, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+address+"/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+p.path("pod-token"))
			},
		},
		"instance role": {
			prepare: func(p *pod, cloud *fakecloud.AWS, _ string) { cloud.SetInstanceRole(p.key("ASIANODE", assumed+"i-1")) },
		},
		"keys in the document": {
			prepare: func(p *pod, cloud *fakecloud.AWS, _ string) {
				k := p.key("AKIDUSER", awsARN+":role/web")
				k.Session = ""
				cloud.AddKey(k)
			},
			options: `, access_key = "AKIDUSER", secret_key = "` + canary + `/AKIDUSER"`,
		},
		"a wrong secret": {
			prepare: func(p *pod, cloud *fakecloud.AWS, _ string) { cloud.AddKey(p.key("AKIDUSER", awsARN+":role/web")) },
			options: `, access_key = "AKIDUSER", secret_key = "` + canary + `", session_token = "` + canary + `-session"`,
			want:    "SignatureDoesNotMatch",
		},
		"another role": {
			prepare: func(p *pod, cloud *fakecloud.AWS, _ string) {
				cloud.SetInstanceRole(p.key("ASIANODE", "arn:aws:sts::"+fakecloud.Account+":assumed-role/other/i-1"))
			},
			want: "does not belong to the role",
		},
		"no instance role": {
			prepare: func(*pod, *fakecloud.AWS, string) {},
			want:    "get AWS credentials from the instance metadata service: GET http://127.0.0.1",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			cloud, address := p.amazon(awsARN + ":role/web")
			tc.prepare(p, cloud, address)
			options := `, type = "iam", header_value = "vault.example"` + tc.options
			p.logsIn("aws", options, tc.want)
		})
	}
}

// logsIn runs an agent that logs in with a method of a cloud, or fails for a
// reason that its log tells.
func (p *pod) logsIn(method, options, want string) {
	p.t.Helper()
	a := p.start(strings.NewReplacer("METHOD", method, "OPTIONS", options).Replace(cloudLogin) + kv)
	code := a.wait()
	switch {
	case want == "" && (code != 0 || p.read("out/kv") != canary+"-1"):
		p.t.Errorf("exit code %d, kv file = %q, want a login", code, p.read("out/kv"))
	case want != "" && (code == 0 || !strings.Contains(p.printed.String(), want)):
		p.t.Errorf("exit code %d, want a failure that tells %q", code, want)
	}
}

// TestAWSLoginNeedsTheServerID: without the header that Vault demands, the same
// request could come from a login to another Vault.
func TestAWSLoginNeedsTheServerID(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	cloud, _ := p.amazon(awsARN + ":role/web")
	cloud.SetInstanceRole(p.key("ASIANODE", "arn:aws:sts::"+fakecloud.Account+":assumed-role/web/i-1"))
	p.logsIn("aws", `, type = "iam"`, "missing header")
}

// google makes a Vault of its own for the stand-in for Google, whose account the
// server has to be given in its environment: its configuration has no place for
// the address of a token endpoint.
func google(t *testing.T) (*pod, *fakecloud.Google, string) {
	t.Helper()
	cloud, err := fakecloud.NewGoogle()
	must(t, err)
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	key, err := cloud.KeyFile(server.URL)
	must(t, err)
	path := t.TempDir() + "/key.json"
	must(t, os.WriteFile(path, key, 0o600))
	v := lab.UseVault(t, lab.VaultOptions{Env: []string{"GOOGLE_APPLICATION_CREDENTIALS=" + path}})
	must(t, world.furnish(t.Context(), v))
	p := newPodAt(t, v)
	mount := "gcp-" + p.name
	must(t, v.EnableAuth(t.Context(), "gcp", mount))
	_, err = v.Write(t.Context(), "auth/"+mount+"/config", map[string]any{
		"custom_endpoint": map[string]any{"api": server.URL, "iam": server.URL, "compute": server.URL, "crm": server.URL},
	})
	must(t, err)
	p.file("key.json", string(key))
	p.env = append(p.env, "GCE_METADATA_HOST="+strings.TrimPrefix(server.URL, "http://"), "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS="+server.URL+"/")
	p.secretly("ya29.")
	return p, cloud, mount
}

// TestGCPLogin has tokens verified by the real Vault with the stand-in's keys.
func TestGCPLogin(t *testing.T) {
	t.Parallel()
	p, cloud, mount := google(t)
	role := func(kind string, bound map[string]any) {
		bound["type"], bound["token_policies"], bound["token_ttl"] = kind, p.name, "1h"
		must(t, p.vault.Delete(t.Context(), "auth/"+mount+"/role/"+p.name))
		_, err := p.vault.Write(t.Context(), "auth/"+mount+"/role/"+p.name, bound)
		must(t, err)
	}
	role("iam", map[string]any{"bound_service_accounts": cloud.KeyAccount})
	p.logsIn("gcp", `, type = "iam", credentials = "DIR/key.json"`, "")

	p.logsIn("gcp", `, type = "iam"`, "not authorized") // as the machine's account
	role("iam", map[string]any{"bound_service_accounts": cloud.MachineAccount})
	p.logsIn("gcp", `, type = "iam"`, "")
	p.logsIn("gcp", `, type = "iam", jwt_exp = "30"`, "expire")
	role("gce", map[string]any{"bound_projects": cloud.Project, "bound_zones": "europe-west1-b"})
	p.logsIn("gcp", `, type = "gce"`, "")
	role("gce", map[string]any{"bound_projects": "another"})
	p.logsIn("gcp", `, type = "gce"`, "project")

	p.logsIn("gcp", `, type = "iam", service_account = "stranger@shop"`, "Permission 'iam.serviceAccounts.signJwt' denied")
}
