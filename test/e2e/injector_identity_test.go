package e2e_test

import (
	"encoding/base64"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// wrappedCommand runs the command that the injector gave a container, with another
// application at its end.
func (p *pod) wrappedCommand(c corev1.Container, line string) *agent {
	p.t.Helper()
	at := slices.Index(c.Args, "--")
	if at < 0 {
		p.t.Fatalf("container %q is not wrapped: %q", c.Name, c.Args)
	}
	args := append(slices.Clone(c.Args[:at+1]), "/bin/sh", "-c", line)
	env := []string{"VAULT_CONFIG=" + base64.StdEncoding.EncodeToString([]byte(p.document(c)))}
	return p.execute(world.program, args, env, attributes())
}

// guarded writes a secret that one role alone may read, and returns the role.
func (p *pod) guarded() string {
	p.t.Helper()
	name := "guard-" + p.name
	must(p.t, p.vault.Policy(p.t.Context(), name, `path "secret/data/`+name+`" { capabilities = ["read"] }`))
	must(p.t, p.vault.WriteKubernetesRole(p.t.Context(), "kubernetes", name, accountRole(name)))
	_, err := p.vault.Write(p.t.Context(), "secret/data/"+name, map[string]any{"data": map[string]any{"password": canary + "-guarded"}})
	must(p.t, err)
	return name
}

// TestInjectedVariablesOfOtherRoles has three logins in one application: that of
// the pod, another role, and another method with the same token. A file has the
// name of a variable, and shares its role.
func TestInjectedVariablesOfOtherRoles(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.partnered()
	role := p.guarded()
	out := p.injected(map[string]string{
		"vaultk8s.io/agent-env-OWN":                         p.text("secret/data/NAME/app#password"),
		"vaultk8s.io/agent-env-GUARDED":                     "secret/data/" + role + "#password",
		"vaultk8s.io/agent-role-GUARDED":                    role,
		"vaultk8s.io/agent-env-template-PARTNER":            p.text(`{{ with secret "secret/data/partner-NAME/app" }}{{ .Data.data.password }}{{ end }}`),
		"vaultk8s.io/agent-role-PARTNER":                    p.text("partner-NAME"),
		"vaultk8s.io/agent-auth-type-PARTNER":               "jwt",
		"vaultk8s.io/agent-auth-path-PARTNER":               "auth/jwt",
		"vault.hashicorp.com/agent-inject-template-GUARDED": `{{ with secret "secret/data/` + role + `" }}<{{ .Data.data.password }}>{{ end }}`,
	})
	a := p.wrappedCommand(out.Spec.Containers[0], p.text(`echo "$OWN $GUARDED $PARTNER" > DIR/seen; exit 3`))
	if code := a.wait(); code != 3 {
		t.Fatalf("exit code %d, want that of the application", code)
	}
	if got, want := p.read("seen"), canary+"-1 "+canary+"-guarded "+canary+"-partner\n"; got != want {
		t.Errorf("the application saw %q, want %q", got, want)
	}
	if p.read("jwt") == "" {
		t.Error("the token of the pod was removed")
	}
	first := out.Spec.InitContainers[0]
	env := []string{"VAULT_CONFIG=" + base64.StdEncoding.EncodeToString([]byte(p.document(first)))}
	if code := p.execute(world.program, first.Args, env, attributes()).wait(); code != 0 {
		t.Fatalf("exit code %d of the init container", code)
	}
	if got := p.read("out/guarded"); got != "<"+canary+"-guarded>" {
		t.Errorf("file holds %q", got)
	}
}

// TestInjectedVariableWithoutItsRole is the counterpart: the role of the pod may
// not read it, and the application does not start until it may.
func TestInjectedVariableWithoutItsRole(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	role := p.guarded()
	out := p.injected(map[string]string{
		"vault.hashicorp.com/log-format": "json",
		"vaultk8s.io/agent-env-GUARDED":  "secret/data/" + role + "#password",
	})
	a := p.wrappedCommand(out.Spec.Containers[0], p.text(`echo "$GUARDED" > DIR/seen`))
	a.awaitLog(1, "secret not refreshed", "error", "denied (HTTP 403)", "path", "read secret/data/"+role)
	if p.read("seen") != "" {
		t.Error("the application was started without its variable")
	}
}
