package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// fakeVault is an in-process Vault with a role that may read everything, and its
// credentials in files.
func fakeVault(dir string) (v *fakevault.Server, role, secret string, err error) {
	v = fakevault.New(fakevault.WithoutRequestLog())
	v.Policy("bench", map[string][]string{"*": {"read", "update"}})
	v.EnableAppRole("approle")
	roleID := v.AppRole("approle", "bench", true, fakevault.TokenRole{Policies: []string{"bench"}, TTL: time.Hour})
	role, secret = filepath.Join(dir, "role-id"), filepath.Join(dir, "secret-id")
	return v, role, secret, writeCredentials(role, roleID, secret, v.SecretID("approle", "bench", 0, 0))
}

// databaseRole is the role of the i-th lease; a secret is one for each path, so
// as many leases need as many roles.
func databaseRole(i int) string { return fmt.Sprintf("role-%d", i) }

// noEnv hides the environment from the configuration.
func noEnv(string) (string, bool) { return "", false }

// connection is what a client needs to know about a Vault that is reached in the
// process: an address that is never dialed.
func connection() config.Vault { return config.Vault{Address: "http://vault.invalid"} }
