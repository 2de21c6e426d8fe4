package sync

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// parts is what the objects of all kinds have, under one name each. The pointers are
// into the object.
type parts struct {
	authRef     string
	namespace   string // of Vault
	destination *v1beta1.Destination
	targets     []v1beta1.RolloutRestartTarget
	policy      *v1beta1.RolloutRestartPolicy

	observed *int64
	synced   *int64                   // generation that was synced last; 0: none
	written  **metav1.Time            // when the data was written last
	client   *v1beta1.VaultClientMeta // nil: the kind does not tell
	expires  **metav1.Time            // end of what was written; nil: it has none
}

func partsOf(object client.Object) parts {
	switch o := object.(type) {
	case *v1beta1.VaultStaticSecret:
		return parts{
			authRef: o.Spec.VaultAuthRef, namespace: o.Spec.Namespace, destination: &o.Spec.Destination,
			targets: o.Spec.RolloutRestartTargets, policy: o.Spec.RolloutRestartPolicy,
			observed: &o.Status.ObservedGeneration, synced: &o.Status.LastGeneration,
			written: &o.Status.LastSyncTime, client: &o.Status.VaultClientMeta,
		}
	case *v1beta1.VaultDynamicSecret:
		return parts{
			authRef: o.Spec.VaultAuthRef, namespace: o.Spec.Namespace, destination: &o.Spec.Destination,
			targets: o.Spec.RolloutRestartTargets, policy: o.Spec.RolloutRestartPolicy,
			observed: &o.Status.ObservedGeneration, synced: &o.Status.LastGeneration,
			written: &o.Status.LastSyncTime, client: &o.Status.VaultClientMeta, expires: &o.Status.LeaseExpiry,
		}
	case *v1beta1.VaultPKISecret:
		return parts{
			authRef: o.Spec.VaultAuthRef, namespace: o.Spec.Namespace, destination: &o.Spec.Destination,
			targets: o.Spec.RolloutRestartTargets, policy: o.Spec.RolloutRestartPolicy,
			observed: &o.Status.ObservedGeneration, synced: &o.Status.LastGeneration,
			written: &o.Status.LastSyncTime, expires: &o.Status.NotAfter,
		}
	}
	panic(fmt.Sprintf("sync: %T has no destination", object)) // a kind that nobody added here
}
