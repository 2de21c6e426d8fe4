package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// runContainer runs a container of an injected pod: what the kubelet would do,
// without its image, of which only the program is needed. Its volumes, which are
// all in memory, lie in a directory.
func (w *webhook) runContainer(c corev1.Container, memory string) *agent {
	w.t.Helper()
	volumes := map[string]string{}
	for _, m := range c.VolumeMounts {
		volumes[m.MountPath] = filepath.Join(memory, m.Name)
		must(w.t, os.MkdirAll(volumes[m.MountPath], 0o755))
		if m.MountPath == accountDir {
			volumes[m.MountPath] = w.account("app")[accountDir]
		}
	}
	before := w.env
	for _, e := range c.Env {
		if e.ValueFrom == nil {
			w.env = append(w.env, e.Name+"="+e.Value)
		}
	}
	defer func() { w.env = before }()
	return w.contained(container{Volumes: volumes}, c.Args...)
}

// TestWebhookChain goes the whole way: manifest, API server, injector, the
// containers of the pod as processes, Vault, files.
func TestWebhookChain(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	_, address := w.serve("one")
	w.gate.lead(address)
	w.awaitReady(address)
	role := w.name + "-pod"
	must(t, w.vault.WriteKubernetesRole(t.Context(), "kubernetes", role, lab.KubernetesRole{
		Namespaces: []string{"shop"}, ServiceAccounts: []string{"app"}, Policies: []string{w.name}, TTL: time.Hour,
	}))
	c := w.create("", nil, map[string]string{
		"vault.hashicorp.com/role":                                   role,
		"vault.hashicorp.com/agent-inject-template-app":              w.text(`{{ with secret "secret/data/NAME/app" }}password={{ .Data.data.password }}{{ end }}`),
		"vault.hashicorp.com/template-static-secret-render-interval": "1s",
	})
	if !c.injected() {
		t.Fatalf("%d %s", c.code, c.message)
	}
	first, second := c.pod.Spec.InitContainers[0], c.pod.Spec.Containers[1]
	memory, err := os.MkdirTemp("/dev/shm", "e2e-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(memory)) })
	if code := w.runContainer(first, memory).wait(); code != 0 {
		t.Fatalf("exit code %d of the init container", code)
	}
	must(t, os.Symlink(memory, w.path("volumes")))
	const file = "volumes/vault-secrets/app"
	if got := w.read(file); got != "password="+canary+"-1" {
		t.Errorf("file holds %q", got)
	}
	a := w.runContainer(second, memory)
	w.put("app", canary+"-2")
	w.awaitFile(file, "password="+canary+"-2")
	if code := a.end(); code != 0 {
		t.Errorf("exit code %d of the sidecar", code)
	}
	if n := w.logins(); n != 1 {
		t.Errorf("%d logins of one pod, want the one of the init container", n)
	}
}

// TestWebhookFixtures gives the manifests of a user, as they are, to the API
// server, whose controllers make the pods.
func TestWebhookFixtures(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	_, address := w.serve("one")
	w.gate.lead(address)
	w.awaitReady(address)
	must(t, world.kubernetes.CreateServiceAccount(t.Context(), w.namespace, "orders-sa"))
	want := map[string][2]int{"orders-static": {1, 1}, "orders-dynamic": {1, 2}} // init containers and containers
	for _, text := range fixture(t, "injector.yaml") {
		var object map[string]any
		must(t, yaml.Unmarshal([]byte(text), &object))
		metadata, _ := object["metadata"].(map[string]any)
		name, _ := metadata["name"].(string)
		metadata["namespace"] = w.namespace // the webhook of this test sees no other
		_, err := world.kubernetes.Apply(t.Context(), "/apis/apps/v1/namespaces/"+w.namespace+"/deployments/"+name, object)
		must(t, err)
		await(t, func() error { return w.hasPods(name, want[name]) })
	}
}

// hasPods checks the three replicas of a Deployment.
func (w *webhook) hasPods(app string, want [2]int) error {
	out, err := world.kubernetes.Do(w.t.Context(), "GET", "/api/v1/namespaces/"+w.namespace+"/pods?labelSelector=app="+app, nil)
	if err != nil {
		return err
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	var pods corev1.PodList
	if err := json.Unmarshal(text, &pods); err != nil {
		return err
	}
	if len(pods.Items) != 3 {
		return errorf("%d pods of %s", len(pods.Items), app)
	}
	for _, p := range pods.Items {
		if got := [2]int{len(p.Spec.InitContainers), len(p.Spec.Containers)}; got != want {
			return errorf("%s has %d containers, want %d", p.Name, got, want)
		}
	}
	return nil
}
