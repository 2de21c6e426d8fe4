package lab_test

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

func TestKubernetes(t *testing.T) {
	root := tempRoot(t)
	k, err := lab.StartKubernetes(t.Context(), lab.KubernetesOptions{Scheduler: true})
	must(t, err)
	t.Cleanup(func() { _ = k.Stop() })
	t.Run("Version", func(t *testing.T) { version(t, k) })
	t.Run("Apply", func(t *testing.T) { apply(t, k) })
	t.Run("Kubeconfig", func(t *testing.T) { kubeconfig(t, k) })
	t.Run("Login to Vault", func(t *testing.T) { kubernetesLogin(t, k) })
	t.Run("Login with the public key", func(t *testing.T) { jwtLogin(t, k) })
	t.Run("Tokens made by Vault", func(t *testing.T) { kubernetesEngine(t, k) })
	pids := k.PIDs()
	if len(pids) != 4 {
		t.Errorf("%d servers, want 4", len(pids))
	}
	must(t, k.Stop())
	must(t, k.Stop())
	entries, err := os.ReadDir(root)
	must(t, err)
	if len(entries) > 0 {
		t.Errorf("left: %v", entries)
	}
	expectNothing(t, root, pids, hostPort(k.URL()))
}

func version(t *testing.T, k *lab.Kubernetes) {
	out, err := k.Do(t.Context(), http.MethodGet, "/version", nil)
	must(t, err)
	if dig(out, "gitVersion") != "v1.36.3" || dig(out, "minor") != "36" {
		t.Errorf("version %v", out)
	}
}

func apply(t *testing.T, k *lab.Kubernetes) {
	ctx := t.Context()
	must(t, k.CreateNamespace(ctx, "things"))
	const path = "/api/v1/namespaces/things/configmaps/a"
	for _, want := range []string{"one", "two"} {
		_, err := k.Apply(ctx, path, map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"k": want},
		})
		must(t, err)
		out, err := k.Do(ctx, http.MethodGet, path, nil)
		if got := dig(out, "data", "k"); err != nil || got != want {
			t.Errorf("got %v, %v; want %s", got, err, want)
		}
	}
	_, err := k.Do(ctx, http.MethodGet, path+"b", nil)
	want := `GET /api/v1/namespaces/things/configmaps/ab: 404: configmaps "ab" not found`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func kubeconfig(t *testing.T, k *lab.Kubernetes) {
	info, err := os.Stat(k.Kubeconfig())
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the administrator's kubeconfig has mode %v", info.Mode())
	}
}

func kubernetesLogin(t *testing.T, k *lab.Kubernetes) {
	ctx := t.Context()
	v := useVaultWithPolicy(t)
	must(t, v.ConnectKubernetes(ctx, "kubernetes", k))
	must(t, v.WriteKubernetesRole(ctx, "kubernetes", "app", lab.KubernetesRole{
		Namespaces: []string{"apps"}, ServiceAccounts: []string{"app"}, Audience: "vault",
		Policies: []string{"app"}, TTL: time.Hour,
	}))
	must(t, k.CreateServiceAccount(ctx, "apps", "app"))
	must(t, k.CreateServiceAccount(ctx, "apps", "stranger"))
	cases := map[string]struct {
		account, audience string
		want              int
	}{
		"The right one":    {account: "app", audience: "vault"},
		"Other account":    {account: "stranger", audience: "vault", want: http.StatusForbidden},
		"Other audience":   {account: "app", audience: "bank", want: http.StatusForbidden},
		"Without audience": {account: "app", want: http.StatusForbidden},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			jwt, err := k.Token(ctx, "apps", tc.account, tc.audience, 10*time.Minute)
			must(t, err)
			token, err := v.Login(ctx, "auth/kubernetes/login", map[string]any{"role": "app", "jwt": jwt})
			if lab.StatusCode(err) != tc.want {
				t.Fatalf("login: %v, want status %d", err, tc.want)
			}
			if tc.want == 0 {
				must(t, err)
				expectReader(ctx, t, v, token)
			}
		})
	}
}

func jwtLogin(t *testing.T, k *lab.Kubernetes) {
	ctx := t.Context()
	v := useVaultWithPolicy(t)
	must(t, v.EnableAuth(ctx, "jwt", "jwt"))
	_, err := v.Write(ctx, "auth/jwt/config", map[string]any{
		"jwt_validation_pubkeys": []string{string(k.ServiceAccountKey())}, "bound_issuer": lab.Issuer,
	})
	must(t, err)
	_, err = v.Write(ctx, "auth/jwt/role/app", map[string]any{
		"role_type": "jwt", "bound_audiences": []string{"vault"}, "user_claim": "sub",
		"bound_subject": "system:serviceaccount:apps:app", "token_policies": "app",
	})
	must(t, err)
	must(t, k.CreateServiceAccount(ctx, "apps", "app"))
	jwt, err := k.Token(ctx, "apps", "app", "vault", 10*time.Minute)
	must(t, err)
	token, err := v.Login(ctx, "auth/jwt/login", map[string]any{"role": "app", "jwt": jwt})
	must(t, err)
	expectReader(ctx, t, v, token)
}

// kubernetesEngine lets Vault's kubernetes secrets engine make tokens.
func kubernetesEngine(t *testing.T, k *lab.Kubernetes) {
	ctx := t.Context()
	v := lab.UseVault(t, lab.VaultOptions{})
	must(t, k.CreateServiceAccount(ctx, "vault", "issuer"))
	must(t, k.BindClusterRole(ctx, "cluster-admin", "vault", "issuer"))
	must(t, k.CreateServiceAccount(ctx, "apps", "robot"))
	issuer, err := k.Token(ctx, "vault", "issuer", "", time.Hour)
	must(t, err)
	must(t, v.Mount(ctx, "kubernetes", "k8s"))
	_, err = v.Write(ctx, "k8s/config", map[string]any{
		"kubernetes_host": k.URL(), "kubernetes_ca_cert": string(k.CACert()),
		"service_account_jwt": issuer, "disable_local_ca_jwt": true,
	})
	must(t, err)
	_, err = v.Write(ctx, "k8s/roles/robot", map[string]any{
		"allowed_kubernetes_namespaces": "apps", "service_account_name": "robot",
	})
	must(t, err)
	out, err := v.Write(ctx, "k8s/creds/robot", map[string]any{"kubernetes_namespace": "apps"})
	must(t, err)
	if token, _ := dig(out, "data", "service_account_token").(string); token == "" {
		t.Errorf("no token, keys %v", out)
	}
}

func TestKubernetesFailedStartLeavesNothing(t *testing.T) {
	root := tempRoot(t)
	_, err := lab.StartKubernetes(t.Context(), lab.KubernetesOptions{APIServerArgs: []string{"--no-such-flag"}})
	if err == nil {
		t.Fatal("a start with an unknown flag succeeds")
	}
	expectNothing(t, root, nil)
}
