package lab

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Do sends one request as an administrator; path starts with "/api" or "/apis".
// A failure is a [*StatusError].
func (k *Kubernetes) Do(ctx context.Context, method, path string, body any) (map[string]any, error) {
	return k.api.do(ctx, method, path, nil, body)
}

// Apply creates the object at path or changes it to what is given (server-side
// apply); path ends with the object's name.
func (k *Kubernetes) Apply(ctx context.Context, path string, object any) (map[string]any, error) {
	// JSON is YAML, so the encoder of every other request serves here too.
	header := http.Header{"Content-Type": {"application/apply-patch+yaml"}}
	return k.api.do(ctx, http.MethodPatch, path+"?fieldManager=lab&force=true", header, object)
}

// CreateNamespace makes sure that the namespace exists.
func (k *Kubernetes) CreateNamespace(ctx context.Context, name string) error {
	_, err := k.Apply(ctx, "/api/v1/namespaces/"+name, map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	})
	return err
}

// CreateServiceAccount makes sure that the service account and its namespace
// exist.
func (k *Kubernetes) CreateServiceAccount(ctx context.Context, namespace, name string) error {
	if err := k.CreateNamespace(ctx, namespace); err != nil {
		return err
	}
	_, err := k.Apply(ctx, serviceAccountPath(namespace, name), map[string]any{
		"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": name, "namespace": namespace},
	})
	return err
}

func serviceAccountPath(namespace, name string) string {
	return "/api/v1/namespaces/" + namespace + "/serviceaccounts/" + name
}

// Token asks the API server for a token of a service account (TokenRequest).
// Without an audience it is the API server's own. The API server refuses a ttl
// under ten minutes.
func (k *Kubernetes) Token(ctx context.Context, namespace, serviceAccount, audience string, ttl time.Duration) (string, error) {
	spec := map[string]any{"expirationSeconds": int(ttl.Seconds())}
	if audience != "" {
		spec["audiences"] = []string{audience}
	}
	out, err := k.Do(ctx, http.MethodPost, serviceAccountPath(namespace, serviceAccount)+"/token", map[string]any{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec,
	})
	if err != nil {
		return "", err
	}
	return text(out, "status", "token")
}

// TokenReviewer is a token of service account vault/vault-auth, which may review
// the tokens of others: what an administrator gives to Vault.
func (k *Kubernetes) TokenReviewer(ctx context.Context) (string, error) {
	const namespace, name = "vault", "vault-auth"
	if err := k.CreateServiceAccount(ctx, namespace, name); err != nil {
		return "", err
	}
	if err := k.BindClusterRole(ctx, "system:auth-delegator", namespace, name); err != nil {
		return "", err
	}
	return k.Token(ctx, namespace, name, "", 24*time.Hour)
}

// BindClusterRole gives a cluster role to a service account.
func (k *Kubernetes) BindClusterRole(ctx context.Context, role, namespace, serviceAccount string) error {
	name := fmt.Sprintf("%s:%s:%s", role, namespace, serviceAccount)
	_, err := k.Apply(ctx, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/"+name, map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
		"metadata": map[string]any{"name": name},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
		"subjects": []map[string]any{{"kind": "ServiceAccount", "namespace": namespace, "name": serviceAccount}},
	})
	return err
}
