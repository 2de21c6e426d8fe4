package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

const (
	// peerInjector names the old injector's binary. Without it, ours is measured
	// alone: it cannot be built from published modules.
	peerInjector = "PEER_VAULT_K8S"
	// admissionTime is how long each load lasts.
	admissionTime = 3 * time.Second
	// admissions of the memory's measurement, and what it may grow by.
	admissions        = 100_000
	admissionGrowth   = 1.15
	plainTarget       = 1.0 // milliseconds of a pod of somebody else, median
	admissionPatience = 10 * time.Minute
)

// loads are how many connections ask at the same time.
func loads() []int { return []int{1, 8, 64} }

// runInjector measures admissions over TLS on connections that stay.
func runInjector(ctx context.Context, s *scene) (*table, error) {
	ctx, cancel := context.WithTimeout(ctx, admissionPatience)
	defer cancel()
	certificate, key, err := s.webhookFiles()
	if err != nil {
		return nil, err
	}
	t := &table{header: []string{"injector", "pod", "connections", "admissions/s", "median", "p99"}}
	binaries := map[string]string{"vaultk8s": s.ours.binary}
	names := []string{"vaultk8s"}
	if peer := os.Getenv(peerInjector); peer != "" {
		names, binaries["vault-k8s"] = append(names, "vault-k8s"), peer
	}
	for _, name := range names {
		w := &webhookUnderLoad{scene: s, name: name, binary: binaries[name], certificate: certificate, key: key}
		if err := w.run(ctx, t); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(names) == 1 {
		t.note("The old injector is measured beside it where %s names its binary.", peerInjector)
	}
	return t, nil
}

func (s *scene) webhookFiles() (certificate, key string, err error) {
	authority, err := lab.NewAuthority("bench")
	if err != nil {
		return "", "", err
	}
	cert, private, err := authority.Issue(lab.Leaf{CommonName: "injector", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	if err != nil {
		return "", "", err
	}
	certificate, key = filepath.Join(s.dir, "webhook.crt"), filepath.Join(s.dir, "webhook.key")
	return certificate, key, writeCredentials(certificate, string(cert), key, string(private))
}

// webhookUnderLoad is one injector that is measured.
type webhookUnderLoad struct {
	*scene
	name, binary, certificate, key string
	address                        string
}

func (w *webhookUnderLoad) run(ctx context.Context, t *table) error {
	var err error
	if w.address, err = freeAddress(ctx); err != nil {
		return err
	}
	argv := []string{
		w.binary, "agent-inject", "-listen=" + w.address, "-vault-address=" + w.scene.address, "-log-level=error",
		"-tls-cert-file=" + w.certificate, "-tls-key-file=" + w.key,
	}
	env := append(agentEnv(w.dir), "KUBERNETES_SERVICE_HOST="+os.Getenv("KUBERNETES_SERVICE_HOST"), "KUBERNETES_SERVICE_PORT="+os.Getenv("KUBERNETES_SERVICE_PORT"))
	p, err := attendant.Start(ctx, w.attend, filepath.Join(w.dir, "webhook.log"), env, argv)
	if err != nil {
		return err
	}
	err = w.measureAll(ctx, p, t)
	if _, stopErr := p.Stop(); err == nil {
		err = stopErr
	}
	return err
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (w *webhookUnderLoad) measureAll(ctx context.Context, p *attendant.Process, t *table) error {
	err := await(ctx, "the webhook", func() (bool, error) {
		_, err := w.load(ctx, 1, admissionOf(plainPod()), 0, 1)
		return err == nil, alive(p)
	})
	if err != nil {
		return err
	}
	for _, pod := range []struct {
		name string
		body []byte
	}{{"typical, with annotations", admissionOf(typicalPod())}, {"without annotations", admissionOf(plainPod())}} {
		for _, connections := range loads() {
			found, err := w.load(ctx, connections, pod.body, admissionTime, 0)
			if err != nil {
				return err
			}
			t.add(w.name, pod.name, fmt.Sprint(connections), digits(found.rate()), digits(found.quantile(0.5))+" ms", digits(found.quantile(0.99))+" ms")
			if connections == 1 && pod.name == "without annotations" {
				t.note("%s: a pod without annotations takes %s ms, target < %s ms: %s.", w.name, digits(found.quantile(0.5)), digits(plainTarget), verdict(found.quantile(0.5), plainTarget))
			}
		}
	}
	return w.flat(ctx, p, t)
}

// flat looks whether memory grows over many admissions.
func (w *webhookUnderLoad) flat(ctx context.Context, p *attendant.Process, t *table) error {
	body := admissionOf(typicalPod())
	if _, err := w.load(ctx, 8, body, 0, admissions/10); err != nil {
		return err
	}
	tenth, err := steadiest(ctx, p)
	if err != nil {
		return err
	}
	if _, err := w.load(ctx, 8, body, 0, admissions-admissions/10); err != nil {
		return err
	}
	last, err := steadiest(ctx, p)
	if err != nil {
		return err
	}
	growth := ratio(mib(last.Anon), mib(tenth.Anon))
	t.note("%s: private memory after %d admissions to that after a tenth of them: %s / %s MiB = %.2f; target ≤ %.2f: %s.",
		w.name, admissions, digits(mib(last.Anon)), digits(mib(tenth.Anon)), growth, admissionGrowth, verdict(growth, admissionGrowth))
	return nil
}

// admissionOf is the API server's question about a pod.
func admissionOf(pod map[string]any) []byte {
	text, err := json.Marshal(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": map[string]any{
			"uid": "0b7c1ad6-2f61-4d3a-9d5e-000000000000", "kind": map[string]any{"version": "v1", "kind": "Pod"},
			"resource": map[string]any{"version": "v1", "resource": "pods"}, "namespace": "shop", "operation": "CREATE", "object": pod,
		},
	})
	if err != nil {
		panic(err) // of texts and maps, always possible
	}
	return text
}

func plainPod() map[string]any {
	mounts := []any{map[string]any{"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}}
	managed := map[string]any{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:spec": strings.Repeat("f:x", 500)}}
	return map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"generateName": "orders-", "namespace": "shop", "labels": map[string]any{"app": "orders"}, "annotations": map[string]any{"prometheus.io/scrape": "true"}, "managedFields": []any{managed}},
		"spec": map[string]any{
			"serviceAccountName": "orders",
			"containers":         []any{map[string]any{"name": "app", "image": "registry.example.com/orders:1.2.3", "volumeMounts": mounts, "resources": map[string]any{"limits": map[string]any{"memory": "256Mi"}}}},
			"volumes":            []any{map[string]any{"name": "kube-api-access", "projected": map[string]any{"sources": []any{map[string]any{"serviceAccountToken": map[string]any{"path": "token"}}}}}},
		},
	}
}

// typicalPod asks for two secrets, one of them with a template.
func typicalPod() map[string]any {
	pod := plainPod()
	metadata, _ := pod["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	const prefix = "vault.hashicorp.com/"
	annotations[prefix+"agent-inject"] = "true"
	annotations[prefix+"role"] = "orders"
	annotations[prefix+"agent-inject-secret-config"] = "secret/data/orders/config"
	annotations[prefix+"agent-inject-template-config"] = "{{ with secret \"secret/data/orders/config\" }}DB_HOST={{ .Data.data.host }}\nDB_PASS={{ .Data.data.password }}\n{{ end }}"
	annotations[prefix+"agent-inject-secret-db"] = "database/creds/orders"
	annotations[prefix+"agent-limits-cpu"] = "100m"
	return pod
}
