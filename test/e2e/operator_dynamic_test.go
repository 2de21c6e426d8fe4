package e2e_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// vds is a VaultDynamicSecret of the realm's database role, in a Secret of its own
// name; more is YAML below spec.
func (r *realm) vds(name, more string) {
	r.t.Helper()
	text := `
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultDynamicSecret
metadata: {name: ` + name + `, namespace: SPACE}
spec:
  vaultAuthRef: vault
  mount: database
  path: creds/NAME
  destination: {name: ` + name + `, create: true}
`
	for line := range strings.SplitSeq(strings.TrimSpace(more), "\n") {
		if key, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
			text = without(text, key)
		}
		text += "  " + line + "\n"
	}
	r.apply(text)
}

// workload makes one whose pods nobody runs: the cluster has no node.
func (r *realm) workload(kind, name, more string) {
	r.t.Helper()
	text := `
apiVersion: apps/v1
kind: ` + kind + `
metadata: {name: ` + name + `, namespace: SPACE}
spec:
  selector: {matchLabels: {app: ` + name + `}}
  template:
    metadata: {labels: {app: ` + name + `}}
    spec: {containers: [{name: a, image: example.com/a}]}
`
	if more != "" {
		text += "  " + more + "\n"
	}
	r.apply(text)
}

// stamp is the annotation of a restart; "" if there was none.
func (r *realm) stamp(kind, name string) string {
	r.t.Helper()
	o := r.anyObject("apps/v1", kind, name)
	text, _, _ := unstructured.NestedString(o.Object, "spec", "template", "metadata", "annotations", v1beta1.AnnotationRestartedAt)
	return text
}

func (r *realm) anyObject(version, kind, name string) *unstructured.Unstructured {
	r.t.Helper()
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(version)
	o.SetKind(kind)
	must(r.t, r.client.Get(r.t.Context(), client.ObjectKey{Namespace: r.space, Name: name}, o))
	return o
}

func (r *realm) awaitStamp(kind, name, before string) string {
	r.t.Helper()
	var got string
	await(r.t, func() error {
		if got = r.stamp(kind, name); got == before {
			return fmt.Errorf("%s %q holds stamp %q still", kind, name, got)
		}
		return nil
	})
	return got
}

// databaseLogin is what a Secret holds.
func (r *realm) databaseLogin(name string) credentials {
	r.t.Helper()
	data := r.secret(name)
	r.secretly(data["password"])
	return credentials{data["username"], data["password"]}
}

// awaitOtherLogin waits until a Secret holds another password.
func (r *realm) awaitOtherLogin(name string, before credentials) credentials {
	r.t.Helper()
	await(r.t, func() error {
		if got := r.secret(name)["password"]; got == before.password || got == "" {
			return fmt.Errorf("Secret %q holds the same login still", name)
		}
		return nil
	})
	return r.databaseLogin(name)
}

// revocable lets the realm's token revoke leases and certificates.
func (r *realm) revocable() {
	r.t.Helper()
	must(r.t, r.vault.Policy(r.t.Context(), r.name, r.text(`
path "database/creds/NAME" { capabilities = ["read"] }
path "pki/issue/NAME" { capabilities = ["update"] }
path "pki/sign/NAME" { capabilities = ["update"] }
path "pki/issuer/default/issue/NAME" { capabilities = ["update"] }
path "pki/revoke" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }
path "secret/data/NAME/*" { capabilities = ["read"] }
`)))
}

// TestOperatorDynamicLife lives through a lease of 60 s, renewed after 40 to 45, and
// replaced before its max TTL of 75 s, with old and new both good.
func TestOperatorDynamicLife(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.dynamic(time.Minute, 75*time.Second)
	r.workload("Deployment", "app", "")
	r.operator()
	r.vds("db", "rolloutRestartTargets: [{kind: Deployment, name: app}]")
	r.awaitReady("VaultDynamicSecret", "db")
	old := r.databaseLogin("db")
	r.expectWorking(old)
	if got := r.stamp("Deployment", "app"); got != "" {
		t.Errorf("the first login restarts the workload: %s", got)
	}
	fresh := r.awaitOtherLogin("db", old)
	r.expectWorking(old)
	r.expectWorking(fresh)
	r.awaitStamp("Deployment", "app", "")
	if r.gate.asked("PUT sys/leases/renew") == 0 {
		t.Error("the lease was replaced without being renewed before")
	}
	if got := r.gate.asked("GET database/creds/"); got != 2 {
		t.Errorf("%d logins of the database, want 2", got)
	}
}

// TestOperatorDynamicRestart ends the operator and starts it again, with kept tokens
// and without: nothing is issued, written or restarted.
func TestOperatorDynamicRestart(t *testing.T) {
	for name, model := range map[string]string{"Kept": "direct-unencrypted", "Encrypted": "direct-encrypted", "New": "none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRealm(t)
			r.dynamic(time.Hour, 24*time.Hour)
			r.workload("Deployment", "app", "")
			kept := model != "none"
			args := []string{"--client-cache-persistence-model=" + model}
			if model == "direct-encrypted" {
				r.encryption()
			}
			first := r.operator(args...)
			r.vds("db", "rolloutRestartTargets: [{kind: Deployment, name: app}]")
			r.awaitReady("VaultDynamicSecret", "db")
			login, lease := r.databaseLogin("db"), textAt(r.object("VaultDynamicSecret", "db").Object, "status", "secretLease", "id")
			token := textAt(r.object("VaultDynamicSecret", "db").Object, "status", "vaultClientMeta", "id")
			if kept {
				r.awaitKept(textAt(r.object("VaultDynamicSecret", "db").Object, "status", "vaultClientMeta", "cacheKey"))
			}
			if code := first.end(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			before := r.versions()
			r.gate.take()

			r.operator(args...)
			r.vss("probe", "NAME/app", "")
			r.awaitReady("VaultStaticSecret", "probe")
			want := map[bool]int{true: 0, false: 1}[kept]
			await(t, func() error {
				if got := r.gate.asked("PUT sys/leases/renew"); got != want {
					return fmt.Errorf("%d renewals, want %d", got, want)
				}
				return nil
			})
			if got := r.gate.asked("GET database/creds/"); got != 0 {
				t.Errorf("%d logins of the database after the restart", got)
			}
			if got := textAt(r.object("VaultDynamicSecret", "db").Object, "status", "secretLease", "id"); got != lease {
				t.Errorf("lease %s, want %s", got, lease)
			}
			r.expectWorking(login)
			if r.databaseLogin("db") != login || r.stamp("Deployment", "app") != "" {
				t.Error("the restart changed the login, or restarted the workload")
			}
			if kept {
				if got := textAt(r.object("VaultStaticSecret", "probe").Object, "status", "vaultClientMeta", "id"); got != token {
					t.Errorf("the token is %s after the restart, was %s", got, token)
				}
				after := r.versions()
				maps.DeleteFunc(after, func(key, _ string) bool { return strings.HasSuffix(key, "/probe") })
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("written after the restart (-before +after):\n%s", diff)
				}
			}
		})
	}
}

func TestOperatorStaticRole(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	must(t, r.vault.StaticRole(t.Context(), "database", r.name, world.postgres, 15*time.Second))
	r.workload("Deployment", "app", "")
	r.operator()
	r.vds("db", "path: static-creds/NAME\nallowStaticCreds: true\nrolloutRestartTargets: [{kind: Deployment, name: app}]")
	r.awaitReady("VaultDynamicSecret", "db")
	old := r.databaseLogin("db")
	fresh := r.awaitOtherLogin("db", old)
	if old.user != fresh.user || old.user != r.name {
		t.Errorf("users %q and %q, want %q twice", old.user, fresh.user, r.name)
	}
	r.expectWorking(fresh)
	r.awaitStamp("Deployment", "app", "")
	if period, _ := fieldAt(r.object("VaultDynamicSecret", "db").Object, "status", "staticCredsMetaData", "rotationPeriod").(int64); period != 15 {
		t.Errorf("rotation period %d, want 15", period)
	}
}

// TestOperatorDynamicOverlap keeps the login before until the workload runs with the
// next, and then ends it. The deletion ends the last.
func TestOperatorDynamicOverlap(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.revocable()
	r.dynamic(time.Hour, 24*time.Hour)
	r.workload("Deployment", "app", "")
	r.operator()
	r.vds("db", "revoke: true\nrotation: {previous: revokeAfterRollout, gracePeriod: 1s}\nrolloutRestartTargets: [{kind: Deployment, name: app}]")
	r.awaitReady("VaultDynamicSecret", "db")
	old := r.databaseLogin("db")
	r.annotate("VaultDynamicSecret", "db", v1beta1.AnnotationRefresh, "1")
	fresh := r.awaitOtherLogin("db", old)
	r.awaitStamp("Deployment", "app", "")
	r.awaitUsers(2)
	r.expectWorking(old)

	r.scaleDown("app")
	r.awaitUsers(1)
	r.expectWorking(fresh)
	await(t, func() error {
		if left := fieldAt(r.object("VaultDynamicSecret", "db").Object, "status", "previousLeases"); left != nil {
			return fmt.Errorf("previous leases: %v", left)
		}
		return nil
	})
	must(t, r.client.Delete(t.Context(), r.object("VaultDynamicSecret", "db")))
	r.awaitUsers(0)
}

// TestOperatorDynamicDeletedInOutage deletes an object while Vault is away: the
// object goes at once, and its lease when Vault is back.
func TestOperatorDynamicDeletedInOutage(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.revocable()
	r.dynamic(time.Hour, 24*time.Hour)
	r.operator("--backoff-max-interval=5s")
	r.vds("db", "revoke: true")
	r.awaitReady("VaultDynamicSecret", "db")
	r.awaitUsers(1)
	r.gate.shut.Store(true)
	object := r.object("VaultDynamicSecret", "db")
	must(t, r.client.Delete(t.Context(), object))
	r.awaitGone(object)
	r.gate.shut.Store(false)
	r.awaitUsers(0)
}

// annotate sets an annotation of an object.
func (r *realm) annotate(kind, name, key, value string) {
	r.t.Helper()
	o := r.object(kind, name)
	before := o.DeepCopy()
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	o.SetAnnotations(annotations)
	must(r.t, r.client.Patch(r.t.Context(), o, client.MergeFrom(before)))
}

// scaleDown completes the rollout of a Deployment whose pods nobody runs: there is
// none left.
func (r *realm) scaleDown(name string) {
	r.t.Helper()
	o := r.anyObject("apps/v1", "Deployment", name)
	before := o.DeepCopy()
	must(r.t, unstructured.SetNestedField(o.Object, int64(0), "spec", "replicas"))
	must(r.t, r.client.Patch(r.t.Context(), o, client.MergeFrom(before)))
}
