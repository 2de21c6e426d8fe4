package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

const killedClass = `apiVersion: secrets-store.csi.x-k8s.io/v1
kind: SecretProviderClass
metadata: {name: killed, namespace: shop}
spec:
  provider: vault
  parameters:
    roleName: csi-killed
    refreshInterval: 1s
    objects: |
      - {objectName: password, secretPath: secret/data/csi-killed, secretKey: password}
`

// TestCSIProviderIsKilled: its socket stays behind, the pod that runs keeps its files,
// and the calls that came meanwhile are answered by the next provider, which takes the
// socket over. The driver needs no restart.
func TestCSIProviderIsKilled(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "classes.yaml")
	must(t, os.WriteFile(file, []byte(killedClass), 0o600))
	n := newCSINode(t, file)
	n.secretOf("csi-killed", "csi-killed", "csi-killed", map[string]any{"password": canary + "-1"})
	running := n.volume("killed", "csi-killed")
	provider, _ := n.program()
	await(t, func() error { return n.driver.Publish(t.Context(), running) })
	must(t, provider.Process.Kill())
	if err := provider.Wait(); err == nil {
		t.Fatal("it ended by itself")
	}
	if _, err := os.Lstat(filepath.Join(n.driver.Providers(), "vault.sock")); err != nil {
		t.Fatalf("this shows nothing: %v", err)
	}
	starting := running
	starting.Target = filepath.Join(t.TempDir(), "mount")
	calls := make(chan error, 2)
	for _, v := range []lab.CSIVolume{running, starting} {
		go func() { calls <- n.driver.Publish(t.Context(), v) }()
	}
	if diff := cmp.Diff(map[string]string{"password": canary + "-1"}, n.files()); diff != "" {
		t.Errorf("without a provider: %s", diff)
	}
	n.program()
	for range 2 {
		if err := <-calls; err != nil {
			// The driver itself gives up after three attempts; the kubelet asks again.
			await(t, func() error {
				return errors.Join(n.driver.Publish(t.Context(), running), n.driver.Publish(t.Context(), starting))
			})
		}
	}
	n.write("csi-killed", map[string]any{"password": canary + "-2"})
	for _, v := range []lab.CSIVolume{running, starting} {
		n.target = v.Target
		await(t, func() error {
			if err := n.driver.Publish(t.Context(), v); err != nil {
				return err
			}
			if got := n.files()["password"]; got != canary+"-2" {
				return errors.New("the pod sees " + got)
			}
			return nil
		})
		must(t, n.driver.Unpublish(t.Context(), v))
	}
}
