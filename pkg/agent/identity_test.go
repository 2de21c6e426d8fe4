package agent_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/agent"
)

// billing furnishes the Vault with a role that alone may read one secret, beside
// one that may read another.
func (w *world) billing() {
	w.vault.PutKV("secret", "billing", map[string]any{"password": canary + "-billing"})
	w.vault.PutKV("secret", "audit", map[string]any{"password": canary + "-audit"})
	for _, name := range []string{"billing", "audit"} {
		w.vault.Policy(name, map[string][]string{"secret/data/" + name: {"read"}})
		w.vault.KubernetesRole("kubernetes", name, accountRole(name))
	}
}

func accountRole(policy string) fakevault.KubernetesRole {
	return fakevault.KubernetesRole{
		ServiceAccounts: []string{"app"}, Namespaces: []string{"shop"}, Audience: "vault",
		Token: fakevault.TokenRole{Policies: []string{policy}, TTL: time.Hour, MaxTTL: 24 * time.Hour},
	}
}

// identityBlock is an identity that has the name of its role.
func identityBlock(role string) string {
	return `
identity "` + role + `" {
  method "kubernetes" { config = { role = "` + role + `", token_path = "DIR/token" } }
}
`
}

// variableBlock is a variable that a role reads.
func variableBlock(name, secret, identity string) string {
	return `
env_template "` + name + `" {
  contents = "{{ with secret \"secret/data/` + secret + `\" }}{{ .Data.data.password }}{{ end }}"
  identity = "` + identity + `"
}
`
}

func execBlock(line string) string {
	return "exec { command = [\"/bin/sh\", \"-c\", \"" + line + "\"] }\n"
}

func TestVariablesReadByTheirOwnIdentities(t *testing.T) {
	w := newWorld(t)
	w.billing()
	body := execBlock("echo $OWN $BILLING > DIR/seen; exit 7") + identityBlock("billing") +
		variableBlock("BILLING", "billing", "billing") + variableBlock("OWN", "app", "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a variable that cannot be read is waited for
	defer cancel()
	err := agent.Run(ctx, w.options(w.document(body)))
	if code := agent.ExitCode(err); code != 7 {
		t.Errorf("exit code %d (%v), want that of the application", code, err)
	}
	if w.read("seen") != canary+"-1 "+canary+"-billing\n" {
		t.Error("the application did not see both variables")
	}
	if n := w.vault.Logins(); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
}

// TestVariableWithoutItsIdentityIsDenied shows that it is the identity that reads.
func TestVariableWithoutItsIdentityIsDenied(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.billing()
		body := execBlock("touch DIR/seen") + identityBlock("billing") + variableBlock("BILLING", "billing", "") + variableBlock("OTHER", "app", "billing")
		w.sidecar(body)
		pass(time.Minute)
		for _, path := range []string{"billing", "app"} {
			if !strings.Contains(w.log(), "read secret/data/"+path) {
				t.Errorf("the log does not say that secret/data/%s cannot be read", path)
			}
		}
		if n := strings.Count(w.log(), "denied (HTTP 403)"); n < 2 {
			t.Errorf("%d refusals in the log, want one for each variable", n)
		}
	})
}

// TestVariableNeedsNoLoginOfAutoAuth has identities only: what none of them reads
// is left out, as it is for files.
func TestVariableNeedsNoLoginOfAutoAuth(t *testing.T) {
	w := newWorld(t)
	w.billing()
	document := strings.ReplaceAll("cache {}\nlistener \"unix\" {\naddress = \"DIR/l.sock\"\ntls_disable = true\n}\n"+execBlock("echo $BILLING > DIR/seen")+
		identityBlock("billing")+variableBlock("BILLING", "billing", "billing"), "DIR", w.dir)
	if err := w.run(document); err != nil {
		t.Fatal(err)
	}
	if w.read("seen") != canary+"-billing\n" {
		t.Error("the application did not see its variable")
	}
}

// TestReloadOfTheIdentityOfAVariable has the variable read by another role, and the
// first role left in the end.
func TestReloadOfTheIdentityOfAVariable(t *testing.T) {
	w := newWorld(t)
	w.billing()
	run := execBlock("echo $ONE $TWO >> DIR/seen; trap 'exit 0' TERM; while :; do sleep 0.05; done")
	body := func(secret, identity string) string {
		return w.document(run + identityBlock("billing") + identityBlock("audit") + variableBlock("ONE", secret, identity) + variableBlock("TWO", "app", ""))
	}
	first, second := canary+"-billing "+canary+"-1\n", canary+"-audit "+canary+"-1\n"
	change := w.reloads(t, body("billing", "billing"), make(chan os.Signal, 1))
	eventually(t, "the application runs with what the first role reads", func() bool { return w.read("seen") == first })
	change(body("audit", "audit"))
	eventually(t, "the application runs with what the second role reads", func() bool { return w.read("seen") == first+second })
	if !strings.Contains(w.log(), `env_template \"ONE\": identity: \"billing\" -> \"audit\"`) {
		t.Error("the log does not tell the change")
	}
	if n := w.vault.Count("GET", "secret/data/app"); n != 1 {
		t.Errorf("%d reads of the variable that stays, want 1", n)
	}
}

// TestReloadOfTheRoleOfAVariable changes the role behind the name of an identity,
// and takes from the first role what it may read.
func TestReloadOfTheRoleOfAVariable(t *testing.T) {
	w := newWorld(t)
	w.billing()
	w.vault.Policy("heir", map[string][]string{"secret/data/billing": {"read"}})
	w.vault.KubernetesRole("kubernetes", "heir", accountRole("heir"))
	body := func(role string) string {
		return w.document("template_config { static_secret_render_interval = \"50ms\" }\n" +
			execBlock("echo $ONE >> DIR/seen; trap 'exit 0' TERM; while :; do sleep 0.05; done") +
			strings.Replace(identityBlock(role), `identity "`+role, `identity "reader`, 1) + variableBlock("ONE", "billing", "reader"))
	}
	first := canary + "-billing\n"
	change := w.reloads(t, body("billing"), make(chan os.Signal, 1))
	eventually(t, "the application runs", func() bool { return w.read("seen") == first })
	w.vault.Policy("billing", map[string][]string{})
	change(body("heir"))
	w.vault.PutKV("secret", "billing", map[string]any{"password": canary + "-2"})
	eventually(t, "the application runs with what the other role reads", func() bool { return w.read("seen") == first+canary+"-2\n" })
}

// TestIdentityInAnotherNamespace differs from auto_auth in nothing but the Vault
// namespace of its login, which is that of its secrets.
func TestIdentityInAnotherNamespace(t *testing.T) {
	for name, own := range map[string]string{"of the method": "", "of the document too": "vault { namespace = \"shop\" }\n"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				for _, ns := range []string{"shop", "team"} {
					w.vault.EnableNamespace(ns)
					w.vault.EnableKV(ns+"/secret", 2)
					w.vault.PutKV(ns+"/secret", "app", map[string]any{"password": canary + "-" + ns})
					w.vault.EnableKubernetesAuth(ns + "/kubernetes")
					w.vault.Policy(ns+"/app", map[string][]string{"secret/data/app": {"read"}})
					w.vault.KubernetesRole(ns+"/kubernetes", "app", accountRole("app"))
				}
				team := strings.Replace(strings.Replace(identityBlock("app"), `"app"`, `"team"`, 1), "config", "namespace = \"team\"\nconfig", 1)
				file := strings.NewReplacer("out/kv", "out/team", "contents", "identity = \"team\"\ncontents").Replace(kvTemplate)
				document := strings.Replace(w.document("exit_after_auth = true\n"+own+team+kvTemplate+file), "config =", "namespace = \"shop\"\nconfig =", 1)
				if err := w.run(document); err != nil {
					t.Fatal(err)
				}
				if w.read("out/kv") != canary+"-shop" || w.read("out/team") != canary+"-team" {
					t.Error("a template shows the secret of another namespace")
				}
			})
		})
	}
}
