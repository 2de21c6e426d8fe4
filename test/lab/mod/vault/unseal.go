package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/vault/helper/namespace"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/vault"
)

// unseal initializes the core the first time, and unseals it every time. The
// single unseal key lies in a file, readable for the owner: this is a test tool.
func unseal(core *vault.Core, o options) error {
	ctx := namespace.ContextWithNamespace(context.Background(), namespace.RootNamespace)
	known, err := core.Initialized(ctx)
	if err != nil {
		return fmt.Errorf("ask whether the storage is initialized: %w", err)
	}
	if known {
		key, err := readKey(o.keyFile)
		if err != nil {
			return err
		}
		return unsealWith(core, key)
	}
	init, err := core.Initialize(ctx, &vault.InitParams{
		BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1, Name: "shamir"},
	})
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	if err := writeKey(o.keyFile, init.SecretShares[0]); err != nil {
		return err
	}
	// Unseal wipes the slice that it is given.
	if err := unsealWith(core, bytes.Clone(init.SecretShares[0])); err != nil {
		return err
	}
	return setUp(ctx, core, init.RootToken, o.token)
}

func readKey(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the unseal key of the existing storage: %w", err)
	}
	return base64.StdEncoding.DecodeString(string(bytes.TrimSpace(b)))
}

func writeKey(file string, key []byte) error {
	if file == "" {
		return nil
	}
	return os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600)
}

func unsealWith(core *vault.Core, key []byte) error {
	ok, err := core.Unseal(key)
	if err == nil && !ok {
		err = errors.New("the key did not fit")
	}
	if err != nil {
		return fmt.Errorf("unseal: %w", err)
	}
	return nil
}

// setUp exchanges the generated root token for the wanted one, and mounts kv
// version 2 at secret/ as `vault server -dev` does.
func setUp(ctx context.Context, core *vault.Core, generated, wanted string) error {
	steps := []struct {
		token, path string
		data        map[string]interface{}
	}{
		{generated, "auth/token/create", map[string]interface{}{
			"id": wanted, "policies": []string{"root"}, "no_parent": true, "no_default_policy": true,
		}},
		{generated, "auth/token/revoke-self", nil},
		{wanted, "sys/mounts/secret", map[string]interface{}{
			"type": "kv", "path": "secret/", "options": map[string]string{"version": "2"},
		}},
	}
	for _, s := range steps {
		resp, err := core.HandleRequest(ctx, &logical.Request{
			ID: "setup", Operation: logical.UpdateOperation, ClientToken: s.token, Path: s.path, Data: s.data,
		})
		if err == nil && resp != nil && resp.IsError() {
			err = resp.Error()
		}
		if err != nil {
			return fmt.Errorf("set up %s: %w", s.path, err)
		}
	}
	return nil
}
