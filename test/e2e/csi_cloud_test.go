package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// roleClass logs in as the role of AWS that the pod's service account may assume.
const roleClass = `apiVersion: secrets-store.csi.x-k8s.io/v1
kind: SecretProviderClass
metadata: {name: role, namespace: shop}
spec:
  provider: vault
  parameters:
    authMethod: aws
    vaultAuthMountPath: aws-NAME
    roleName: NAME
    auth: "{role_arn: '` + awsARN + `:role/web', header_value: vault.example}"
    objects: |
      - {objectName: password, secretPath: secret/data/NAME/app, secretKey: password}
`

// program runs the provider as a process until the test ends, unless that killed it,
// and looks at what it printed then. The log may be read.
func (n *csiNode) program(env ...string) (*exec.Cmd, *lockedBuffer) {
	n.t.Helper()
	provider := exec.Command(world.program, "csi-provider", "-endpoint="+filepath.Join(n.driver.Providers(), "vault.sock"),
		"-vault-addr="+world.vault.Address(), "-log-level=debug", "-health-addr=127.0.0.1:0")
	log := &lockedBuffer{}
	provider.Stdout, provider.Stderr, provider.Env = log, log, append(os.Environ(), env...)
	must(n.t, provider.Start())
	n.t.Cleanup(func() {
		if provider.ProcessState == nil {
			must(n.t, provider.Process.Signal(os.Interrupt))
			must(n.t, provider.Wait())
		}
		for _, secret := range []string{canary, n.token} {
			if strings.Contains(log.String(), secret) {
				n.t.Errorf("the log holds a secret:\n%s", log)
			}
		}
	})
	return provider, log
}

// passed is a volume with a token of the service account for an audience, as the
// driver passes it where its CSIDriver object asks for that.
func (n *csiNode) passed(class, account, audience string) lab.CSIVolume {
	n.t.Helper()
	must(n.t, world.kubernetes.CreateServiceAccount(n.t.Context(), "shop", account))
	token, err := world.kubernetes.Token(n.t.Context(), "shop", account, audience, time.Hour)
	must(n.t, err)
	tokens, err := json.Marshal(map[string]any{audience: map[string]any{
		"token": token, "expirationTimestamp": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	}})
	must(n.t, err)
	n.token = token
	v := n.volume(class, account)
	v.Attributes["csi.storage.k8s.io/serviceAccount.tokens"] = string(tokens)
	return v
}

// TestCSIRoleOfAmazon mounts as the role of AWS that stands for the pod's service
// account: the token comes from the driver, STS is a stand-in that verifies
// signatures, and the real Vault asks it who signed.
func TestCSIRoleOfAmazon(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	cloud, address := p.amazon(awsARN + ":role/web")
	file := filepath.Join(t.TempDir(), "classes.yaml")
	must(t, os.WriteFile(file, []byte(p.text(roleClass)), 0o600))
	n := newCSINode(t, file)
	v := n.passed("role", "csi-role", "sts.amazonaws.com")
	cloud.TrustWebIdentity(n.token, awsARN+":role/web")
	_, log := n.program("AWS_ENDPOINT_URL_STS="+address, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+address, "HOME="+t.TempDir())
	await(t, func() error { return n.driver.Publish(t.Context(), v) })
	if got := n.files()["password"]; got != canary+"-1" {
		t.Errorf("%q\n%s", got, log)
	}
	// STS trusts the token of this service account, and of no other.
	n.target = filepath.Join(t.TempDir(), "mount")
	err := n.driver.Publish(t.Context(), n.passed("role", "csi-other", "sts.amazonaws.com"))
	if err == nil || !strings.Contains(err.Error(), "InvalidIdentityToken") || len(n.files()) != 0 {
		t.Errorf("%d files: %v", len(n.files()), err)
	}
	// A role that Vault does not know is Vault's to refuse.
	stranger := n.passed("role", "csi-stranger-role", "sts.amazonaws.com")
	cloud.TrustWebIdentity(n.token, awsARN+":role/stranger")
	stranger.Attributes["auth"] = "{role_arn: '" + awsARN + ":role/stranger', header_value: vault.example}"
	err = n.driver.Publish(t.Context(), stranger)
	if err == nil || !strings.Contains(err.Error(), "does not belong to the role") {
		t.Errorf("another role: %v", err)
	}
	p.note(log.String())
	for _, call := range cloud.Calls() {
		if strings.Contains(call, "/latest/") {
			t.Errorf("the node was asked who it is: %s", call)
		}
	}
}
