package lab_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

const certManagerIO = "/apis/cert-manager.io/v1/namespaces/default/"

func TestCertManager(t *testing.T) {
	root := tempRoot(t)
	k, err := lab.StartKubernetes(t.Context(), lab.KubernetesOptions{})
	must(t, err)
	t.Cleanup(func() { _ = k.Stop() })
	for name, tc := range map[string]struct {
		options lab.CertManagerOptions
		want    int // certificates in the bundle after the second one was made
	}{
		"adds":     {want: 2},
		"replaces": {options: lab.CertManagerOptions{ReplaceBundles: true}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := lab.StartCertManager(t.Context(), k, tc.options)
			must(t, err)
			t.Cleanup(func() { must(t, m.Stop()) })
			askForCertificate(t, k, name)
			first := awaitBundle(t, k, m, name, "")
			if n := bytes.Count(first, []byte("BEGIN")); n != 1 {
				t.Errorf("%d certificates at first, want 1", n)
			}
			_, err = k.Do(t.Context(), http.MethodDelete, "/api/v1/namespaces/default/secrets/"+name, nil)
			must(t, err)
			second := awaitBundle(t, k, m, name, string(first))
			if n := bytes.Count(second, []byte("BEGIN")); n != tc.want {
				t.Errorf("%d certificates then, want %d; cert-manager:\n%s", n, tc.want, m.Log())
			}
			must(t, m.Stop())
		})
	}
	pids := k.PIDs()
	must(t, k.Stop())
	expectNothing(t, root, pids, hostPort(k.URL()))
}

// askForCertificate makes a self-signed one, and a webhook that is told to trust it.
func askForCertificate(t *testing.T, k *lab.Kubernetes, name string) {
	t.Helper()
	type object = map[string]any
	for path, more := range map[string]object{
		certManagerIO + "issuers/" + name: {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "spec": object{"selfSigned": object{}}},
		certManagerIO + "certificates/" + name: {
			"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
			"spec": object{"secretName": name, "dnsNames": []string{"one"}, "issuerRef": object{"name": name}},
		},
		"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/" + name: {
			"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
			"webhooks": []object{{
				"name": "one.example.com", "sideEffects": "None", "admissionReviewVersions": []string{"v1"},
				"clientConfig": object{"url": "https://127.0.0.1:1/"},
			}},
		},
	} {
		more["metadata"] = object{"name": name, "annotations": object{"cert-manager.io/inject-ca-from": "default/" + name}}
		_, err := k.Apply(t.Context(), path, more)
		must(t, err)
	}
}

// awaitBundle waits until the webhook has another bundle.
func awaitBundle(t *testing.T, k *lab.Kubernetes, m *lab.CertManager, name, former string) (bundle []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		// Its own context ends later, so that the last word is ours.
		configuration, err := k.Do(t.Context(), http.MethodGet, "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/"+name, nil)
		must(t, err)
		webhooks, _ := configuration["webhooks"].([]any)
		text, _ := dig(webhooks[0].(map[string]any), "clientConfig", "caBundle").(string)
		bundle, err = base64.StdEncoding.DecodeString(text)
		if err == nil && text != "" && string(bundle) != former {
			return bundle
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the bundle is %q; cert-manager:\n%s", bundle, m.Log())
		}
	}
}
