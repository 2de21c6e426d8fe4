package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// accountRole is a role for the service account of all pods.
func accountRole(policies ...string) lab.KubernetesRole {
	return lab.KubernetesRole{
		Namespaces: []string{"shop"}, ServiceAccounts: []string{"app"}, Audience: "vault", Policies: policies, TTL: time.Hour,
	}
}

// partner is a second identity, with a method and a role of its own.
const partner = `
identity "partner" {
  method "jwt" { config = { role = "partner-NAME", path = "DIR/jwt", remove_jwt_after_reading = false } }
}
template {
  identity    = "partner"
  contents    = "{{ with secret \"secret/data/partner-NAME/app\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/out/partner"
}
`

// partnered makes the role and the secret of the second identity, which the first
// one may not read.
func (p *pod) partnered() {
	p.t.Helper()
	name := "partner-" + p.name
	must(p.t, p.vault.Policy(p.t.Context(), name, `path "secret/data/`+name+`/*" { capabilities = ["read"] }`))
	_, err := p.vault.Write(p.t.Context(), "auth/jwt/role/"+name, map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{"vault"}, "bound_subject": "system:serviceaccount:shop:app",
		"token_policies": []string{name}, "token_ttl": "1h",
	})
	must(p.t, err)
	_, err = p.vault.Write(p.t.Context(), "secret/data/"+name+"/app", map[string]any{"data": map[string]any{"password": canary + "-partner"}})
	must(p.t, err)
}

func TestTwoIdentitiesInOneDocument(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.partnered()
	stranger := strings.NewReplacer("secret/data/", "secret/data/partner-", "out/kv", "out/stolen").Replace(kv)
	a := p.sidecar(quick + kv + partner + stranger)
	p.awaitFile("out/kv", canary+"-1")
	p.awaitFile("out/partner", canary+"-partner")
	a.awaitLog(1, "secret not refreshed", "error", "denied (HTTP 403)", "path", "read secret/data/partner-"+p.name+"/app")
	if all, partners := len(a.logged("logged in")), len(a.logged("logged in", "identity", "partner-"+p.name)); all != 2 || partners != 1 {
		t.Errorf("%d logins, %d of them the partner's; want two and one", all, partners)
	}
	_, err := p.vault.Write(t.Context(), "secret/data/partner-"+p.name+"/app", map[string]any{"data": map[string]any{"password": canary + "-other"}})
	must(t, err)
	p.awaitFile("out/partner", canary+"-other")
	if p.read("out/stolen") != "" {
		t.Error("a template without an identity reads as the other one")
	}
}

// TestIdentitiesAreHandedOver has init container and sidecar share both logins.
func TestIdentitiesAreHandedOver(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.partnered()
	body := persist(p.memory()) + quick + kv + partner
	p.delivers(body)
	a := p.sidecar(body)
	a.awaitReady()
	a.awaitLog(2, "took over token and secrets")
	a.awaitLog(2, "token verified")
	if n := len(a.logged("logged in")); n != 0 {
		t.Errorf("%d logins of the sidecar, want none", n)
	}
}

// TestIdentityThatFails does not hold up the others.
func TestIdentityThatFails(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.sidecar(quick + kv + partner)
	p.awaitFile("out/kv", canary+"-1")
	line := a.awaitLog(1, "login or token renewal failed", "identity", "partner-"+p.name)
	if want := p.text(`log in at "auth/jwt/login": PUT ADDR/v1/auth/jwt/login: `); !strings.HasPrefix(fmt.Sprint(line["error"]), want) {
		t.Errorf("got  %v\nwant %s...", line["error"], want)
	}
	if code, out := p.run("agent", "ready"); code != 1 || failure(out) != "not ready: 1 of 2 templates were not rendered yet" {
		t.Errorf("ready: exit code %d, %s", code, failure(out))
	}
	p.partnered()
	p.awaitFile("out/partner", canary+"-partner")
	a.awaitReady()
}

// TestIdentityAtAnotherServer reads from two Vaults.
func TestIdentityAtAnotherServer(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	other := newVault(t)
	must(t, other.Policy(t.Context(), "there", `path "secret/data/there" { capabilities = ["read"] }`))
	must(t, other.WriteKubernetesRole(t.Context(), "kubernetes", "there", accountRole("there")))
	_, err := other.Write(t.Context(), "secret/data/there", map[string]any{"data": map[string]any{"password": canary + "-there"}})
	must(t, err)
	a := p.sidecar(quick + kv + `
identity "there" {
  vault { address = "` + other.Address() + `" }
  method "kubernetes" { config = { role = "there", token_path = "DIR/jwt" } }
}
` + strings.NewReplacer("NAME/app", "there", "out/kv", "out/there", "contents", "identity = \"there\"\n  contents").Replace(kv))
	a.awaitReady()
	if got := p.read("out/there"); got != canary+"-there" {
		t.Errorf("the file holds %q", got)
	}
	other.Kill()
	a.awaitLog(1, "secret not refreshed", "error", other.Address())
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	must(t, other.Restart(t.Context()))
	_, err = other.Write(t.Context(), "secret/data/there", map[string]any{"data": map[string]any{"password": canary + "-again"}})
	must(t, err)
	p.awaitFile("out/there", canary+"-again")
}
