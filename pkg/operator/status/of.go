package status

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Of returns where the conditions of an object are, of any of the operator's kinds;
// nil for another kind.
func Of(object client.Object) *[]metav1.Condition {
	switch o := object.(type) {
	case *v1beta1.VaultConnection:
		return &o.Status.Conditions
	case *v1beta1.VaultAuth:
		return &o.Status.Conditions
	case *v1beta1.VaultAuthGlobal:
		return &o.Status.Conditions
	case *v1beta1.SecretTransformation:
		return &o.Status.Conditions
	case *v1beta1.VaultStaticSecret:
		return &o.Status.Conditions
	case *v1beta1.VaultDynamicSecret:
		return &o.Status.Conditions
	case *v1beta1.VaultPKISecret:
		return &o.Status.Conditions
	case *v1beta1.CSISecrets:
		return &o.Status.Conditions
	case *v1beta1.VaultPushSecret:
		return &o.Status.Conditions
	case *v1beta1.ClusterVaultSecret:
		return &o.Status.Conditions
	}
	return nil
}

// Ready is the condition of that name of an object of one of the operator's kinds; a
// zero one where it has none.
func Ready(object client.Object) metav1.Condition {
	if at := Of(object); at != nil {
		if ready := meta.FindStatusCondition(*at, v1beta1.ConditionReady); ready != nil {
			return *ready
		}
	}
	return metav1.Condition{}
}
