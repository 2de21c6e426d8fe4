package session

import (
	"context"
	"net/http"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/store"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Health is what a Vault tells without a login.
type Health struct {
	Version     string
	Initialized bool
	Sealed      bool
	Cluster     string // name of the cluster
}

// Connect asks the Vault of a connection how it is, without a login. Errors are
// *effective.Error, *vault.Error, or wrap an API error.
func (s *Sessions) Connect(ctx context.Context, c *v1beta1.VaultConnection) (Health, error) {
	settings, files, err := effective.Connection(c)
	if err != nil {
		return Health{}, err
	}
	o := store.Object{Namespace: c.Namespace, UID: c.UID, Generation: c.Generation}
	reached, err := s.connection(o, client.ObjectKeyFromObject(c), settings, files).dial(ctx)
	if err != nil {
		return Health{}, err
	}
	answer, err := reached.Do(ctx, sensitive.String{}, "", vault.Request{Method: http.MethodGet, Path: "sys/seal-status"})
	if err != nil {
		return Health{}, err
	}
	return healthOf(answer.Data.Reveal()), nil
}

func healthOf(data map[string]any) Health {
	var h Health
	h.Version, _ = data["version"].(string)
	h.Cluster, _ = data["cluster_name"].(string)
	h.Initialized, _ = data["initialized"].(bool)
	h.Sealed, _ = data["sealed"].(bool)
	return h
}
