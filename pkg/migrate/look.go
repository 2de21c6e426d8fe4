package migrate

import (
	"context"
	"fmt"

	"github.com/vaultk8s/vaultk8s/pkg/inventory"
	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

// Cluster is what a plan needs to know of one.
type Cluster struct {
	Workloads   []inventory.Workload
	Definitions []inventory.Definition
	Classes     int            // SecretProviderClasses of Vault
	Objects     map[string]int // of the operator, by kind
	Leases      int            // of Vault that objects hold
	Ended       []string       // objects of kinds that nobody serves
	Injected    map[string]int // pods with an agent, by namespace
}

// Look reads what of the older tools runs in a cluster.
func Look(ctx context.Context, c *kube.Client) (Cluster, error) {
	found := Cluster{Objects: map[string]int{}, Injected: map[string]int{}}
	var err error
	if found.Workloads, err = inventory.Workloads(ctx, c); err != nil {
		return found, fmt.Errorf("look for old tools: %w", err)
	}
	if found.Definitions, err = inventory.Definitions(ctx, c); err != nil {
		return found, fmt.Errorf("look for definitions: %w", err)
	}
	objects, err := inventory.OfOperator(ctx, c, found.Definitions)
	if err != nil {
		return found, fmt.Errorf("look for objects: %w", err)
	}
	for _, o := range objects {
		found.Objects[o.Kind]++
		if o.Status.SecretLease.ID != "" {
			found.Leases++
		}
		if o.Kind == "HCPAuth" || o.Kind == "HCPVaultSecretsApp" {
			found.Ended = append(found.Ended, o.String())
		}
	}
	classes, err := inventory.Classes(ctx, c)
	if err != nil {
		return found, fmt.Errorf("look for classes: %w", err)
	}
	found.Classes = len(classes)
	pods, err := inventory.Objects(ctx, c, "Pod", "/api/v1/pods")
	if err != nil {
		return found, fmt.Errorf("look for pods with agents: %w", err)
	}
	for _, p := range pods {
		if p.Metadata.Annotations["vault.hashicorp.com/agent-inject-status"] == "injected" {
			found.Injected[p.Metadata.Namespace]++
		}
	}
	return found, nil
}
