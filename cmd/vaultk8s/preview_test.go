package main

import (
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// TestPreviewScripts runs scripts beside a Vault, which VAULT_ADDR names and
// ROOT_TOKEN opens. Home is the working directory.
func TestPreviewScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/preview", UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			vault := fakevault.New()
			vault.EnableKV("secret", 2)
			vault.PutKV("secret", "app/db", map[string]any{"user": "canary-user", "api-key": "canary-key"})
			vault.PutKV("secret", "app/sub/x", map[string]any{"n": 1})
			vault.EnableDatabase("database")
			vault.DynamicRole("database", "app", time.Hour, time.Hour)
			vault.EnablePKI("pki")
			vault.PKIRole("pki", "app", time.Hour)
			vault.EnableAppRole("auth/approle")
			server := httptest.NewServer(vault)
			e.Defer(server.Close)
			e.Setenv("VAULT_ADDR", server.URL)
			e.Setenv("ROOT_TOKEN", vault.RootToken())
			e.Setenv("ROLE_ID", vault.AppRole("auth/approle", "app", false, fakevault.TokenRole{Policies: []string{"root"}}))
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
	})
}
