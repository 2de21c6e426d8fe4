package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

const otherTemplate = `
template {
  contents    = "{{ with secret \"secret/data/other\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/out/other"
}
`

func TestReloadKeepsWhatDidNotChange(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.vault.PutKV("secret", "other", map[string]any{"password": canary + "-other"})
		change := w.reloading(w.document(dbTemplate))
		before, leases := w.read("out/db"), w.vault.Count("GET", "database/creds/app")
		pass(20 * time.Minute)
		change(w.document(dbTemplate + otherTemplate))
		pass(time.Second)
		if got := w.read("out/other"); got != canary+"-other" {
			t.Errorf("the new template shows %q", got)
		}
		if got := w.read("out/db"); got != before || w.vault.Count("GET", "database/creds/app") != leases {
			t.Error("the old template got new credentials")
		}
		if n := w.vault.Logins(); n != 1 {
			t.Errorf("%d logins, want 1", n)
		}
		if !strings.Contains(w.log(), "configuration reloaded") {
			t.Error("the log does not tell of the reload")
		}
	})
}

func TestReloadWithoutADifferenceDoesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		change := w.reloading(w.document(kvTemplate))
		requests := len(w.vault.Requests())
		change(w.document(kvTemplate))
		if got := len(w.vault.Requests()); got != requests {
			t.Errorf("%d requests, want %d", got, requests)
		}
		if !strings.Contains(w.log(), "configuration is unchanged") {
			t.Error("the log does not tell so")
		}
	})
}

func TestReloadOfAWrongConfigurationChangesNothing(t *testing.T) {
	cases := map[string]struct{ body, want string }{
		"not readable": {`template {`, "configuration not reloaded"},
		"not valid":    {`template { contents = "x" }`, "destination must be specified"},
		"not parsed":   {"template {\ncontents = \"{{ nosuch }}\"\ndestination = \"DIR/x\"\n}", `function \"nosuch\" not defined`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				change := w.reloading(w.document(kvTemplate))
				change(w.document(tc.body))
				w.vault.PutKV("secret", "app", map[string]any{"password": canary + "-2"})
				pass(6 * time.Minute)
				if got := w.read("out/kv"); got != canary+"-2" {
					t.Errorf("the old template shows %q", got)
				}
				if !strings.Contains(w.log(), tc.want) {
					t.Errorf("the log lacks %q", tc.want)
				}
			})
		})
	}
}

func TestReloadOfATemplateReadsNothingAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		change := w.reloading(w.document(dbTemplate))
		before := w.read("out/db")
		change(w.document(strings.Replace(dbTemplate, "{{ .Data.username }}", "user={{ .Data.username }}", 1)))
		pass(time.Second)
		if got := w.read("out/db"); got != "user="+before {
			t.Errorf("got %q, want the old credentials in the new form", got)
		}
		pass(2 * time.Hour)
		if n := w.vault.Count("GET", "database/creds/app"); n != 1 {
			t.Errorf("%d reads of the credentials, want 1", n)
		}
	})
}

func TestReloadOfTheRoleKeepsTheOldFileUntilTheNewIsThere(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.vault.KubernetesRole("kubernetes", "second", fakevault.KubernetesRole{
			ServiceAccounts: []string{"app"}, Namespaces: []string{"shop"}, Audience: "vault",
			Token: fakevault.TokenRole{Policies: []string{"app"}, TTL: time.Hour, MaxTTL: 24 * time.Hour},
		})
		document := w.document(dbTemplate)
		change := w.reloading(document)
		before := w.read("out/db")
		mend := w.vault.Fault(fakevault.Fault{Path: "auth/kubernetes/login", Status: 503})
		change(strings.Replace(document, `role = "app"`, `role = "second"`, 1))
		pass(30 * time.Minute)
		if got := w.read("out/db"); got != before {
			t.Error("the old credentials are gone before the new ones are there")
		}
		if leases := w.vault.Leases(); len(leases) != 1 {
			t.Errorf("%d leases while the new role cannot log in, want the old one", len(leases))
		}
		mend()
		pass(10 * time.Minute)
		if got := w.read("out/db"); got == before || got == "" {
			t.Error("the new role did not get credentials of its own")
		}
		pass(20 * time.Minute)
		if leases := w.vault.Leases(); len(leases) != 1 {
			t.Errorf("%d leases after the change, want only the new one", len(leases))
		}
	})
}

func TestReloadWhenATemplateSourceChanges(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.file("source", "one")
		w.reloading(w.document("template {\nsource = \"DIR/source\"\ndestination = \"DIR/out/kv\"\n}"))
		if got := w.read("out/kv"); got != "one" {
			t.Fatalf("got %q", got)
		}
		pass(time.Second)
		w.file("source", "two")
		pass(6 * time.Second)
		if got := w.read("out/kv"); got != "two" {
			t.Errorf("got %q, want the new text", got)
		}
	})
}

func TestReloadOfSinks(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		document := w.document(kvTemplate)
		change := w.reloading(document)
		token := w.read("vault-token")
		change(strings.Replace(document, w.path("vault-token"), w.path("second"), 1))
		pass(time.Second)
		if got := w.read("second"); got != token || got == "" {
			t.Errorf("the new sink holds another text than the old one")
		}
		if n := w.vault.Logins(); n != 1 {
			t.Errorf("%d logins, want 1", n)
		}
	})
}

func TestIdentitiesReadWithTheirOwnRoles(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.vault.Policy("others", map[string][]string{"secret/data/billing": {"read"}})
		w.vault.PutKV("secret", "billing", map[string]any{"password": canary + "-billing"})
		w.vault.KubernetesRole("kubernetes", "billing", fakevault.KubernetesRole{
			ServiceAccounts: []string{"app"}, Namespaces: []string{"shop"}, Audience: "vault",
			Token: fakevault.TokenRole{Policies: []string{"others"}, TTL: time.Hour, MaxTTL: 24 * time.Hour},
		})
		err := w.init(`
identity "billing" {
  method "kubernetes" { config = { role = "billing", token_path = "DIR/token" } }
}
template {
  identity    = "billing"
  contents    = "{{ with secret \"secret/data/billing\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/out/billing"
}
` + kvTemplate)
		if err != nil {
			t.Fatal(err)
		}
		if w.read("out/billing") != canary+"-billing" || w.read("out/kv") != canary+"-1" {
			t.Error("a template shows the wrong secret")
		}
		if n := w.vault.Logins(); n != 2 {
			t.Errorf("%d logins, want 2", n)
		}
	})
}

// TestReloadTellsEachChangeOnce changes keys that flags could set as well.
func TestReloadTellsEachChangeOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		change := w.reloading(w.document(kvTemplate))
		change(w.document(kvTemplate + "pid_file = \"DIR/pid\"\nrevoke_on_shutdown = true\n"))
		log := w.log()
		if !strings.Contains(log, "pid_file: not set") || !strings.Contains(log, "revoke_on_shutdown: false (default) -> true") {
			t.Error("the log does not tell the changes")
		}
		if strings.Contains(log, "agent.pid_file changed") || strings.Contains(log, "agent.revoke_on_shutdown changed") {
			t.Error("the log tells a change twice")
		}
	})
}
