package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// pushed is a VaultPushSecret of a realm; PATH is its path below the mount.
const pushed = `
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultPushSecret
metadata: {name: out, namespace: SPACE}
spec:
  vaultAuthRef: vault
  mount: secret
  path: NAME/out
  type: kv-v2
  source: {secretName: source}
`

// put writes the source.
func (r *realm) source(values map[string]string) {
	r.t.Helper()
	text, err := json.Marshal(values)
	must(r.t, err)
	r.apply(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: source, namespace: SPACE}\nstringData: %s", text))
}

// held is what a path of secret/ holds, with its version and owner.
type pathHeld struct {
	Data    map[string]any
	Version string
	Owner   string
}

func (r *realm) held(path string) (pathHeld, error) {
	out, err := r.vault.Do(r.t.Context(), http.MethodGet, "secret/data/"+path, nil)
	if err != nil {
		return pathHeld{}, err
	}
	data, _ := fieldAt(out, "data", "data").(map[string]any)
	return pathHeld{
		Data: data, Version: fmt.Sprint(fieldAt(out, "data", "metadata", "version")),
		Owner: textAt(out, "data", "metadata", "custom_metadata", "managed-by"),
	}, nil
}

func (r *realm) awaitHeld(path string, want pathHeld) {
	r.t.Helper()
	await(r.t, func() error {
		got, err := r.held(path)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("%s holds (-want +got):\n%s", path, diff)
		}
		return nil
	})
}

// edit merges into the spec of the object.
func (r *realm) pushSpec(spec map[string]any) {
	r.t.Helper()
	body, err := json.Marshal(map[string]any{"spec": spec})
	must(r.t, err)
	o := &v1beta1.VaultPushSecret{ObjectMeta: metav1.ObjectMeta{Namespace: r.space, Name: "out"}}
	must(r.t, r.client.Patch(r.t.Context(), o, client.RawPatch("application/merge-patch+json", body)))
}

// TestPush writes a Secret to Vault, and follows what both sides do.
func TestPush(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.pushPolicy()
	o := r.operator()
	r.apply(pushed)
	missing := r.awaitCondition("VaultPushSecret", "out", "Ready", metav1.ConditionFalse)
	if want := "secret " + r.space + "/source does not exist"; missing.Message != want || missing.Reason != "InvalidResourceRef" {
		t.Errorf("Ready says %s: %s", missing.Reason, missing.Message)
	}
	path, owner := r.name+"/out", "vaultk8s/"+r.space+"/out"
	r.source(map[string]string{"a": "1", "b": canary})
	r.awaitHeld(path, pathHeld{map[string]any{"a": "1", "b": canary}, "1", owner})
	r.awaitReady("VaultPushSecret", "out")
	r.source(map[string]string{"a": "2", "b": canary})
	r.awaitHeld(path, pathHeld{map[string]any{"a": "2", "b": canary}, "2", owner})
	r.awaitReady("VaultPushSecret", "out")

	before := r.pushVersion("2")
	r.gate.take()
	r.pushSpec(map[string]any{"refreshAfter": "1s"})
	await(t, func() error {
		if n := r.gate.asked("GET secret/data/" + path); n < 3 {
			return fmt.Errorf("looked %d times", n)
		}
		return nil
	})
	if writes := r.gate.asked("POST secret/") + r.gate.asked("PUT secret/"); writes > 0 {
		t.Errorf("%d writes without a change", writes)
	}
	r.pushSpec(map[string]any{"refreshAfter": nil})
	if after := r.pushVersion("2"); before.GetGeneration()+2 != after.GetGeneration() {
		t.Errorf("generation %d after %d", after.GetGeneration(), before.GetGeneration())
	}
	r.pushNumbers(o)
	r.pushConflicts(path, owner)
	r.pushShapes(path, owner)
	r.pushEnds(path)
	if _, page := o.get(o.metrics, "/metrics"); strings.Contains(page, `name="out",namespace="`+r.space) {
		t.Error("numbers of the object are left")
	}
}

// pushNumbers looks at the metrics after two writes.
func (r *realm) pushNumbers(o *running) {
	r.t.Helper()
	of := `{kind="VaultPushSecret",name="out",namespace="` + r.space + `"} `
	_, page := o.get(o.metrics, "/metrics")
	for _, want := range []string{
		"vaultk8s_operator_object_syncs_total" + of + "2\n", "vaultk8s_operator_object_failures_total" + of, "vaultk8s_operator_object_synced_timestamp_seconds" + of,
		`controller_resource_status{controller="vaultpushsecret",name="out",namespace="` + r.space + `"} 1`,
		`vaultk8s_operator_objects{kind="VaultPushSecret",ready="true"} `,
		`vaultk8s_operator_secret_writes_total{kind="VaultPushSecret",outcome="ok"} `, `vaultk8s_operator_status_writes_total{kind="VaultPushSecret"} `,
	} {
		if !strings.Contains(page, want) {
			r.t.Errorf("the metrics lack %s", want)
		}
	}
}

// pushPolicy lets the application write below its paths.
func (r *realm) pushPolicy() {
	r.t.Helper()
	must(r.t, r.vault.Policy(r.t.Context(), r.name, strings.ReplaceAll(`
path "secret/data/NAME/*" { capabilities = ["create", "read", "update", "delete"] }
path "secret/metadata/NAME/*" { capabilities = ["create", "read", "update"] }
path "kv/NAME/*" { capabilities = ["create", "read", "update", "delete"] }
`, "NAME", r.name)))
}

// pushVersion waits until the status has a version, and returns the object.
func (r *realm) pushVersion(version string) *unstructured.Unstructured {
	r.t.Helper()
	var o *unstructured.Unstructured
	await(r.t, func() (err error) {
		if o, err = r.find(r.space, "VaultPushSecret", "out"); err != nil {
			return err
		}
		if got := fmt.Sprint(fieldAt(o.Object, "status", "secretVersion")); got != version {
			return fmt.Errorf("status has version %s instead of %s", got, version)
		}
		return nil
	})
	return o
}

// pushConflicts has what others write to the path.
func (r *realm) pushConflicts(path, owner string) {
	r.t.Helper()
	_, err := r.vault.Write(r.t.Context(), "secret/data/"+path, map[string]any{"data": map[string]any{"a": "theirs"}})
	must(r.t, err)
	r.source(map[string]string{"a": "3"})
	got := r.awaitCondition("VaultPushSecret", "out", "Pushed", metav1.ConditionFalse)
	if want := "somebody else has written to the path since this object has: set conflictPolicy to overwrite, or make both equal"; got.Reason != "VersionConflict" || got.Message != want {
		r.t.Errorf("Pushed says %s: %s", got.Reason, got.Message)
	}
	r.pushSpec(map[string]any{"conflictPolicy": "overwrite"})
	r.awaitHeld(path, pathHeld{map[string]any{"a": "3", "b": canary}, "4", owner})
	events := r.events("VaultPushSecret", "out")
	if n := events["Warning VersionConflict: "+got.Message]; n != 1 {
		r.t.Errorf("%d events of a conflict: %v", n, events)
	}

	must(r.t, r.vaultPut("secret/data/"+r.name+"/foreign", map[string]any{"data": map[string]any{"x": "theirs"}}))
	r.pushSpec(map[string]any{"path": r.name + "/foreign"})
	got = r.awaitCondition("VaultPushSecret", "out", "Pushed", metav1.ConditionFalse)
	if want := "somebody else's path: there is a secret at the path that this object has not written: set overwrite to take it over"; got.Message != want {
		r.t.Errorf("Pushed says %s", got.Message)
	}
	r.pushSpec(map[string]any{"overwrite": true, "mergePolicy": "merge", "metadata": map[string]any{"team": "shop"}})
	r.awaitHeld(r.name+"/foreign", pathHeld{map[string]any{"a": "3", "b": canary, "x": "theirs"}, "2", owner})
}

func (r *realm) vaultPut(path string, body map[string]any) error {
	_, err := r.vault.Write(r.t.Context(), path, body)
	return err
}

// pushShapes has keys that are selected and made, bad ones, and version 1.
func (r *realm) pushShapes(path, owner string) {
	r.t.Helper()
	r.pushSpec(map[string]any{
		"path": path, "mergePolicy": "replace",
		"source": map[string]any{
			"keys":      []any{map[string]any{"key": "a", "as": "renamed"}},
			"templates": map[string]any{"url": map[string]any{"text": "https://{{ .Secrets.b | lower }}@x"}},
		},
	})
	r.awaitHeld(path, pathHeld{map[string]any{"renamed": "3", "url": "https://" + strings.ToLower(canary) + "@x"}, "5", owner})
	r.pushSpec(map[string]any{"source": map[string]any{"keys": []any{map[string]any{"key": "none"}}}})
	got := r.awaitCondition("VaultPushSecret", "out", "Ready", metav1.ConditionFalse)
	if want := "secret " + r.space + `/source has no key "none"`; got.Message != want || got.Reason != "InvalidConfiguration" {
		r.t.Errorf("Ready says %s: %s", got.Reason, got.Message)
	}
	r.pushSpec(map[string]any{"mount": "kv", "type": "kv-v1", "source": map[string]any{"keys": nil, "templates": nil}})
	r.awaitReady("VaultPushSecret", "out")
	out, err := r.vault.Do(r.t.Context(), http.MethodGet, "kv/"+path, nil)
	must(r.t, err)
	if diff := cmp.Diff(map[string]any{"a": "3", "b": canary}, fieldAt(out, "data")); diff != "" {
		r.t.Errorf("version 1 (-want +got):\n%s", diff)
	}
}

// pushEnds deletes the object, which deletes what it has written.
func (r *realm) pushEnds(path string) {
	r.t.Helper()
	r.pushSpec(map[string]any{"mount": "secret", "type": "kv-v2", "deletionPolicy": "delete"})
	await(r.t, func() error {
		h, err := r.held(path)
		if err == nil && h.Version != "6" {
			err = fmt.Errorf("version %s", h.Version)
		}
		return err
	})
	r.pushVersion("6")
	o := &v1beta1.VaultPushSecret{ObjectMeta: metav1.ObjectMeta{Namespace: r.space, Name: "out"}}
	must(r.t, r.client.Delete(r.t.Context(), o))
	r.awaitGone(o)
	if h, err := r.held(path); err == nil && h.Data != nil {
		r.t.Errorf("the secret is still there in version %s", h.Version)
	}
	// The other path was not the last one, and stays.
	if h, err := r.held(r.name + "/foreign"); err != nil || h.Data == nil {
		r.t.Errorf("the secret at the path before is gone: %v", err)
	}
}

// TestPushSurvives has a Vault that is away at the end of an object.
func TestPushSurvives(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.pushPolicy()
	r.operator()
	r.source(map[string]string{"a": "1"})
	r.apply(strings.Replace(pushed, "  type: kv-v2", "  type: kv-v2\n  deletionPolicy: delete", 1))
	r.awaitReady("VaultPushSecret", "out")
	r.gate.shut.Store(true)
	o := &v1beta1.VaultPushSecret{ObjectMeta: metav1.ObjectMeta{Namespace: r.space, Name: "out"}}
	must(t, r.client.Delete(t.Context(), o))
	r.awaitGone(o)
	var found bool
	for event := range maps.Keys(r.events("VaultPushSecret", "out")) {
		found = found || strings.HasPrefix(event, "Warning SecretPushError: delete the secret in Vault: ")
	}
	if !found {
		t.Errorf("events: %v", r.events("VaultPushSecret", "out"))
	}
	must(t, r.client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.space, Name: "source"}}))
}
