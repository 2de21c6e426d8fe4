package cluster

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

// TestOwned makes what the injector keeps, which must go with its service account.
func TestOwned(t *testing.T) {
	api := newAPIServer()
	file := filepath.Join(t.TempDir(), "token")
	claims := `{"kubernetes.io":{"namespace":"vault","serviceaccount":{"name":"injector","uid":"u-1"}}}`
	must(t, os.WriteFile(file, []byte("h."+base64.RawURLEncoding.EncodeToString([]byte(claims))+".s"), 0o600))
	client := kube.Through("https://kubernetes", api, file)
	must(t, NewSecret(client, "vault", "certs").Save(t.Context(), nil, ""))
	e := NewElector(client, "vault", "injector", "one", func(err error) { t.Error(err) })
	if held, err := e.take(t.Context()); !held || err != nil {
		t.Errorf("%t, %v", held, err)
	}
	want := []any{map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "name": "injector", "uid": "u-1"}}
	for _, path := range []string{"/api/v1/namespaces/vault/secrets/certs", "/apis/coordination.k8s.io/v1/namespaces/vault/leases/injector"} {
		metadata, _ := api.objects[path]["metadata"].(map[string]any)
		if diff := cmp.Diff(want, metadata["ownerReferences"]); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}
