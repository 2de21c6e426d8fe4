package lab

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"
)

//go:embed secretsstore.yaml
var secretsStore []byte

// InstallSecretsStore installs the Secrets Store CSI Driver, which mounts volumes with
// the help of providers. It returns when the kubelet knows the driver. Kinds and roles
// are those that the driver's own module brings.
func (c *Cluster) InstallSecretsStore(ctx context.Context) error {
	for _, t := range []Target{TargetRegistrar, TargetSecretsStore} {
		// The driver runs mount and umount.
		i, err := Busybox(ctx, "lab.local/"+string(t)+":1")
		if err != nil {
			return err
		}
		i.Entrypoint, i.Files["/"+string(t)] = []string{"/" + string(t)}, c.programs[t]
		if err := c.LoadImage(ctx, i); err != nil {
			return err
		}
	}
	deploy, err := secretsStoreManifests(ctx)
	if err != nil {
		return err
	}
	own := c.file("secretsstore.yaml")
	if err := os.WriteFile(own, secretsStore, 0o600); err != nil {
		return err
	}
	for _, file := range append(deploy, own) {
		if _, err := c.Command(ctx, TargetKubectl, "apply", "-f", file); err != nil {
			return err
		}
	}
	if _, err := c.Command(ctx, TargetKubectl, "-n", "kube-system", "rollout", "status", "daemonset/csi-secrets-store", "--timeout=2m"); err != nil {
		return err
	}
	_, err = c.Command(ctx, TargetKubectl, "wait", "csinode/"+nodeName, "--timeout=1m", `--for=jsonpath={.spec.drivers[0].name}=secrets-store.csi.k8s.io`)
	return err
}

func secretsStoreManifests(ctx context.Context) ([]string, error) {
	deploy, err := secretsStoreDeploy(ctx, "secrets-store")
	if err != nil {
		return nil, err
	}
	files, err := secretsStoreKinds(ctx, "secrets-store")
	return append(files, filepath.Join(deploy, "rbac-secretproviderclass.yaml"), filepath.Join(deploy, "rbac-secretprovidersyncing.yaml")), err
}
