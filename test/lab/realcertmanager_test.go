package lab_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

const (
	certManagerIO    = "/apis/cert-manager.io/v1/namespaces/default/"
	mutatingWebhooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/"
)

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
			askForCertificate(t, k, name, "")
			first := awaitBundle(t, k, m, name, "")
			if n := bytes.Count(first, []byte("BEGIN")); n != 1 {
				t.Errorf("%d certificates at first, want 1", n)
			}
			awaitIssued(t, k, m, name)
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

// askForCertificate makes a self-signed one, and a webhook that is told to trust it. With
// another look they are changed.
func askForCertificate(t *testing.T, k *lab.Kubernetes, name, look string) {
	t.Helper()
	type object = map[string]any
	for _, wanted := range []struct {
		path   string
		object object
	}{
		{certManagerIO + "issuers/" + name, object{"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "spec": object{"selfSigned": object{}}}},
		{certManagerIO + "certificates/" + name, object{
			"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
			"spec": object{"secretName": name, "dnsNames": []string{"one"}, "issuerRef": object{"name": name}},
		}},
		{mutatingWebhooks + name, object{
			"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
			"webhooks": []object{{
				"name": "one.example.com", "sideEffects": "None", "admissionReviewVersions": []string{"v1"},
				"clientConfig": object{"url": "https://127.0.0.1:1/"},
			}},
		}},
	} {
		wanted.object["metadata"] = object{"name": name, "annotations": object{
			"cert-manager.io/inject-ca-from": "default/" + name, "example.com/look": look,
		}}
		_, err := k.Apply(t.Context(), wanted.path, wanted.object)
		must(t, err)
	}
}

// awaitIssued waits until cert-manager has done all that belongs to a certificate: the
// Secret is there before the last status is. What happens to the Secret between the two
// has been missed by it, rarely.
func awaitIssued(t *testing.T, k *lab.Kubernetes, m *lab.CertManager, name string) {
	t.Helper()
	awaitOf(t, k, m, name, func() error {
		certificate, err := k.Do(t.Context(), http.MethodGet, certManagerIO+"certificates/"+name, nil)
		must(t, err)
		conditions, _ := dig(certificate, "status", "conditions").([]any)
		if len(conditions) != 1 || dig(conditions[0].(map[string]any), "type") != "Ready" || dig(conditions[0].(map[string]any), "status") != "True" {
			return fmt.Errorf("its conditions are %v", conditions)
		}
		return nil
	})
}

// awaitBundle waits until the webhook has another bundle.
func awaitBundle(t *testing.T, k *lab.Kubernetes, m *lab.CertManager, name, former string) (bundle []byte) {
	t.Helper()
	awaitOf(t, k, m, name, func() error {
		configuration, err := k.Do(t.Context(), http.MethodGet, mutatingWebhooks+name, nil)
		must(t, err)
		webhooks, _ := configuration["webhooks"].([]any)
		text, _ := dig(webhooks[0].(map[string]any), "clientConfig", "caBundle").(string)
		bundle, err = base64.StdEncoding.DecodeString(text)
		if err == nil && (text == "" || string(bundle) == former) {
			err = fmt.Errorf("the bundle is %q", bundle)
		}
		return err
	})
	return bundle
}

// awaitOf waits for something that cert-manager does for a name. Its controllers do not
// try again what they believe to be complete, so every quarter of a minute their objects
// are changed, which lets them look once more.
func awaitOf(t *testing.T, k *lab.Kubernetes, m *lab.CertManager, name string, look func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	nudge := time.NewTicker(15 * time.Second)
	defer nudge.Stop()
	for {
		// The requests' own context ends later, so that the last word is ours.
		err := look()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case now := <-nudge.C:
			t.Logf("%v: cert-manager has to look again", err)
			askForCertificate(t, k, name, now.String())
		case <-ctx.Done():
			t.Fatalf("%v; cert-manager:\n%s", err, m.Log())
		}
	}
}
