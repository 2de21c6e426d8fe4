package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
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
	began := time.Now()
	if code := first.end(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	second.awaitHeld()
	if took := time.Since(began); took > time.Second {
		t.Errorf("from SIGTERM of the first to the work of the second it took %v, want less than a second", took)
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
