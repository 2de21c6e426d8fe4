package e2e_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

// TestOperatorAPIServerRestart takes the API server away for longer than a Lease
// lives: the operator waits for it, works on without help, and repeats nothing.
func TestOperatorAPIServerRestart(t *testing.T) {
	t.Parallel()
	r := newRealmIn(t, lab.UseKubernetes(t, lab.KubernetesOptions{}))
	o := r.operator()
	r.apply(static)
	r.awaitReady("VaultStaticSecret", "orders")
	o.awaitHeld()
	before := r.versions()
	r.cluster.KillAPIServer()
	o.awaitLog(1, "operator leaves a shard")
	if code, text := o.get(o.health, "/livez"); code != http.StatusOK {
		t.Errorf("/livez answers %d %q without an API server", code, text)
	}
	must(t, r.cluster.RestartAPIServer(t.Context()))
	o.awaitLog(2, "operator works on a shard")
	r.gate.take()
	await(t, func() error {
		if n := r.gate.asked("GET secret/"); n < 2 {
			return fmt.Errorf("%d reads after the restart, want two", n)
		}
		return nil
	})
	if diff := cmp.Diff(before, r.versions()); diff != "" {
		t.Errorf("written after the restart (-before +after):\n%s", diff)
	}
	r.put("app", canary+"-2")
	r.awaitSecret("orders", "password", canary+"-2")
	if code := o.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestOperatorSecureMetrics asks for metrics that are for some only.
func TestOperatorSecureMetrics(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.grant("ClusterRole", "", operator.RightsOfOperator().Metrics)
	o := r.operator("--metrics-secure")
	must(t, r.cluster.CreateServiceAccount(t.Context(), r.space, "scraper"))
	meta := metav1.ObjectMeta{Name: r.name + "-scraper"}
	must(t, r.client.Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}},
	}))
	must(t, r.client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: r.space, Name: "scraper"}},
	}))
	token := func(account string) string {
		token, err := r.cluster.Token(t.Context(), r.space, account, "", time.Hour)
		must(t, err)
		r.secretly(token)
		return token
	}
	for name, c := range map[string]struct {
		token string
		code  int
	}{
		"no token":        {"", http.StatusUnauthorized},
		"a wrong token":   {"wrong", http.StatusUnauthorized},
		"another account": {token("app"), http.StatusForbidden},
		"the scraper":     {token("scraper"), http.StatusOK},
	} {
		await(t, func() error { // a right takes a moment to be known
			if code, text := o.getWith(t, c.token); code != c.code {
				return fmt.Errorf("%s: %d %q, want %d", name, code, text, c.code)
			}
			return nil
		})
	}
	if code, _ := o.get(o.metrics, "/metrics"); code == http.StatusOK {
		t.Error("metrics are served without TLS")
	}
}

// getWith asks for metrics over TLS, whose certificate nobody has issued.
func (o *running) getWith(t *testing.T, token string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+o.metrics+"/metrics", http.NoBody)
	must(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	answer, err := c.Do(request)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(text)
}

// TestOperatorClusterSecret has the program put a secret into namespaces by their
// label, and follow when they come and go.
func TestOperatorClusterSecret(t *testing.T) {
	t.Parallel()
	r := newRealmIn(t, lab.UseKubernetes(t, lab.KubernetesOptions{}))
	r.role("app", "*")
	r.operator()
	spaces := []string{r.space + "-a", r.space + "-b"}
	for _, name := range spaces {
		r.tiered(name)
	}
	r.apply(`
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultAuth
metadata: {name: shared, namespace: SYSTEM}
spec:
  vaultConnectionRef: default
  method: kubernetes
  mount: MOUNT
  allowedNamespaces: ["*"]
  kubernetes: {role: NAME, serviceAccount: app, audiences: [vault]}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: ClusterVaultSecret
metadata: {name: NAME}
spec:
  namespaceSelector: {matchLabels: {tier: shop}}
  static:
    vaultAuthRef: SYSTEM/shared
    type: kv-v2
    mount: secret
    path: NAME/app
    destination: {name: orders, create: true}
`)
	late := r.space + "-c"
	for _, name := range spaces {
		r.awaitIn(name)
	}
	r.tiered(late)
	r.awaitIn(late)
	if n := r.gate.asked("GET secret/"); n > 3 {
		t.Errorf("%d reads for three namespaces", n)
	}
	must(t, r.client.Delete(t.Context(), &v1beta1.ClusterVaultSecret{ObjectMeta: metav1.ObjectMeta{Name: r.name}}))
	for _, name := range append(spaces, late) {
		r.awaitGone(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "orders"}})
	}
	r.wantOwner(&corev1.Secret{}, mac.KeySecretName, "CustomResourceDefinition vaultstaticsecrets.secrets.hashicorp.com")
	r.wantOwner(&coordinationv1.Lease{}, "b0d477c0.hashicorp.com", "ServiceAccount operator")
}

// wantOwner checks what an object of the operator goes with: the garbage collector
// would have removed it by now, were that not there.
func (r *realm) wantOwner(o client.Object, name, want string) {
	r.t.Helper()
	must(r.t, r.client.Get(r.t.Context(), client.ObjectKey{Namespace: r.system, Name: name}, o))
	var got []string
	for _, owner := range o.GetOwnerReferences() {
		got = append(got, owner.Kind+" "+owner.Name)
	}
	if diff := cmp.Diff([]string{want}, got); diff != "" {
		r.t.Errorf("owners of %s (-want +got):\n%s", name, diff)
	}
}

// tiered makes a namespace that the secret is for.
func (r *realm) tiered(name string) {
	r.t.Helper()
	must(r.t, r.cluster.CreateServiceAccount(r.t.Context(), name, "app"))
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	must(r.t, r.client.Patch(r.t.Context(), n, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"tier":"shop"}}}`))))
}

// awaitIn waits until the Secret is in a namespace.
func (r *realm) awaitIn(namespace string) {
	r.t.Helper()
	await(r.t, func() error {
		var s corev1.Secret
		if err := r.client.Get(r.t.Context(), client.ObjectKey{Namespace: namespace, Name: "orders"}, &s); err != nil {
			return err
		}
		if got := string(s.Data["password"]); got != canary+"-1" {
			return fmt.Errorf("the Secret in %s holds %q", namespace, got)
		}
		return nil
	})
}
