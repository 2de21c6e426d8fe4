package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

// static is an object that the realm's Vault has a secret for.
const static = `
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultStaticSecret
metadata: {name: orders, namespace: SPACE}
spec:
  vaultAuthRef: vault
  type: kv-v2
  mount: secret
  path: NAME/app
  refreshAfter: 1s
  destination: {name: orders, create: true}
`

// TestOperatorReferences looks at connections and logins that are as they should be,
// and at the ports.
func TestOperatorReferences(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	o := r.operator()
	r.awaitReady("VaultAuth", "vault")
	ping := r.awaitConditionIn(r.system, "VaultConnection", "default", v1beta1.ConditionVaultPing, metav1.ConditionTrue)
	if ping.Message != "Vault answers and is not sealed" {
		t.Errorf("message %q", ping.Message)
	}
	connection, err := r.find(r.system, "VaultConnection", "default")
	must(t, err)
	if version := textAt(connection.Object, "status", "vaultVersion"); !strings.HasPrefix(version, "1.") {
		t.Errorf("version %q", version)
	}
	for path, want := range map[string]string{"/healthz": "ok\n", "/livez": "ok\n", "/readyz": "ok\n", "/vaultz": "ok\n"} {
		await(t, func() error {
			if code, text := o.get(o.health, path); code != http.StatusOK || text != want {
				return fmt.Errorf("%s answers %d %q", path, code, text)
			}
			return nil
		})
	}
	_, page := o.get(o.metrics, "/metrics")
	for _, want := range []string{
		`vso_build_info{version="1.2.3-e2e"} 1`, `vso_runtime_config{`, `controller_resource_status{controller="vaultauth",name="vault",namespace="` + r.space + `"} 1`,
		`vaultk8s_operator_shards 1`, `vaultk8s_operator_connections_unhealthy 0`, `controller_runtime_reconcile_total{`, `workqueue_depth{`, `go_goroutines `,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	o.pod.note(page)
}

// TestOperatorStatic makes a Secret, follows a change, and rests when nothing
// changes.
func TestOperatorStatic(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.operator()
	r.apply(static)
	r.awaitSecret("orders", "password", canary+"-1")
	r.put("app", canary+"-2")
	r.awaitSecret("orders", "password", canary+"-2")
	r.awaitReady("VaultStaticSecret", "orders")
	before := r.versions()
	r.gate.take()
	await(t, func() error {
		if n := r.gate.asked("GET secret/"); n < 3 {
			return fmt.Errorf("%d reads, want three", n)
		}
		return nil
	})
	if diff := cmp.Diff(before, r.versions()); diff != "" {
		t.Errorf("a poll that finds nothing has written (-before +after):\n%s", diff)
	}
}

// TestOperatorTakeOver ends the one that works, and kills the next.
func TestOperatorTakeOver(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	first := r.operator()
	first.awaitHeld()
	second := r.operator()
	second.awaitLog(1, "operator is ready")
	holder, began := r.holder(), time.Now()
	if code := first.end(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	// A Lease that is not given back keeps its holder for 15 s more.
	if holder == "" || r.holder() == holder {
		t.Errorf("the Lease of %q was not given back", holder)
	}
	second.awaitHeld()
	// With nothing beside, it takes less than a second.
	took := time.Since(began)
	if t.Logf("from SIGTERM of the first to the work of the second: %v", took); took > 10*time.Second {
		t.Error("the Lease was free, and not taken")
	}
	r.apply(static)
	r.awaitSecret("orders", "password", canary+"-1")
	third := r.operator()
	third.awaitLog(1, "operator is ready")
	second.kill()
	third.awaitHeld() // after the Lease has ended
	r.put("app", canary+"-3")
	r.awaitSecret("orders", "password", canary+"-3")
}

// holder is who has the Lease of the operators.
func (r *realm) holder() string {
	r.t.Helper()
	var l coordinationv1.Lease
	must(r.t, r.client.Get(r.t.Context(), client.ObjectKey{Namespace: r.system, Name: "b0d477c0.hashicorp.com"}, &l))
	if l.Spec.HolderIdentity == nil {
		return ""
	}
	return *l.Spec.HolderIdentity
}

// TestOperatorOutage takes Vault away: nothing becomes unready but what needs it,
// and all comes back by itself.
func TestOperatorOutage(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	o := r.operator("--connection-interval=2s", "--backoff-initial-interval=500ms", "--backoff-max-interval=2s")
	r.apply(static)
	r.awaitReady("VaultStaticSecret", "orders")
	r.gate.shut.Store(true)
	r.awaitConditionIn(r.system, "VaultConnection", "default", v1beta1.ConditionReady, metav1.ConditionFalse)
	r.awaitCondition("VaultStaticSecret", "orders", v1beta1.ConditionReady, metav1.ConditionFalse)
	if code, _ := o.get(o.health, "/readyz"); code != http.StatusOK {
		t.Errorf("/readyz answers %d while Vault is away", code)
	}
	await(t, func() error {
		want := "1 VaultConnections are not ready: " + r.system + "/default\n"
		if code, text := o.get(o.health, "/vaultz"); code != http.StatusServiceUnavailable || text != want {
			return fmt.Errorf("/vaultz answers %d %q, want %q", code, text, want)
		}
		return nil
	})
	if got := r.secret("orders")["password"]; got != canary+"-1" {
		t.Errorf("the Secret holds %q", got)
	}
	r.put("app", canary+"-2")
	r.gate.shut.Store(false)
	r.awaitSecret("orders", "password", canary+"-2")
	r.awaitReady("VaultStaticSecret", "orders")
	r.awaitConditionIn(r.system, "VaultConnection", "default", v1beta1.ConditionReady, metav1.ConditionTrue)
}

// TestOperatorDeletionWithoutVault deletes objects while Vault is away.
func TestOperatorDeletionWithoutVault(t *testing.T) {
	t.Parallel()
	r := newRealmIn(t, lab.UseKubernetes(t, lab.KubernetesOptions{}))
	r.operator()
	r.apply(static)
	r.awaitReady("VaultStaticSecret", "orders")
	r.gate.shut.Store(true)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.space}}
	must(t, r.client.Delete(t.Context(), namespace))
	r.awaitGone(namespace)
}

// TestOperatorUninstall frees the objects of an operator that is gone, also those of
// a kind that nobody serves any more.
func TestOperatorUninstall(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	o := r.operator()
	r.apply(static)
	r.awaitReady("VaultStaticSecret", "orders")
	if code := o.end(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	r.gate.shut.Store(true)
	code, printed := r.run("operator", "--uninstall", "--kubeconfig="+r.path("kubeconfig"), "--operator-namespace="+r.system, "--watch-namespaces="+r.space)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	for kind, name := range map[string]string{"VaultStaticSecret": "orders", "VaultAuth": "vault"} {
		if left := r.object(kind, name).GetFinalizers(); len(left) > 0 {
			t.Errorf("%s keeps %q", kind, left)
		}
	}
	if r.secret("orders")["password"] != canary+"-1" {
		t.Error("the Secret is gone")
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.space}}
	must(t, r.client.Delete(t.Context(), namespace))
	r.awaitGone(namespace)
}

// TestOperatorShards divides namespaces between two processes.
func TestOperatorShards(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	a := r.operator("--shards=2", "--shard-quota=1")
	b := r.operator("--shards=2", "--shard-quota=1")
	a.awaitHeld()
	b.awaitHeld()
	r.apply(static)
	r.awaitSecret("orders", "password", canary+"-1")
	r.awaitReady("VaultAuth", "vault")
	if n := r.gate.asked("PUT auth/kubernetes/login") + r.gate.asked("POST auth/kubernetes/login"); n != 1 {
		t.Errorf("%d logins, want one", n)
	}
	if code := a.end(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	b.awaitLog(2, "operator works on a shard") // beyond its quota, after some patience
	r.put("app", canary+"-2")
	r.awaitSecret("orders", "password", canary+"-2")
}

// TestOperatorBadInput makes objects that cannot work: each has a condition that says
// why, one event, and a rest.
func TestOperatorBadInput(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.operator()
	const head = "apiVersion: secrets.hashicorp.com/v1beta1\nkind: %s\nmetadata: {name: %s, namespace: SPACE}\nspec: %s\n"
	cases := map[string]struct{ kind, spec, reason, message string }{
		"no-auth": {
			"VaultStaticSecret", `{vaultAuthRef: none, mount: secret, path: NAME/app, type: kv-v2, destination: {name: a, create: true}}`,
			"", "VaultAuth " + r.space + "/none",
		},
		"other-auth": {
			"VaultStaticSecret", `{vaultAuthRef: SYSTEM/locked, mount: secret, path: NAME/app, type: kv-v2, destination: {name: b, create: true}}`,
			"", "VaultAuth " + r.system + "/locked",
		},
		"no-secret": {
			"VaultStaticSecret", `{vaultAuthRef: vault, mount: secret, path: NAME/app, type: kv-v2, destination: {name: missing}}`,
			"", `"missing"`,
		},
		"denied": {
			"VaultStaticSecret", `{vaultAuthRef: vault, mount: secret, path: other/app, type: kv-v2, destination: {name: c, create: true}}`,
			"", "other/app",
		},
		"nothing": {
			"VaultStaticSecret", `{vaultAuthRef: vault, mount: secret, path: NAME/nothing, type: kv-v2, destination: {name: d, create: true}}`,
			"", "",
		},
		"template": {
			"VaultStaticSecret", `{vaultAuthRef: vault, mount: secret, path: NAME/app, type: kv-v2, destination: {name: e, create: true, transformation: {templates: {a: {text: "{{ nofunc }}"}}}}}`,
			"", "nofunc",
		},
		"regexp":          {"SecretTransformation", `{includes: ["("]}`, "TransformationError", "missing closing"},
		"no-ref":          {"VaultAuth", `{method: kubernetes, mount: kubernetes, vaultConnectionRef: none, kubernetes: {role: a, serviceAccount: app}}`, "InvalidResourceRef", "VaultConnection " + r.space + "/none"},
		"no-block":        {"VaultAuth", `{method: appRole, mount: approle}`, "InvalidConfiguration", "appRole"},
		"header":          {"VaultConnection", `{address: "GATE", headers: {X-Vault-Namespace: a}}`, "VaultClientConfigError", "X-Vault-Namespace"},
		"address":         {"VaultConnection", `{address: "ftp://vault"}`, "VaultClientConfigError", "address"},
		"no-ca":           {"VaultConnection", `{address: "GATE", caCertSecretRef: none}`, "VaultClientConfigError", "none"},
		"refused":         {"VaultConnection", `{address: "http://127.0.0.1:1"}`, "VaultClientError", "127.0.0.1:1"},
		"service-account": {"CSISecrets", `{accessControl: {serviceAccountPattern: "["}, secrets: {}, syncConfig: {containerState: {}}}`, "InvalidConfiguration", "serviceAccountPattern"},
	}
	r.apply("apiVersion: secrets.hashicorp.com/v1beta1\nkind: VaultAuth\nmetadata: {name: locked, namespace: SYSTEM}\nspec: {vaultConnectionRef: default, method: kubernetes, mount: MOUNT, kubernetes: {role: NAME, serviceAccount: app}}\n")
	for name, c := range cases {
		r.apply(fmt.Sprintf(head, c.kind, name, c.spec))
	}
	for name, c := range cases {
		ready := r.awaitCondition(c.kind, name, v1beta1.ConditionReady, metav1.ConditionFalse)
		if c.reason != "" && ready.Reason != c.reason || !strings.Contains(ready.Message, r.filled(c.message)) {
			t.Errorf("%s %s: Ready is %s %q, want %s %q", c.kind, name, ready.Reason, ready.Message, c.reason, c.message)
		}
	}
	before := r.versions()
	r.gate.take()
	begun := time.Now()
	r.put("app", canary+"-2") // a moment passes, in which others work
	r.apply(static)
	r.awaitReady("VaultStaticSecret", "orders")
	for name, c := range cases {
		warnings := int32(0)
		for event, n := range r.events(c.kind, name) {
			if strings.HasPrefix(event, "Warning") {
				warnings += n
			}
		}
		if warnings != 1 {
			t.Errorf("%s %s has %d warnings: %v", c.kind, name, warnings, r.events(c.kind, name))
		}
		if key := c.kind + " " + r.space + "/" + name; r.versions()[key] != before[key] {
			t.Errorf("%s was written again", key)
		}
	}
	// One path is polled each second; a hot loop would ask hundreds of times.
	if n, most := r.gate.asked(""), 60+2*int(time.Since(begun).Seconds()); n > most {
		t.Errorf("%d requests to Vault meanwhile, more than %d: %v", n, most, r.gate.take())
	}
}

// TestOperatorTutorial takes the manifests of a tutorial of the old operator as they
// are, but for the namespace and the names in Vault.
func TestOperatorTutorial(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.operator()
	must(t, r.cluster.CreateServiceAccount(t.Context(), r.space, "orders-sa"))
	must(t, r.vault.WriteKubernetesRole(t.Context(), "kubernetes", r.name+"-orders", lab.KubernetesRole{
		Namespaces: []string{r.space}, ServiceAccounts: []string{"orders-sa"}, Audience: "vault", Policies: []string{r.name}, TTL: time.Hour,
	}))
	must(t, r.vault.DynamicRole(t.Context(), "database", r.name, time.Hour, 2*time.Hour))
	must(t, r.vault.PKIRoot(t.Context(), r.name+"-pki", 1000*time.Hour))
	must(t, r.vault.Policy(t.Context(), r.name, r.filled(`
path "secret/data/NAME/*" { capabilities = ["read"] }
path "database/creds/NAME" { capabilities = ["read"] }
path "NAME-pki/issue/NAME" { capabilities = ["update"] }
`)))
	must(t, r.vault.PKIRole(t.Context(), r.name+"-pki", r.name, "example.com", 72*time.Hour, false))
	text, err := os.ReadFile("testdata/operator.yaml")
	must(t, err)
	r.apply(strings.NewReplacer(
		"namespace: shop", "namespace: SPACE", "role: orders\n", "role: NAME-orders\n", "path: orders/production", "path: NAME/app",
		"creds/orders-readonly", "creds/NAME", "mount: pki_int", "mount: NAME-pki", "role: web-servers", "role: NAME",
	).Replace(string(text)))
	for kind, name := range map[string]string{
		"VaultAuth": "vault-auth", "VaultStaticSecret": "orders-secrets", "VaultDynamicSecret": "orders-db-creds", "VaultPKISecret": "orders-tls",
	} {
		if kind == "VaultAuth" {
			r.awaitReady(kind, name)
			continue
		}
		r.awaitCondition(kind, name, v1beta1.ConditionSecretSynced, metav1.ConditionTrue)
	}
	if got := r.secret("orders-k8s-secret")["password"]; got != canary+"-1" {
		t.Errorf("the static Secret holds %q", got)
	}
	if got := r.secret("orders-db-secret"); got["username"] == "" || got["password"] == "" {
		t.Errorf("the dynamic Secret has %d keys", len(got))
	}
	if got := r.secret("orders-tls-secret"); got["tls.crt"] == "" || got["tls.key"] == "" {
		t.Errorf("the Secret of the certificate has %d keys", len(got))
	}
	hint := r.awaitCondition("VaultAuth", "vault-auth", v1beta1.ConditionReady, metav1.ConditionTrue)
	if want := `VaultConnection "vault-connection" of this namespace is not used`; !strings.Contains(hint.Message, want) {
		t.Errorf("message %q, want %q in it", hint.Message, want)
	}
}
