package preview

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func query(path string) secret.Query { return secret.NewQuery(secret.Read, path, nil) }

func TestFetchReadsBothVersionsOfKV(t *testing.T) {
	v := connect(t, newServer(), nil)
	for path, want := range map[string]string{"secret/app/db": canary + "-password", "secret/data/app/db": canary + "-password", "kv/one": canary + "-v1"} {
		r, err := v.Fetch(t.Context(), query(path))
		if err != nil {
			t.Fatal(err)
		}
		data := r.Data.Reveal()
		if inner, ok := data["data"].(map[string]any); ok {
			data = inner
		}
		if data["password"] != want {
			t.Errorf("%s: %v", path, data)
		}
	}
	if _, err := v.Fetch(t.Context(), query("secret/none")); err == nil || err.Error() != "GET http://vault.test:8200/v1/secret/data/none: not found (HTTP 404): no secret exists at secret/data/none" {
		t.Errorf("got %v", err)
	}
}

// What was issued for a preview is gone when it ends.
func TestCloseRevokesLeases(t *testing.T) {
	s := newServer()
	v := connect(t, s, nil)
	for range 2 {
		if _, err := v.Fetch(t.Context(), query("database/creds/app")); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Leases()); n != 2 {
		t.Fatalf("%d leases", n)
	}
	// The end of a preview that was interrupted is the same.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Leases()); n != 0 {
		t.Errorf("%d leases are left", n)
	}
	if n := s.Count("", "auth/token/revoke-self"); n != 0 {
		t.Error("somebody else's token was revoked")
	}
}

func TestCloseTellsWhatLivesOn(t *testing.T) {
	s := newServer()
	v := connect(t, s, nil)
	if _, err := v.Fetch(t.Context(), query("database/creds/app")); err != nil {
		t.Fatal(err)
	}
	id := s.Leases()[0].ID
	s.Seal()
	err := v.Close(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "revoke the lease "+id+": PUT http://vault.test:8200/v1/sys/leases/revoke: sealed") {
		t.Errorf("got %v", err)
	}
}

func TestTokensThatATemplateMakesAreRevoked(t *testing.T) {
	s := newServer()
	v := connect(t, s, func(o *ConnectOptions) { o.AllowWrites = true })
	r, err := v.Fetch(t.Context(), secret.NewQuery(secret.Write, "auth/token/create", map[string]any{"ttl": "1h"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := connect(t, s, func(o *ConnectOptions) { o.Token = r.Auth.Value })
	if _, err := other.Fetch(t.Context(), query("auth/token/lookup-self")); err == nil {
		t.Error("the token lives on")
	}
}

func TestWritesNeedLeave(t *testing.T) {
	s := newServer()
	v := connect(t, s, nil)
	for want, q := range map[string]secret.Query{
		"pki pki/issue/app (common_name) would write to Vault: allow that with --allow-writes":     secret.NewQuery(secret.PKI, "pki/issue/app", map[string]any{"common_name": "x.test"}),
		"write secret/data/app/db (password) would write to Vault: allow that with --allow-writes": secret.NewQuery(secret.Write, "secret/data/app/db", map[string]any{"password": canary}),
	} {
		if _, err := v.Fetch(t.Context(), q); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if n := s.Count("PUT", "*"); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestLogin(t *testing.T) {
	s := newServer()
	s.EnableAppRole("auth/approle")
	s.CreateToken(fakevault.TokenRole{})
	role := s.AppRole("auth/approle", "app", true, fakevault.TokenRole{Policies: []string{"root"}})
	secretID := file(t, "secret", s.SecretID("auth/approle", "app", 0, 0))
	c := &config.Config{
		Vault: config.Vault{Address: "http://vault.test:8200"},
		Auth:  config.Auth{Method: "approle", Options: map[string]string{"role_id_file_path": file(t, "role", role), "secret_id_file_path": secretID}},
	}
	v, err := Connect(t.Context(), ConnectOptions{Config: c, Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Fetch(t.Context(), query("secret/app/db")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(secretID); err != nil {
		t.Errorf("the secret id is gone: %v", err)
	}
	if err := v.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var refused *vault.Error
	if _, err := v.Do(t.Context(), vault.Request{Method: "GET", Path: "auth/token/lookup-self"}); !errors.As(err, &refused) {
		t.Errorf("the token of the login lives on: %v", err)
	}
}

func TestLoginOfATokenFileRevokesNothing(t *testing.T) {
	s := newServer()
	token := s.CreateToken(fakevault.TokenRole{Policies: []string{"root"}, TTL: time.Hour})
	c := &config.Config{
		Vault: config.Vault{Address: "http://vault.test:8200"},
		Auth:  config.Auth{Method: "token_file", Namespace: "", Options: map[string]string{"token_file_path": file(t, "token", token)}},
	}
	v, err := Connect(t.Context(), ConnectOptions{Config: c, Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.Count("PUT", "auth/token/*"); n != 0 {
		t.Errorf("%d revocations", n)
	}
}

func TestConnectErrors(t *testing.T) {
	s := newServer()
	cases := map[string]struct {
		c    config.Config
		want string
	}{
		"address": {config.Config{Vault: config.Vault{Address: "ftp://x"}}, `the address of Vault must start with http://, https:// or unix:///, not "ftp://x"`},
		"method":  {config.Config{Vault: config.Vault{Address: "http://v:1"}, Auth: config.Auth{Method: "approle"}}, `auth method "approle": option "role_id_file_path" is required`},
		"login": {
			config.Config{Vault: config.Vault{Address: "http://v:1"}, Auth: config.Auth{Method: "token_file", Options: map[string]string{"token_file_path": "testdata/none"}}},
			`log in: read the token: open testdata/none: no such file or directory`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Connect(t.Context(), ConnectOptions{Config: &tc.c, Transport: s})
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestFindToken(t *testing.T) {
	home := t.TempDir()
	env := func(pairs ...string) func(string) (string, bool) {
		return func(name string) (string, bool) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1], true
				}
			}
			return "", false
		}
	}
	find := func(lookup func(string) (string, bool), home string) string {
		t.Helper()
		token, err := FindToken(lookup, home)
		if err != nil {
			t.Fatal(err)
		}
		return token.Reveal()
	}
	if got := find(env(), home) + find(env(), ""); got != "" {
		t.Errorf("there is no token, got %q", got)
	}
	if err := os.WriteFile(filepath.Join(home, ".vault-token"), []byte(" file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, lookup := range map[string]func(string) (string, bool){
		"file": env("VAULT_TOKEN", " "), "bao": env("BAO_TOKEN", "bao\n"), "vault": env("BAO_TOKEN", "bao", "VAULT_TOKEN", "vault"),
	} {
		if got := find(lookup, home); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := os.Remove(TokenFile(home)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(TokenFile(home), 0o700); err != nil {
		t.Fatal(err)
	}
	if token, err := FindToken(env(), home); err == nil || token != (sensitive.String{}) {
		t.Errorf("got %v", err)
	}
}
