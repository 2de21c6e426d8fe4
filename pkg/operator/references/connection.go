package references

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/operator/visit"
)

// Names of the kinds, as the API has them.
const (
	kindConnection     = "VaultConnection"
	kindAuth           = "VaultAuth"
	kindGlobal         = "VaultAuthGlobal"
	kindTransformation = "SecretTransformation"
	kindCSI            = "CSISecrets"
)

// pingTimeout bounds one look at a Vault: one that is far away answers in a second.
const pingTimeout = 10 * time.Second

// anew lets pass what changes a spec, or begins a deletion, which has a new
// generation, too.
func anew() builder.Predicates {
	return builder.WithPredicates(predicate.GenerationChangedPredicate{})
}

func setupConnection(m manager.Manager, f frame) error {
	k := changes(f, kindConnection, v1beta1.FinalizerVaultConnection, f.judgeConnection)
	return k.Complete(m, builder.ControllerManagedBy(m).Named("vaultconnection").For(&v1beta1.VaultConnection{}, anew()))
}

func (f frame) judgeConnection(ctx context.Context, o *v1beta1.VaultConnection, c *status.Conditions) time.Duration {
	f.Sessions.Changed(kindConnection, types.NamespacedName{Namespace: o.Namespace, Name: o.Name})
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	health, err := f.Sessions.Connect(ctx, o)
	interval := f.Interval
	if d, bad := o.Spec.HealthCheckInterval.Parse(); bad == nil && d > 0 {
		interval = d
	}
	fine := connectionConditions(c, health, err)
	o.Status.Valid, o.Status.ObservedGeneration = fine, o.Generation
	if health.Version != "" {
		o.Status.VaultVersion = health.Version
	}
	if !fine {
		// Four looks for one, so that a Vault that comes back is seen soon.
		interval /= 4
	}
	return about(max(interval, time.Second))
}

// connectionConditions says what a look at a Vault has shown.
func connectionConditions(c *status.Conditions, h session.Health, err error) (fine bool) {
	var config *effective.Error
	switch {
	case errors.As(err, &config):
		c.Put(v1beta1.ConditionResourceValidation, false, v1beta1.ReasonInvalidConfiguration, visit.Lines(err))
		c.Put(v1beta1.ConditionVaultClient, false, v1beta1.ReasonVaultClientConfigError, visit.Lines(err))
		c.Drop(v1beta1.ConditionVaultPing)
		o := stuck(v1beta1.ReasonVaultClientConfigError, err)
		if config.Kind == effective.NotFound {
			o.State = status.Waiting
		}
		c.Conclude(o)
		return false
	case err == nil && h.Initialized && !h.Sealed:
		const message = "Vault answers and is not sealed"
		valid(c)
		c.Put(v1beta1.ConditionVaultPing, true, v1beta1.ReasonAccepted, message)
		c.Conclude(sound("%s", message))
		return true
	case err == nil && !h.Initialized:
		err = errors.New("vault is not initialized")
	case err == nil:
		err = errors.New("vault is sealed")
	}
	valid(c)
	c.Put(v1beta1.ConditionVaultPing, false, v1beta1.ReasonInvalidConfiguration, visit.Lines(err))
	c.Conclude(status.Outcome{State: status.Retrying, Reason: v1beta1.ReasonVaultClientError, Message: visit.Lines(err)})
	return false
}

func valid(c *status.Conditions) {
	c.Put(v1beta1.ConditionResourceValidation, true, v1beta1.ReasonAccepted, "the spec is sound")
	c.Put(v1beta1.ConditionVaultClient, true, v1beta1.ReasonAccepted, "a client can be made")
}
