package preview

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is a part of every value that is secret.
const canary = "canary-9f31"

// newServer makes a Vault with one thing of each kind.
func newServer() *fakevault.Server {
	s := fakevault.New()
	s.EnableKV("secret", 2)
	s.EnableKV("kv", 1)
	s.EnableDatabase("database")
	s.DynamicRole("database", "app", time.Hour, 24*time.Hour)
	s.EnablePKI("pki")
	s.PKIRole("pki", "app", time.Hour)
	s.PutKV("secret", "app/db", map[string]any{"user": canary + "-user", "password": canary + "-password", "port": 5432, "tls": true, "empty": ""})
	s.PutKV("secret", "app/deep/api", map[string]any{"api-key": canary + "-key"})
	s.PutKV("kv", "one", map[string]any{"password": canary + "-v1"})
	return s
}

func options(s *fakevault.Server) ConnectOptions {
	return ConnectOptions{
		Config: &config.Config{Vault: config.Vault{Address: "http://vault.test:8200"}},
		Token:  sensitive.New(s.RootToken()), Transport: s, Version: "test",
	}
}

// connect makes a connection that the test need not close.
func connect(t *testing.T, s *fakevault.Server, change func(*ConnectOptions)) *Vault {
	t.Helper()
	o := options(s)
	if change != nil {
		change(&o)
	}
	v, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// file writes a file of the test.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
