package lab_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

func TestPostgresLeavesNothing(t *testing.T) {
	root := tempRoot(t)
	p, err := lab.StartPostgres(t.Context())
	must(t, err)
	got, err := p.Query(t.Context(), "SELECT current_user, 1 + 1; SELECT 'second'")
	if err != nil || got != "postgres|2\nsecond" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := p.QueryAs(t.Context(), p.User(), "wrong", "SELECT 1"); err == nil {
		t.Error("any password works")
	}
	must(t, p.Stop())
	must(t, p.Stop())
	expectNothing(t, root, []int{p.PID()}, p.Address())
}

func TestDatabase(t *testing.T) {
	v, p := lab.UseVault(t, lab.VaultOptions{}), lab.UsePostgres(t)
	must(t, v.ConnectPostgres(t.Context(), "database", p))
	t.Run("Dynamic role", func(t *testing.T) { dynamicRole(t, v, p) })
	t.Run("Static role", func(t *testing.T) { staticRole(t, v, p) })
}

func dynamicRole(t *testing.T, v *lab.Vault, p *lab.Postgres) {
	ctx := t.Context()
	must(t, v.DynamicRole(ctx, "database", "ro", time.Minute, 10*time.Minute))
	out, err := v.Read(ctx, "database/creds/ro")
	must(t, err)
	user, _ := dig(out, "data", "username").(string)
	password, _ := dig(out, "data", "password").(string)
	if dig(out, "lease_duration") != 60.0 || dig(out, "renewable") != true {
		t.Errorf("the lease: %v s, renewable %v", dig(out, "lease_duration"), dig(out, "renewable"))
	}
	got, err := p.QueryAs(ctx, user, password, "SELECT current_user")
	if err != nil || got != user {
		t.Errorf("logged in as %q, %v; want %q", got, err, user)
	}
	lease := map[string]any{"lease_id": dig(out, "lease_id"), "increment": 3600}
	renewed, err := v.Do(ctx, http.MethodPut, "sys/leases/renew", lease)
	must(t, err)
	if d, _ := dig(renewed, "lease_duration").(float64); d < 590 || d > 600 {
		t.Errorf("renewed for %v s, want the maximum of 600", d)
	}
	lease["sync"] = true
	_, err = v.Do(ctx, http.MethodPut, "sys/leases/revoke", lease)
	must(t, err)
	if _, err := p.QueryAs(ctx, user, password, "SELECT 1"); err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("login with a revoked credential: %v", err)
	}
}

func staticRole(t *testing.T, v *lab.Vault, p *lab.Postgres) {
	ctx := t.Context()
	const name = "app-static"
	must(t, v.StaticRole(ctx, "database", name, p, time.Hour))
	read := func() string {
		t.Helper()
		out, err := v.Read(ctx, "database/static-creds/"+name)
		must(t, err)
		if ttl, _ := dig(out, "data", "ttl").(float64); ttl < 3500 || ttl > 3600 {
			t.Errorf("next rotation in %v s, want about 3600", ttl)
		}
		password, _ := dig(out, "data", "password").(string)
		return password
	}
	before := read()
	_, err := v.Write(ctx, "database/rotate-role/"+name, nil)
	must(t, err)
	after := read()
	if _, err := p.QueryAs(ctx, name, after, "SELECT 1"); err != nil {
		t.Errorf("login after a rotation: %v", err)
	}
	if _, err := p.QueryAs(ctx, name, before, "SELECT 1"); err == nil {
		t.Error("the password before the rotation still works")
	}
}
