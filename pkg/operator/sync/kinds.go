package sync

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
)

// Kinds are the reconcilers of all kinds.
type Kinds struct{ all []*Reconciler }

// New makes the reconcilers. They work once a manager runs them.
func New(o Options) *Kinds {
	o = o.withDefaults()
	dynamic := o
	dynamic.Workers = o.Dynamic
	return &Kinds{all: []*Reconciler{
		newReconciler(o, &static{o}, v1beta1.FinalizerVaultStaticSecret),
		newReconciler(dynamic, newDynamic(o), v1beta1.FinalizerVaultDynamicSecret),
		newReconciler(o, newCertificate(o), v1beta1.FinalizerVaultPKISecret),
	}}
}

// SetupWithManager registers the reconcilers.
func (k *Kinds) SetupWithManager(m manager.Manager) error {
	for _, r := range k.all {
		if err := r.SetupWithManager(m); err != nil {
			return err
		}
		if runs, ok := r.kind.(manager.Runnable); ok {
			if err := m.Add(runs); err != nil {
				return err
			}
		}
	}
	return nil
}

// Wake makes an object be looked at. The kind is that of the API, as in
// VaultStaticSecret; of any other nothing happens.
func (k *Kinds) Wake(kind string, name types.NamespacedName) {
	for _, r := range k.all {
		if r.kind.name() == kind {
			r.wake(name)
		}
	}
}

// TokenChanged makes the objects of a session be looked at, and those that wait for
// a login.
func (k *Kinds) TokenChanged(c session.TokenChange) {
	for _, r := range k.all {
		r.memories.each(func(m *memory) bool { return m.concerns(c) }, r.wakeSoon)
	}
}
