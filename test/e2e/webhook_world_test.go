package e2e_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// webhook is a MutatingWebhookConfiguration with the injectors behind it.
type webhook struct {
	*pod
	namespace string // whose pods it sees
	gate      *gate
	user      *http.Client
	token     string // of an administrator
}

// gate is what a Service is in a cluster: one address before those replicas that
// are ready.
type gate struct {
	net.Listener
	mu       sync.Mutex
	replicas []string
	moved    sync.WaitGroup
}

func newGate(t *testing.T) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	g := &gate{Listener: l}
	g.moved.Go(g.serve)
	t.Cleanup(func() {
		_ = l.Close()
		g.moved.Wait()
	})
	return g
}

// lead has connections go to these replicas, one after the other.
func (g *gate) lead(replicas ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.replicas = replicas
}

func (g *gate) next() (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for range g.replicas {
		address := g.replicas[0]
		g.replicas = append(g.replicas[1:], address)
		if c, err := net.Dial("tcp", address); err == nil {
			return c, nil
		}
	}
	return nil, net.ErrClosed
}

func (g *gate) serve() {
	for {
		c, err := g.Accept()
		if err != nil {
			return
		}
		to, err := g.next()
		if err != nil {
			_ = c.Close()
			continue
		}
		g.moved.Go(func() { move(c, to) })
		g.moved.Go(func() { move(to, c) })
	}
}

func move(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}

// newWebhook makes a configuration without a bundle, for the pods of a namespace
// of its own, and a service account with the rights that the documentation names.
func newWebhook(t *testing.T) *webhook {
	t.Helper()
	w := &webhook{pod: newPod(t), gate: newGate(t)}
	w.namespace = "hook-" + w.name
	k := world.kubernetes
	must(t, k.CreateServiceAccount(t.Context(), w.namespace, "injector"))
	must(t, k.CreateServiceAccount(t.Context(), w.namespace, "app"))
	must(t, k.CreateServiceAccount(t.Context(), w.namespace, "admin"))
	must(t, k.BindClusterRole(t.Context(), "cluster-admin", w.namespace, "admin"))
	w.authorize()
	token, err := k.Token(t.Context(), w.namespace, "injector", "", accountLife)
	must(t, err)
	w.secretly(token)
	w.file("injector-token", token)
	w.file("kubernetes-ca", string(k.CACert()))
	w.token, err = k.Token(t.Context(), w.namespace, "admin", "", accountLife)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(k.CACert())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	w.user = &http.Client{Transport: transport, Timeout: patience}
	t.Cleanup(transport.CloseIdleConnections)
	w.configure(nil)
	return w
}

// authorize gives the injector's service account what it needs, and no more.
func (w *webhook) authorize() {
	w.t.Helper()
	rule := func(group, resource, name string, verbs ...string) map[string]any {
		r := map[string]any{"apiGroups": []string{group}, "resources": []string{resource}, "verbs": verbs}
		if name != "" {
			r["resourceNames"] = []string{name}
		}
		return r
	}
	apply := func(kind, path string, more map[string]any) {
		object := map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": map[string]any{"name": w.namespace}}
		for k, v := range more {
			object[k] = v
		}
		_, err := world.kubernetes.Apply(w.t.Context(), "/apis/rbac.authorization.k8s.io/v1/"+path+"/"+w.namespace, object)
		must(w.t, err)
	}
	subjects := []map[string]any{{"kind": "ServiceAccount", "namespace": w.namespace, "name": "injector"}}
	refer := func(kind string) map[string]any {
		return map[string]any{"subjects": subjects, "roleRef": map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": w.namespace}}
	}
	apply("ClusterRole", "clusterroles", map[string]any{"rules": []any{
		rule("admissionregistration.k8s.io", "mutatingwebhookconfigurations", w.namespace, "get", "list", "watch", "patch"),
		rule("", "pods", "", "list", "watch"), rule("", "events", "", "create"),
	}})
	apply("ClusterRoleBinding", "clusterrolebindings", refer("ClusterRole"))
	own := "namespaces/" + w.namespace + "/"
	apply("Role", own+"roles", map[string]any{"rules": []any{
		rule("", "secrets", "", "create"), rule("", "secrets", "vaultk8s-injector-certs", "get", "update"),
		rule("coordination.k8s.io", "leases", "", "create"), rule("coordination.k8s.io", "leases", "vaultk8s-injector", "get", "update"),
	}})
	apply("RoleBinding", own+"rolebindings", refer("Role"))
}

// configure writes the configuration: two webhooks, of which one sees pods with a
// label; nil for the bundle leaves it empty, as charts do.
func (w *webhook) configure(bundle []byte) {
	w.t.Helper()
	hook := func(name, policy string, labels map[string]any) map[string]any {
		config := map[string]any{"url": "https://" + w.gate.Addr().String() + "/mutate"}
		if bundle != nil {
			config["caBundle"] = bundle
		}
		return map[string]any{
			"name": name, "sideEffects": "None", "admissionReviewVersions": []string{"v1", "v1beta1"}, "failurePolicy": policy, "timeoutSeconds": 10,
			"clientConfig":      config,
			"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": w.namespace}},
			"objectSelector":    labels,
			"rules":             []any{map[string]any{"operations": []string{"CREATE"}, "apiGroups": []string{""}, "apiVersions": []string{"v1"}, "resources": []string{"pods"}, "scope": "Namespaced"}},
		}
	}
	strict := map[string]any{"matchExpressions": []any{map[string]any{"key": "hook", "operator": "NotIn", "values": []string{"none", "lax"}}}}
	_, err := world.kubernetes.Apply(w.t.Context(), w.configurationPath(), map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": map[string]any{"name": w.namespace},
		"webhooks": []any{hook("strict.vaultk8s.io", "Fail", strict), hook("lax.vaultk8s.io", "Ignore", map[string]any{"matchLabels": map[string]any{"hook": "lax"}})},
	})
	must(w.t, err)
	w.t.Cleanup(func() { _, _ = world.kubernetes.Do(w.t.Context(), "DELETE", w.configurationPath(), nil) })
}

func (w *webhook) configurationPath() string {
	return "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/" + w.namespace
}

// bundles returns what the webhooks have.
func (w *webhook) bundles() []string {
	w.t.Helper()
	out, err := world.kubernetes.Do(w.t.Context(), "GET", w.configurationPath(), nil)
	must(w.t, err)
	var all []string
	for _, h := range out["webhooks"].([]any) {
		text, _ := dig(h.(map[string]any), "clientConfig", "caBundle").(string)
		decoded, err := base64.StdEncoding.DecodeString(text)
		must(w.t, err)
		all = append(all, string(decoded))
	}
	return all
}

// serve starts an injector of that name, and returns it with its address.
func (w *webhook) serve(name string, args ...string) (*agent, string) {
	w.t.Helper()
	k := world.kubernetes
	args = slices.Concat([]string{
		"agent-inject", "2>&1", "-listen=127.0.0.1:0", "-vault-address=" + w.vault.Address(), "-log-format=json", "-log-level=debug",
		"-tls-auto=" + w.namespace, "-tls-auto-hosts=127.0.0.1", "-telemetry-path=/metrics", "-drain-delay=1s",
		"-kubernetes-address=" + k.URL(), "-kubernetes-ca-file=" + w.path("kubernetes-ca"), "-kubernetes-token-file=" + w.path("injector-token"),
	}, args)
	a := w.execute(world.program, args, []string{"NAMESPACE=" + w.namespace, "POD_NAME=" + name}, attributes())
	a.awaitLog(1, "injector listens")
	address, _ := a.logged("injector listens")[0]["address"].(string)
	return a, address
}

// answer asks an injector for a page.
func (w *webhook) answer(address, path string) (int, string) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "https://"+address+path, http.NoBody)
	must(w.t, err)
	answer, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if path != "/metrics" {
		w.note(string(text))
	}
	return answer.StatusCode, string(text)
}

func (w *webhook) awaitReady(address string) {
	w.t.Helper()
	await(w.t, func() error {
		if code, text := w.answer(address, "/readyz"); code != http.StatusOK {
			return fmt.Errorf("not ready: %d %s", code, text)
		}
		return nil
	})
}

// created is the API server's answer to a pod.
type created struct {
	code     int
	message  string
	warnings []string
	pod      corev1.Pod
}

func (c created) injected() bool {
	return c.code == http.StatusCreated && c.pod.Annotations["vault.hashicorp.com/agent-inject-status"] == "injected"
}

// create makes a pod as kubectl does.
func (w *webhook) create(query string, labels, annotations map[string]string) created {
	all := map[string]string{
		"vault.hashicorp.com/agent-inject": "true", "vault.hashicorp.com/role": w.name,
		"vault.hashicorp.com/agent-inject-secret-app": "secret/data/" + w.name + "/app",
	}
	for k, v := range annotations {
		all[k] = v
	}
	return w.send(http.MethodPost, "/api/v1/namespaces/"+w.namespace+"/pods?"+query, map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"generateName": "web-", "labels": labels, "annotations": all},
		"spec": map[string]any{"serviceAccountName": "app", "containers": []any{map[string]any{"name": "web", "image": "web"}}},
	})
}

// send sends a request as an administrator.
func (w *webhook) send(method, path string, body any) created {
	text, err := json.Marshal(body)
	if err != nil {
		return created{message: err.Error()}
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, world.kubernetes.URL()+path, bytes.NewReader(text))
	if err != nil {
		return created{message: err.Error()}
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.user.Do(r)
	if err != nil {
		return created{message: err.Error()}
	}
	defer answer.Body.Close()
	c := created{code: answer.StatusCode, warnings: answer.Header.Values("Warning")}
	content, err := io.ReadAll(answer.Body)
	var status struct{ Message string }
	if err == nil && c.code < 300 {
		err = json.Unmarshal(content, &c.pod)
	} else if err == nil {
		err = json.Unmarshal(content, &status)
	}
	c.message = status.Message
	if err != nil {
		c.message = err.Error()
	}
	return c
}

// load makes pods without a pause until the function is called, which returns how
// many there were. Each that is not injected is an error of the test.
func (w *webhook) load() (stop func() int) {
	done := make(chan struct{})
	var clients sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(10 * time.Millisecond):
				}
				c := w.create("dryRun=All", nil, nil)
				mu.Lock()
				made++
				mu.Unlock()
				if !c.injected() {
					w.t.Errorf("a pod is not injected: %d %s", c.code, c.message)
					return
				}
			}
		})
	}
	return sync.OnceValue(func() int {
		close(done)
		clients.Wait()
		return made
	})
}

// metric is a line of an injector's metrics.
func (w *webhook) metric(address, name string) string {
	_, page := w.answer(address, "/metrics")
	for line := range strings.Lines(page) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// fixture reads a file of manifests as its user has written it.
func fixture(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	must(t, err)
	return strings.Split(string(text), "\n---\n")
}
