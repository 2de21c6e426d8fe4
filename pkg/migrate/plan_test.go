package migrate

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/internal/golden"
	"github.com/vaultk8s/vaultk8s/pkg/inventory"
)

func runs(tool inventory.Tool, part inventory.Part, kind, name, image, release string) inventory.Workload {
	return inventory.Workload{Tool: tool, Part: part, Kind: kind, Namespace: "vault", Name: name, Image: image, Release: release, Wanted: 2, Ready: 2}
}

func TestPlan(t *testing.T) {
	target := Target{Release: "vaultk8s", Namespace: "secrets", Chart: "./chart"}
	all := Cluster{
		Workloads: []inventory.Workload{
			runs(inventory.AgentInjector, inventory.Injector, "Deployment", "vault-agent-injector", "hashicorp/vault-k8s:1.7.6", "vault"),
			runs(inventory.SecretsOperator, inventory.Operator, "Deployment", "vso", "hashicorp/vault-secrets-operator:1.4.1", "vso"),
			runs(inventory.CSIProvider, inventory.CSI, "DaemonSet", "vault-csi-provider", "hashicorp/vault-csi-provider@sha256:abc", "vault"),
			runs(inventory.Ours, inventory.Injector, "Deployment", "ours", "vaultk8s", "x"),
		},
		Classes: 3, Objects: map[string]int{"VaultAuth": 2, "VaultDynamicSecret": 4}, Leases: 4,
		Ended: []string{"HCPAuth shop/a"}, Injected: map[string]int{"shop": 5, "billing": 1},
	}
	all.Workloads[2].Arguments = []string{"--hmac-secret-name=key"}
	byHand := Cluster{Workloads: []inventory.Workload{
		runs(inventory.SecretsOperator, inventory.Operator, "Deployment", "vso", "vault-secrets-operator", ""),
		runs(inventory.BaoCSIProvider, inventory.CSI, "DaemonSet", "bao", "openbao-csi-provider:1", ""),
		runs(inventory.AgentInjector, inventory.Injector, "Deployment", "inj", "vault-k8s", ""),
	}}
	for name, c := range map[string]Cluster{"all": all, "by-hand": byHand, "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			p := MakePlan(c, target)
			var b strings.Builder
			if err := p.Write(&b); err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, []byte(b.String()), "testdata/plan/"+name+".md")
			text, err := json.Marshal(p)
			if err != nil || !strings.HasPrefix(string(text), `{"stages":[`) {
				t.Errorf("%s %v", text, err)
			}
		})
	}
}

// Whatever takes something away can be undone, or says why it cannot.
func TestPlanHasAWayBack(t *testing.T) {
	c := Cluster{Workloads: []inventory.Workload{
		runs(inventory.AgentInjector, inventory.Injector, "Deployment", "i", "i", "r"), runs(inventory.CSIProvider, inventory.CSI, "DaemonSet", "c", "c", "r"),
		runs(inventory.SecretsOperator, inventory.Operator, "Deployment", "o", "o", "r"),
	}}
	for _, stage := range MakePlan(c, Target{Release: "r", Namespace: "n", Chart: "c"}).Stages {
		for i, step := range stage.Steps {
			last := i == len(stage.Steps)-1
			reads := strings.HasPrefix(step.Title, "Convert") || strings.HasPrefix(step.Title, "Look") || strings.Contains(step.Title, "definitions")
			if len(step.Commands) == 0 || !reads && !last && len(step.Back) == 0 {
				t.Errorf("%s: %s: no commands, or no way back", stage.Tool, step.Title)
			}
		}
	}
}
