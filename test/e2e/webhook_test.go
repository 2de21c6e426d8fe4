package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestWebhook has the API server ask an injector that manages its certificates
// itself.
func TestWebhook(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	a, address := w.serve("one")
	w.gate.lead(address)
	w.awaitReady(address)
	for i, b := range w.bundles() {
		if !strings.Contains(b, "BEGIN CERTIFICATE") {
			t.Errorf("webhook %d has the bundle %q", i, b)
		}
	}
	t.Run("create", w.testCreate)
	t.Run("selectors", w.testSelectors)
	t.Run("refusals", w.testRefusals)
	t.Run("emptied bundle", func(t *testing.T) {
		w.configure([]byte{})
		await(t, func() error {
			if c := w.create("dryRun=All", nil, nil); !c.injected() {
				return errorf("%d %s", c.code, c.message)
			}
			return nil
		})
	})
	if code, _ := w.answer(address, "/health/ready"); code != http.StatusNoContent {
		t.Errorf("/health/ready: %d", code)
	}
	if got := w.metric(address, `vault_agent_injector_failed_injections_by_namespace_total{namespace="`+w.namespace+`"}`); got != "2" {
		t.Errorf("%q refusals are counted", got)
	}
	if code := a.end(); code != 0 {
		t.Errorf("exit code %d at the end", code)
	}
	if c := w.create("", map[string]string{"hook": "lax"}, nil); c.code != http.StatusCreated || c.injected() {
		t.Errorf("without an injector, policy Ignore: %d %s", c.code, c.message)
	}
	if c := w.create("", nil, nil); c.code != http.StatusInternalServerError || !strings.Contains(c.message, `failed calling webhook "strict.vaultk8s.io"`) {
		t.Errorf("without an injector, policy Fail: %d %s", c.code, c.message)
	}
}

func (w *webhook) testCreate(t *testing.T) {
	c := w.create("fieldValidation=Strict", nil, map[string]string{"vault.hashicorp.com/agent-inject-secrt-app": "x"})
	if !c.injected() || len(c.pod.Spec.InitContainers) != 1 || len(c.pod.Spec.Containers) != 2 {
		t.Fatalf("%d %s: %+v", c.code, c.message, c.pod.Spec)
	}
	want := `299 - "vault.hashicorp.com/agent-inject-secrt-app is unknown and has no effect; did you mean vault.hashicorp.com/agent-inject-secret-app?"`
	if len(c.warnings) != 1 || c.warnings[0] != want {
		t.Errorf("warnings %q", c.warnings)
	}
	dry := w.create("dryRun=All", nil, nil)
	if !dry.injected() {
		t.Errorf("dry run: %d %s", dry.code, dry.message)
	}
	path := "/api/v1/namespaces/" + w.namespace + "/pods/"
	if gone := w.send(http.MethodGet, path+dry.pod.Name, nil); gone.code != http.StatusNotFound {
		t.Errorf("a dry run leaves a pod: %d", gone.code)
	}
	again := c.pod.DeepCopy()
	again.Labels = map[string]string{"changed": "yes"}
	if u := w.send(http.MethodPut, path+c.pod.Name, again); u.code != http.StatusOK || len(u.pod.Spec.Containers) != 2 || len(u.warnings) > 0 {
		t.Errorf("update: %d %s %q", u.code, u.message, u.warnings)
	}
	if old := w.create("dryRun=All", nil, map[string]string{"vault.hashicorp.com/agent-image": "hashicorp/vault:1.21.2"}); !old.injected() || old.pod.Spec.InitContainers[0].Command[0] != "/bin/sh" {
		t.Errorf("an old agent: %d %s", old.code, old.message)
	}
}

func (w *webhook) testSelectors(t *testing.T) {
	if c := w.create("dryRun=All", map[string]string{"hook": "none"}, nil); c.code != http.StatusCreated || c.injected() {
		t.Errorf("the object selector leaves it out: %d %s", c.code, c.message)
	}
	if c := w.create("dryRun=All", map[string]string{"hook": "lax"}, nil); !c.injected() {
		t.Errorf("the other webhook: %d %s", c.code, c.message)
	}
	other := w.send(http.MethodPost, "/api/v1/namespaces/shop/pods?dryRun=All", corev1.Pod{})
	if strings.Contains(other.message, "webhook") {
		t.Errorf("another namespace: %s", other.message)
	}
}

func (w *webhook) testRefusals(t *testing.T) {
	cases := map[string]struct {
		annotations map[string]string
		want        string
	}{
		"no role":  {map[string]string{"vault.hashicorp.com/role": ""}, "error validating agent configuration: no Vault role found: set vault.hashicorp.com/role"},
		"template": {map[string]string{"vault.hashicorp.com/agent-inject-template-app": "a\n{{ wiht }}"}, "vault.hashicorp.com/agent-inject-template-app"},
	}
	for name, tc := range cases {
		c := w.create("", nil, tc.annotations)
		if c.code < 400 || !strings.HasPrefix(c.message, `admission webhook "strict.vaultk8s.io" denied the request: `) || !strings.Contains(c.message, tc.want) {
			t.Errorf("%s: %d %s", name, c.code, c.message)
		}
	}
}

// TestWebhookReportsWhatItMissed finds the pod that came while no injector ran.
func TestWebhookReportsWhatItMissed(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	c := w.create("", map[string]string{"hook": "lax", "seen": w.name}, nil)
	if c.code != http.StatusCreated || c.injected() {
		t.Fatalf("%d %s", c.code, c.message)
	}
	path := "/api/v1/namespaces/" + w.namespace + "/pods/" + c.pod.Name
	c.pod.Status.Phase = corev1.PodRunning // as a kubelet would say
	if s := w.send(http.MethodPut, path+"/status", c.pod); s.code != http.StatusOK {
		t.Fatalf("%d %s", s.code, s.message)
	}
	_, address := w.serve("one", "-report-missing", "-report-selector=seen="+w.name)
	await(t, func() error {
		if got := w.metric(address, "vaultk8s_injector_pods_without_agent"); got != "1" {
			return errorf("%q pods without an agent", got)
		}
		return nil
	})
	await(t, func() error {
		out, err := world.kubernetes.Do(t.Context(), "GET", "/api/v1/namespaces/"+w.namespace+"/events?fieldSelector=reason=InjectionMissing,involvedObject.name="+c.pod.Name, nil)
		if items, _ := out["items"].([]any); err != nil || len(items) != 1 {
			return errorf("%d events, %v", len(items), err)
		}
		return nil
	})
}
