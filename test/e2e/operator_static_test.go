package e2e_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// vss is a VaultStaticSecret that reads a path below the realm's into a Secret of its
// own name; more is YAML below spec.
func (r *realm) vss(name, path, more string) {
	r.t.Helper()
	text := `
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultStaticSecret
metadata: {name: ` + name + `, namespace: SPACE}
spec:
  vaultAuthRef: vault
  type: kv-v2
  mount: secret
  path: ` + path + `
  destination: {name: ` + name + `, create: true}
`
	for line := range strings.SplitSeq(strings.TrimSpace(more), "\n") {
		if key, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
			text = without(text, key) // the line says it anew
		}
		text += "  " + line + "\n"
	}
	r.apply(text)
}

// without drops a line of the spec.
func without(text, key string) string {
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "  "+key+":") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// awaitData waits until a Secret holds exactly this, apart from _raw.
func (r *realm) awaitData(name string, want map[string]string) {
	r.t.Helper()
	await(r.t, func() error {
		got := r.secret(name)
		delete(got, "_raw")
		if !maps.Equal(got, want) {
			return fmt.Errorf("Secret %q holds %v, want %v", name, got, want)
		}
		return nil
	})
}

// write writes secrets below the realm's path, of kv-v2 and of kv-v1.
func (r *realm) write(secrets map[string]map[string]any) {
	r.t.Helper()
	for path, data := range secrets {
		full, body := "secret/data/"+r.name+"/"+path, map[string]any{"data": data}
		if below, old := strings.CutPrefix(path, "kv:"); old {
			full, body = "kv/"+r.name+"/"+below, data
		}
		_, err := r.vault.Write(r.t.Context(), full, body)
		must(r.t, err)
	}
}

// TestOperatorStaticSources reads secrets and folders of both versions of the engine.
func TestOperatorStaticSources(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	must(t, r.vault.Policy(t.Context(), r.name, r.text(`
path "secret/data/NAME/*" { capabilities = ["read"] }
path "secret/metadata/NAME/*" { capabilities = ["list"] }
path "kv/NAME/*" { capabilities = ["read", "list"] }
`)))
	r.write(map[string]map[string]any{
		"team/one": {"k": "1"}, "team/deep/two": {"k": "2"}, "kv:old": {"legacy": "l"}, "api": {"token": "t", "password": "other", "n": 7},
	})
	r.put("app", canary+"-2")
	r.operator()
	cases := map[string]struct {
		path, more string
		want       map[string]string
	}{
		"latest":  {"NAME/app", "", map[string]string{"password": canary + "-2"}},
		"version": {"NAME/app", "version: 1", map[string]string{"password": canary + "-1"}},
		"kv1":     {"NAME/old", "type: kv-v1\nmount: kv", map[string]string{"legacy": "l"}},
		"sources": {
			"NAME/app", "conflictPolicy: first\nsources: [{path: NAME/api}, {mount: kv, type: kv-v1, path: NAME/old, keyPrefix: old_}, {path: NAME/none, optional: true}]",
			map[string]string{"password": canary + "-2", "token": "t", "n": "7", "old_legacy": "l"},
		},
		"selected": {"NAME/app", "sources: [{path: NAME/api, keys: [{key: password, as: other}]}]", map[string]string{"password": canary + "-2", "other": "other"}},
		"folder":   {"NAME/team", "list: {}", map[string]string{"one.k": "1"}},
		"deep":     {"NAME/team", "list: {recursive: true, keyTemplate: '{{ .Name }}_{{ .Key }}'}", map[string]string{"one_k": "1", "two_k": "2"}},
		"old":      {"NAME", "type: kv-v1\nmount: kv\nlist: {}", map[string]string{"old.legacy": "l"}},
		"shaped": {
			"NAME/api", "destination: {name: shaped, create: true, type: example.com/t, labelTemplates: {number: '{{ get .Secrets \"n\" }}'}, transformation: {excludes: ['.*'], templates: {x: {text: '{{ get .Secrets \"token\" }}!'}}}}",
			map[string]string{"x": "t!"},
		},
	}
	for name, tc := range cases {
		r.vss(name, tc.path, tc.more)
	}
	for name, tc := range cases {
		r.awaitReady("VaultStaticSecret", name)
		r.awaitData(name, tc.want)
	}
	var shaped corev1.Secret
	must(t, r.client.Get(t.Context(), client.ObjectKey{Namespace: r.space, Name: "shaped"}, &shaped))
	if shaped.Labels["number"] != "7" || shaped.Type != "example.com/t" {
		t.Errorf("labels %v, type %s", shaped.Labels, shaped.Type)
	}
}

// TestOperatorStaticShares counts: objects of one identity that read one path cause
// one read, now and after a restart, which writes nothing at all.
func TestOperatorStaticShares(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	const objects = 30
	first := r.operator()
	first.awaitHeld()
	r.gate.take()
	for i := range objects {
		r.vss(fmt.Sprintf("s%d", i), "NAME/app", "refreshAfter: 1h")
	}
	for i := range objects {
		r.awaitReady("VaultStaticSecret", fmt.Sprintf("s%d", i))
	}
	if n := r.gate.asked("GET secret/data/"); n != 1 {
		t.Errorf("%d reads for %d objects, want one", n, objects)
	}
	if n := r.gate.asked("PUT auth/"); n != 1 {
		t.Errorf("%d logins, want one", n)
	}
	if code := first.end(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	before := r.versions()
	r.gate.take()
	second := r.operator()
	second.awaitHeld()
	await(t, func() error {
		if n := r.gate.asked("GET secret/data/"); n != 1 {
			return fmt.Errorf("%d reads, want one", n)
		}
		return nil
	})
	r.vss("after", "NAME/app", "") // what is asked for last comes last
	r.awaitReady("VaultStaticSecret", "after")
	after := r.versions()
	maps.DeleteFunc(after, func(name, _ string) bool { return strings.HasSuffix(name, "/after") })
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a restart has written (-before +after):\n%s", diff)
	}
}

// TestOperatorStaticDrift changes and deletes the Secret: it is repaired without
// asking Vault.
func TestOperatorStaticDrift(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.operator()
	r.vss("orders", "NAME/app", "")
	r.awaitReady("VaultStaticSecret", "orders")
	r.gate.take()
	key := client.ObjectKey{Namespace: r.space, Name: "orders"}
	spoil := map[string]func(*corev1.Secret) error{
		"value": func(s *corev1.Secret) error {
			s.Data["password"] = []byte("x")
			return r.client.Update(t.Context(), s)
		},
		"key": func(s *corev1.Secret) error {
			s.Data["more"] = []byte("x")
			return r.client.Update(t.Context(), s)
		},
		"deleted": func(s *corev1.Secret) error { return r.client.Delete(t.Context(), s) },
	}
	for _, how := range []string{"value", "key", "deleted"} {
		var s corev1.Secret
		must(t, r.client.Get(t.Context(), key, &s))
		must(t, spoil[how](&s))
		r.awaitData("orders", map[string]string{"password": canary + "-1"})
	}
	if n := r.gate.asked("GET secret/data/"); n != 0 {
		t.Errorf("%d reads of Vault for drift, want none", n)
	}
}

// TestOperatorStaticMissing deletes a secret in Vault, and writes it again.
func TestOperatorStaticMissing(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.operator()
	policies := []string{"retain", "clear", "delete"}
	for _, policy := range policies {
		r.vss(policy, "NAME/app", "refreshAfter: 1s\nonMissing: "+policy)
	}
	for _, policy := range policies {
		r.awaitData(policy, map[string]string{"password": canary + "-1"})
	}
	must(t, r.vault.Delete(t.Context(), "secret/data/"+r.name+"/app"))
	for _, policy := range policies {
		c := r.awaitCondition("VaultStaticSecret", policy, v1beta1.ConditionReady, metav1.ConditionFalse)
		if c.Reason != v1beta1.ReasonSecretMissing {
			t.Errorf("%s: reason %s: %s", policy, c.Reason, c.Message)
		}
	}
	r.awaitData("retain", map[string]string{"password": canary + "-1"})
	r.awaitData("clear", map[string]string{})
	await(t, func() error {
		if got := r.secret("delete"); got != nil {
			return fmt.Errorf("the Secret is still there: %v", got)
		}
		return nil
	})
	r.put("app", canary+"-2")
	for _, policy := range policies {
		r.awaitData(policy, map[string]string{"password": canary + "-2"})
		r.awaitReady("VaultStaticSecret", policy)
	}
}

// TestOperatorStaticRestart restarts a Deployment when the data changes, and only
// then.
func TestOperatorStaticRestart(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.operator()
	labels := map[string]string{"app": "orders"}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.space, Name: "orders"},
		Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}},
		}},
	}
	must(t, r.client.Create(t.Context(), d))
	stamp := func() string {
		must(t, r.client.Get(t.Context(), client.ObjectKeyFromObject(d), d))
		return d.Spec.Template.Annotations[v1beta1.AnnotationRestartedAt]
	}
	const more = "refreshAfter: 1s\nrolloutRestartTargets: [{kind: Deployment, name: orders}]"
	r.vss("orders", "NAME/app", more)
	r.awaitReady("VaultStaticSecret", "orders")
	r.vss("orders", "NAME/app", more+"\ndestination: {name: orders, create: true, labels: {a: b}}")
	r.awaitReady("VaultStaticSecret", "orders")
	if got := stamp(); got != "" {
		t.Errorf("restarted at %s without a change of the data", got)
	}
	r.put("app", canary+"-2")
	r.awaitCondition("VaultStaticSecret", "orders", v1beta1.ConditionRolloutRestart, metav1.ConditionTrue)
	if stamp() == "" {
		t.Error("the Deployment was not restarted")
	}

	pause := func(paused bool) { // others write the Deployment, too
		patch := fmt.Appendf(nil, `{"spec":{"paused":%t}}`, paused)
		must(t, r.client.Patch(t.Context(), d, client.RawPatch(types.MergePatchType, patch)))
	}
	pause(true)
	before := stamp()
	r.put("app", canary+"-3")
	c := r.awaitCondition("VaultStaticSecret", "orders", v1beta1.ConditionRolloutRestart, metav1.ConditionFalse)
	if c.Reason != v1beta1.ReasonRolloutPending {
		t.Errorf("reason %s: %s", c.Reason, c.Message)
	}
	r.awaitReady("VaultStaticSecret", "orders")
	pause(false)
	await(t, func() error {
		if stamp() == before {
			return fmt.Errorf("the Deployment is still of %s", before)
		}
		return nil
	})
}

// TestOperatorStaticReferences makes what an object refers to only after the object,
// and changes it.
func TestOperatorStaticReferences(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.operator()
	r.vss("orders", "NAME/app", "vaultAuthRef: late\ndestination: {name: orders, create: true, transformation: {transformationRefs: [{name: shape}]}}")
	c := r.awaitCondition("VaultStaticSecret", "orders", v1beta1.ConditionReady, metav1.ConditionFalse)
	if c.Reason != v1beta1.ReasonTransformationError {
		t.Errorf("reason %s: %s", c.Reason, c.Message)
	}
	const shape = `
apiVersion: secrets.hashicorp.com/v1beta1
kind: SecretTransformation
metadata: {name: shape, namespace: SPACE}
spec: {excludes: ['.*'], templates: {x: {text: '{{ get .Secrets "password" }}MARK'}}}
`
	r.apply(strings.ReplaceAll(shape, "MARK", "!"))
	await(t, func() error {
		o := r.object("VaultStaticSecret", "orders")
		for _, c := range conditions(o) {
			if c.Type == v1beta1.ConditionReady && c.Reason == v1beta1.ReasonVaultClientConfigError {
				return nil
			}
		}
		return fmt.Errorf("conditions: %+v", conditions(o))
	})
	r.apply(`
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultAuth
metadata: {name: late, namespace: SPACE}
spec:
  method: kubernetes
  mount: MOUNT
  kubernetes: {role: NAME, serviceAccount: app, audiences: [vault]}
`)
	r.awaitReady("VaultStaticSecret", "orders")
	r.awaitData("orders", map[string]string{"x": canary + "-1!"})
	r.apply(strings.ReplaceAll(shape, "MARK", "?"))
	r.awaitData("orders", map[string]string{"x": canary + "-1?"})

	r.apply(`
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultAuth
metadata: {name: late, namespace: SPACE}
spec:
  method: kubernetes
  mount: MOUNT
  kubernetes: {role: nobody, serviceAccount: app, audiences: [vault]}
`)
	c = r.awaitCondition("VaultStaticSecret", "orders", v1beta1.ConditionReady, metav1.ConditionFalse)
	if c.Reason != v1beta1.ReasonVaultClientError {
		t.Errorf("reason %s: %s", c.Reason, c.Message)
	}
	r.awaitData("orders", map[string]string{"x": canary + "-1?"})
}

// TestOperatorStaticRefresh asks for a refresh by the annotation.
func TestOperatorStaticRefresh(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.operator()
	r.vss("orders", "NAME/app", "")
	r.awaitReady("VaultStaticSecret", "orders")
	r.put("app", canary+"-2")
	o := r.object("VaultStaticSecret", "orders")
	patch := []byte(`{"metadata":{"annotations":{"` + v1beta1.AnnotationRefresh + `":"1"}}}`)
	must(t, r.client.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, patch)))
	r.awaitSecret("orders", "password", canary+"-2")
}

// TestOperatorStaticOutage shuts Vault away: the Secrets stay, each object says so
// once, and all of them come back by themselves. Meanwhile objects can be deleted.
func TestOperatorStaticOutage(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.operator()
	const objects = 20
	for i := range objects {
		r.vss(fmt.Sprintf("s%d", i), "NAME/app", "refreshAfter: 1s")
	}
	for i := range objects {
		r.awaitReady("VaultStaticSecret", fmt.Sprintf("s%d", i))
	}
	r.gate.shut.Store(true)
	for i := range objects {
		c := r.awaitCondition("VaultStaticSecret", fmt.Sprintf("s%d", i), v1beta1.ConditionSecretSynced, metav1.ConditionFalse)
		if c.Reason != v1beta1.ReasonSynced {
			t.Errorf("reason %s: %s", c.Reason, c.Message)
		}
	}
	before := r.versions()
	gone := r.object("VaultStaticSecret", "s0")
	must(t, r.client.Delete(t.Context(), gone))
	r.awaitGone(gone)
	r.gate.take()
	await(t, func() error {
		if n := r.gate.asked("GET secret/data/"); n < 2 {
			return fmt.Errorf("%d attempts, want two", n)
		}
		return nil
	})
	after := r.versions()
	for _, gone := range []string{"VaultStaticSecret " + r.space + "/s0", "Secret " + r.space + "/s0"} {
		delete(before, gone)
		delete(after, gone)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("attempts have written (-before +after):\n%s", diff)
	}
	for i := 1; i < objects; i++ {
		events := r.events("VaultStaticSecret", fmt.Sprintf("s%d", i))
		failures := 0
		for text, count := range events {
			if strings.HasPrefix(text, "Warning VaultClientError") {
				failures += int(count)
			}
		}
		if failures > 2 { // the connection that broke, and the one that was not made
			t.Errorf("s%d: %d events of one outage: %v", i, failures, events)
		}
	}
	r.put("app", canary+"-2")
	r.gate.shut.Store(false)
	for i := 1; i < objects; i++ {
		r.awaitReady("VaultStaticSecret", fmt.Sprintf("s%d", i))
		r.awaitSecret(fmt.Sprintf("s%d", i), "password", canary+"-2")
	}
}
