package csi

import (
	"encoding/pem"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// TestConnectionFromTheCluster mounts from a real TLS server whose authority stands in a
// ConfigMap or a Secret of the pod's namespace, with a client certificate from a Secret
// there. Without the authority nothing is sent to the server.
func TestConnectionFromTheCluster(t *testing.T) {
	s := newServed(t, "vault.sock")
	server, seen := certificateVault(t, s, nil)
	c, kube := newKube(t)
	s.provider.o.Transport, s.provider.o.Kube, s.provider.objects = nil, kube, kubernetesObjects{kube: kube}
	s.provider.o.CSI.Events, s.provider.o.CSI.MountTimeout = false, time.Second
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	c.put("configmaps", "shop/ca", "ca.crt", authority)
	c.put("secrets", "shop/ca", "bundle.pem", authority)
	cert, key := selfSigned(t, "shop")
	c.put("secrets", "shop/client", "tls.crt", cert)
	c.put("secrets", "shop/client", "tls.key", key)
	s.run()
	parameters := func(more map[string]string) map[string]string {
		all := class("orders", twoKeys)
		all["vaultAddress"] = server.URL
		maps.Copy(all, more)
		return all
	}
	err := s.refuse(s.call(aPod("orders-sa", 1), parameters(nil)))
	if !strings.Contains(err.Error(), "certificate signed by unknown authority") || len(seen()) != 0 {
		t.Errorf("%v after %q", err, seen())
	}
	s.provider.o.CSI.MountTimeout = time.Minute
	for i, more := range []map[string]string{
		{"vaultCACertConfigMap": "ca", "vaultClientCertSecret": "client"}, {"vaultCACertSecret": "ca/bundle.pem"},
	} {
		if got := s.mount(aPod("orders-sa", 2+i), parameters(more)); got["db"] != canary+"-db" {
			t.Errorf("%v", got)
		}
	}
	want := []string{"auth/kubernetes/login by shop", "secret by shop", "auth/kubernetes/login by nobody", "secret by nobody"}
	if diff := cmp.Diff(want, seen()[:4]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNamespacesOfObjects: objects of one class may come from several namespaces of
// Vault, and each is read with a login that asks for its own.
func TestNamespacesOfObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, name := range []string{"team", "other"} {
			w.vault.EnableNamespace(name)
			w.vault.Policy(name+"/reader", map[string][]string{"secret/*": {"read"}})
			w.vault.EnableKV(name+"/secret", 2)
			w.vault.PutKV(name+"/secret", "app", map[string]any{"x": canary + "-" + name})
			w.vault.EnableKubernetesAuth(name + "/kubernetes")
			w.vault.KubernetesRole(name+"/kubernetes", "orders", fakevault.KubernetesRole{
				ServiceAccounts: []string{"orders-sa"}, Namespaces: []string{"shop"}, Token: fakevault.TokenRole{Policies: []string{"reader"}, TTL: time.Hour},
			})
		}
		got := w.mount(aPod("orders-sa", 1), map[string]string{"roleName": "orders", "vaultNamespace": "team", "objects": `
- {objectName: own, secretPath: secret/data/app, secretKey: x}
- {objectName: own-again, secretPath: secret/data/app, secretKey: x, namespace: team}
`})
		if diff := cmp.Diff(map[string]string{"own": canary + "-team", "own-again": canary + "-team"}, got); diff != "" {
			t.Error(diff)
		}
		if n := w.vault.Logins(); n != 1 {
			t.Errorf("%d logins of one namespace", n)
		}
		// A token of a parent reads in the child; one of a sibling does not.
		w.vault.Policy("orders", map[string][]string{"secret/*": {"read"}, "team/secret/*": {"read"}})
		got = w.mount(aPod("orders-sa", 2), class("orders", "- {objectName: above, secretPath: secret/data/orders/production, secretKey: db_pass}\n- {objectName: below, secretPath: secret/data/app, secretKey: x, namespace: team}"))
		if got["above"] != canary+"-db" || got["below"] != canary+"-team" {
			t.Errorf("%v", got)
		}
		err := w.refuse(w.call(aPod("orders-sa", 3), map[string]string{
			"roleName": "orders", "vaultNamespace": "team", "objects": "- {objectName: x, secretPath: secret/data/app, secretKey: x, namespace: other}",
		}))
		if codeName(err) != "PermissionDenied" {
			t.Error(err)
		}
	})
}
