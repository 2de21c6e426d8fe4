package session_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
)

// TestChanged: sessions end with what they were made of, and only then.
func TestChanged(t *testing.T) {
	global := &v1beta1.VaultAuthGlobal{ObjectMeta: meta("g", "shop", 20), Spec: v1beta1.VaultAuthGlobalSpec{
		AllowedNamespaces: []string{"*"}, DefaultMount: "kubernetes",
	}}
	auth := vaultAuth("with-global", "shop", 21, v1beta1.VaultAuthSpec{
		VaultAuthGlobalRef: &v1beta1.VaultAuthGlobalRef{Name: "g"}, Method: "kubernetes",
		AuthMethods: v1beta1.AuthMethods{Kubernetes: &v1beta1.KubernetesAuth{Role: "orders", ServiceAccount: "orders", Audiences: []string{"vault"}}},
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, global, auth)
		s, _ := w.start()
		ask := session.Ask{Namespace: "shop", AuthRef: "with-global"}
		first, other := in(t, s, ask), in(t, s, orders)
		watch := first.Watch(read("orders"), nil)
		changed := func(kind, namespace, name string) []session.TokenChange {
			s.Changed(kind, types.NamespacedName{Namespace: namespace, Name: name})
			return w.announced()
		}
		for _, name := range []string{"with-global", "orders", "none"} {
			if got := changed("VaultAuth", "shop", name); got != nil {
				t.Errorf("announced %v, but VaultAuth %s did not change", got, name)
			}
		}
		change(w, global, func(g *v1beta1.VaultAuthGlobal) { g.Spec.Headers = map[string]string{"X-A": "b"} })
		if got := changed("VaultAuthGlobal", "shop", "g"); got != nil {
			t.Errorf("announced %v, but the headers of the global one are not merged", got)
		}
		w.vault.EnableKubernetesAuth("second")
		w.vault.KubernetesRole("second", "orders", fakevault.KubernetesRole{ServiceAccounts: []string{"orders"}, Namespaces: []string{"*"}})
		change(w, global, func(g *v1beta1.VaultAuthGlobal) { g.Spec.DefaultMount = "second" })
		want := []session.TokenChange{{CacheKey: first.CacheKey(), Ended: true}}
		if diff := cmp.Diff(want, changed("VaultAuthGlobal", "shop", "g")); diff != "" {
			t.Errorf("announced (-want +got):\n%s", diff)
		}
		second := in(t, s, ask)
		if second == first || second.CacheKey() != first.CacheKey() || second.Identity() == first.Identity() {
			t.Error("the session of a changed VaultAuthGlobal is the old one")
		}
		watch.Close()
		change(w, connection("default", operatorNamespace, 1, v1beta1.VaultConnectionSpec{}), func(c *v1beta1.VaultConnection) { c.Spec.Timeout = "5s" })
		if got := changed("VaultConnection", operatorNamespace, "default"); len(got) != 2 {
			t.Errorf("announced %v, want the end of both sessions", got)
		}
		if again := in(t, s, orders); again.CacheKey() == other.CacheKey() {
			t.Error("the cache key does not know the generation of the connection")
		}
		if err := w.cluster.Delete(t.Context(), auth); err != nil {
			t.Fatal(err)
		}
		in(t, s, orders)
		if got := changed("VaultAuth", "shop", "with-global"); got != nil {
			t.Errorf("announced %v, but the session has ended before", got)
		}
		wantError(t, s, ask, "VaultAuth shop/with-global: it does not exist")
	})
}

// TestNoticedAtUse: a change that nobody told of is noticed at the next question.
func TestNoticedAtUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, _ := w.start()
		first := in(t, s, orders)
		change(w, vaultAuth("orders", "shop", 2, v1beta1.VaultAuthSpec{}), func(a *v1beta1.VaultAuth) { a.Spec.AllowedNamespaces = []string{"*"} })
		if second := in(t, s, orders); second == first {
			t.Error("the old session is still used")
		}
	})
}
