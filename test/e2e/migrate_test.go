package e2e_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// TestMigratePlan finds old tools and what they left in a real cluster.
func TestMigratePlan(t *testing.T) {
	t.Parallel()
	installDefinitions(t)
	k := world.kubernetes
	must(t, k.CreateServiceAccount(t.Context(), "vault", "installed"))
	for name, image := range map[string]string{
		"plan-injector": "hashicorp/vault-k8s:1.7.6", "plan-operator": "registry.example.com:5000/hashicorp/vault-secrets-operator:1.4.1",
	} {
		path := "/apis/apps/v1/namespaces/vault/deployments/" + name
		manifest := workloadManifest("Deployment", name, image, nil)
		manifest["metadata"].(map[string]any)["annotations"] = map[string]any{"meta.helm.sh/release-name": "release-" + name}
		_, err := k.Apply(t.Context(), path, manifest)
		must(t, err)
		t.Cleanup(func() { _, _ = k.Do(t.Context(), "DELETE", path, nil) })
	}
	must(t, k.CreateServiceAccount(t.Context(), "plan", "app"))
	_, err := k.Do(t.Context(), "POST", "/api/v1/namespaces/plan/pods", map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": "injected", "annotations": map[string]any{"vault.hashicorp.com/agent-inject-status": "injected"}},
		"spec":     map[string]any{"serviceAccountName": "app", "containers": []any{map[string]any{"name": "a", "image": "a"}}},
	})
	must(t, err)
	_, err = k.Apply(t.Context(), operatorAPI+"/namespaces/plan/vaultauths/a", map[string]any{
		"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultAuth", "metadata": map[string]any{"name": "a", "namespace": "plan"},
		"spec": map[string]any{"method": "kubernetes"},
	})
	must(t, err)

	command := exec.CommandContext(t.Context(), world.program, "migrate", "plan", "-o", "json", "--kubeconfig", k.Kubeconfig())
	command.Env = []string{"HOME=" + t.TempDir()}
	text, err := command.Output()
	must(t, err)
	var plan struct {
		Stages []struct {
			Tool, Where string
			Found       []string
			Steps       []struct{ Commands []string }
		}
	}
	must(t, json.Unmarshal(text, &plan))
	for tool, wants := range map[string][]string{
		"Vault Agent Injector":   {"Deployment vault/plan-injector", "version 1.7.6, 0 of 1 pods ready", "1 pods with an agent in plan", "helm get values release-plan-injector -n vault"},
		"Vault Secrets Operator": {"Deployment vault/plan-operator", "version 1.4.1, 0 of 1 pods ready", "VaultAuth: ", "helm uninstall release-plan-operator -n vault --no-hooks"},
	} {
		said := ""
		for _, s := range plan.Stages {
			if s.Tool != tool || !strings.Contains(s.Where, "/plan-") {
				continue
			}
			said += s.Where + strings.Join(s.Found, "\n")
			for _, step := range s.Steps {
				said += strings.Join(step.Commands, "\n")
			}
		}
		for _, want := range wants {
			if !strings.Contains(said, want) {
				t.Errorf("%s: no %q in\n%s", tool, want, said)
			}
		}
	}
}
