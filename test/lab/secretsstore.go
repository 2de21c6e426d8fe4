package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// secretsStoreModule is the module of the Secrets Store CSI Driver.
const secretsStoreModule = "sigs.k8s.io/secrets-store-csi-driver"

// InstallSecretsStoreKinds defines the kinds of the driver's older generation, as its
// own module brings them.
func (k *Kubernetes) InstallSecretsStoreKinds(ctx context.Context) error {
	files, err := secretsStoreKinds(ctx, string(TargetOldCSIDriver))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := k.applyDefinition(ctx, file); err != nil {
			return fmt.Errorf("define the kinds of %s: %w", filepath.Base(file), err)
		}
	}
	return nil
}

func (k *Kubernetes) applyDefinition(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var definition struct {
		Metadata struct{ Name string }
	}
	var object map[string]any
	if err := errors.Join(yaml.Unmarshal(text, &definition), yaml.Unmarshal(text, &object)); err != nil {
		return err
	}
	_, err = k.Apply(ctx, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+definition.Metadata.Name, object)
	return err
}

// secretsStoreKinds returns the files with the kinds of the driver that a module
// below mod pins.
func secretsStoreKinds(ctx context.Context, nested string) ([]string, error) {
	deploy, err := secretsStoreDeploy(ctx, nested)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(deploy, "secrets-store.csi.x-k8s.io_*.yaml"))
	if err == nil && len(files) == 0 {
		err = errors.New("the driver's module has no manifests")
	}
	return files, err
}

// secretsStoreDeploy is the folder of the driver's manifests.
func secretsStoreDeploy(ctx context.Context, nested string) (string, error) {
	module, err := moduleDir(ctx, nested, secretsStoreModule)
	return filepath.Join(module, "deploy"), err
}
