package operator

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/operator/store"
)

// leaseOf is one that was renewed some time ago.
func leaseOf(name, holder string, ago time.Duration) *coordinationv1.Lease {
	at := metav1.NewMicroTime(time.Now().Add(-ago))
	return &coordinationv1.Lease{
		ObjectMeta: named("vso", name),
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: &at, LeaseDurationSeconds: new(int32(15))},
	}
}

// TestClear: the operator's own objects go, and nobody else's; the Secrets only when
// nothing is left that needs them.
func TestClear(t *testing.T) {
	all := []string{"b0d477c0.hashicorp.com", "b0d477c0.hashicorp.com-1", "other", mac.KeySecretName, "vso-cc-a", "theirs"}
	cases := map[string]struct {
		objects []client.Object
		want    []string
	}{
		"nothing is left": {nil, []string{"other", "theirs"}},
		"an operator works": {
			[]client.Object{leaseOf("b0d477c0.hashicorp.com-2", "operator-0", 0)},
			append(slices.Clone(all), "b0d477c0.hashicorp.com-2"),
		},
		"an operator was killed": {
			[]client.Object{leaseOf("b0d477c0.hashicorp.com-2", "operator-0", time.Minute)}, []string{"other", "theirs"},
		},
		"an object is left": {
			[]client.Object{&v1beta1.VaultPKISecret{ObjectMeta: named("shop", "web")}}, []string{"other", mac.KeySecretName, "vso-cc-a", "theirs"},
		},
		"only a login is left": {
			[]client.Object{&v1beta1.VaultAuth{ObjectMeta: named("shop", "web")}}, []string{"other", "theirs"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			kept := named("vso", "vso-cc-a")
			kept.Labels = store.Labels()
			p := programOver(t, append(
				c.objects, leaseOf("b0d477c0.hashicorp.com", "", 0), leaseOf("b0d477c0.hashicorp.com-1", "", 0), leaseOf("other", "somebody", 0),
				&corev1.Secret{ObjectMeta: named("vso", mac.KeySecretName)}, &corev1.Secret{ObjectMeta: kept}, &corev1.Secret{ObjectMeta: named("vso", "theirs")},
			)...)
			if err := p.uninstall(t.Context()); err != nil {
				t.Fatal(err)
			}
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, remaining(t, p)); diff != "" {
				t.Errorf("what stays (-want +got):\n%s", diff)
			}
		})
	}
}

// remaining names the Leases and Secrets.
func remaining(t *testing.T, p *program) []string {
	t.Helper()
	var leases coordinationv1.LeaseList
	var secrets corev1.SecretList
	for _, list := range []client.ObjectList{&leases, &secrets} {
		if err := p.cluster.live.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	names := map[string]bool{}
	for i := range leases.Items {
		names[leases.Items[i].Name] = true
	}
	for i := range secrets.Items {
		names[secrets.Items[i].Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}
