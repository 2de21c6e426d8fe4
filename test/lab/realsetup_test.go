package lab_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

const readApp = `path "secret/data/app" { capabilities = ["read"] }`

// expectReader checks that a token may do what the policy app says, and no more.
func expectReader(ctx context.Context, t *testing.T, v *lab.Vault, token string) {
	t.Helper()
	if _, err := v.DoAs(ctx, token, http.MethodGet, "secret/data/app", nil); err != nil {
		t.Errorf("read what is allowed: %v", err)
	}
	_, err := v.DoAs(ctx, token, http.MethodGet, "secret/data/other", nil)
	if lab.StatusCode(err) != http.StatusForbidden {
		t.Errorf("read what is not allowed: %v", err)
	}
}

func useVaultWithPolicy(t *testing.T) *lab.Vault {
	t.Helper()
	v := lab.UseVault(t, lab.VaultOptions{})
	must(t, v.Policy(t.Context(), "app", readApp))
	putSecret(t, v, "x")
	return v
}

func TestAppRole(t *testing.T) {
	v := useVaultWithPolicy(t)
	must(t, v.EnableAuth(t.Context(), "approle", "approle"))
	role, secret, err := v.AppRole(t.Context(), "approle", "app", time.Hour, "app")
	must(t, err)
	for range 2 { // the secret id is not used up
		token, err := v.Login(t.Context(), "auth/approle/login", map[string]any{"role_id": role, "secret_id": secret})
		must(t, err)
		expectReader(t.Context(), t, v, token)
	}
	_, err = v.Login(t.Context(), "auth/approle/login", map[string]any{"role_id": role, "secret_id": "wrong"})
	if lab.StatusCode(err) != http.StatusBadRequest {
		t.Errorf("a wrong secret id: %v", err)
	}
}

func TestUserpass(t *testing.T) {
	v := useVaultWithPolicy(t)
	must(t, v.EnableAuth(t.Context(), "userpass", "people"))
	must(t, v.User(t.Context(), "people", "bob", "pw", "app"))
	token, err := v.Login(t.Context(), "auth/people/login/bob", map[string]any{"password": "pw"})
	must(t, err)
	expectReader(t.Context(), t, v, token)
}

func TestPluginsAreThere(t *testing.T) {
	v := lab.UseVault(t, lab.VaultOptions{InMemory: true})
	for _, kind := range []string{"approle", "cert", "jwt", "kubernetes", "ldap", "oidc", "userpass"} {
		if err := v.EnableAuth(t.Context(), kind, "x-"+kind); err != nil {
			t.Errorf("auth method %s: %v", kind, err)
		}
	}
	for _, kind := range []string{"database", "kubernetes", "kv", "pki", "transit"} {
		if err := v.Mount(t.Context(), kind, "x-"+kind); err != nil {
			t.Errorf("secrets engine %s: %v", kind, err)
		}
	}
	if err := v.Mount(t.Context(), "aws", "x-aws"); err == nil {
		t.Error("an engine that is not compiled in can be mounted")
	}
}

func TestKV(t *testing.T) {
	v := lab.UseVault(t, lab.VaultOptions{InMemory: true})
	ctx := t.Context()
	must(t, v.MountKV(ctx, "one", "1"))
	must(t, v.MountKV(ctx, "two", "2"))
	_, err := v.Write(ctx, "one/a", map[string]any{"k": "v1"})
	must(t, err)
	for _, value := range []string{"v1", "v2"} {
		_, err = v.Write(ctx, "two/data/a", map[string]any{"data": map[string]any{"k": value}})
		must(t, err)
	}
	first, err := v.Read(ctx, "one/a")
	must(t, err)
	second, err := v.Read(ctx, "two/data/a")
	must(t, err)
	if dig(first, "data", "k") != "v1" || dig(second, "data", "data", "k") != "v2" ||
		dig(second, "data", "metadata", "version") != 2.0 {
		t.Errorf("version 1: %v\nversion 2: %v", first, second)
	}
	must(t, v.Delete(ctx, "one/a"))
	if _, err := v.Read(ctx, "one/a"); lab.StatusCode(err) != http.StatusNotFound {
		t.Errorf("read what was deleted: %v", err)
	}
}

func TestPKI(t *testing.T) {
	v := lab.UseVault(t, lab.VaultOptions{InMemory: true})
	ctx := t.Context()
	must(t, v.PKIRoot(ctx, "pki", 24*time.Hour))
	for name, lease := range map[string]bool{"leased": true, "plain": false} {
		t.Run(name, func(t *testing.T) {
			must(t, v.PKIRole(ctx, "pki", name, "example.test", 10*time.Minute, lease))
			out, err := v.Write(ctx, "pki/issue/"+name, map[string]any{"common_name": "a.example.test"})
			must(t, err)
			if id, _ := dig(out, "lease_id").(string); (id != "") != lease {
				t.Errorf("lease id %q, want one: %v", id, lease)
			}
			encoded, _ := dig(out, "data", "certificate").(string)
			block, _ := pem.Decode([]byte(encoded))
			if block == nil {
				t.Fatalf("no certificate in %v", out)
			}
			cert, err := x509.ParseCertificate(block.Bytes)
			must(t, err)
			left := time.Until(cert.NotAfter)
			if cert.VerifyHostname("a.example.test") != nil || left > 10*time.Minute || left < 9*time.Minute {
				t.Errorf("certificate for %v ends in %s", cert.DNSNames, left)
			}
		})
	}
}
