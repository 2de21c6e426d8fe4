package references

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/blake2b"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/operator/visit"
)

// retry is when an object is looked at again after the API server has failed.
const retry = 15 * time.Second

func setupAuth(m manager.Manager, f frame) error {
	k := changes(f, kindAuth, v1beta1.FinalizerVaultAuth, f.judgeAuth)
	all := handler.EnqueueRequestsFromMapFunc(f.touched)
	return k.Complete(m, builder.ControllerManagedBy(m).Named("vaultauth").For(&v1beta1.VaultAuth{}, anew()).
		Watches(&v1beta1.VaultAuthGlobal{}, all, anew()).
		Watches(&v1beta1.VaultConnection{}, all, anew()))
}

// touched names the VaultAuths that may stand otherwise because of a change of a
// VaultAuthGlobal or VaultConnection: those which refer to it, or would if it were
// there.
func (f frame) touched(ctx context.Context, changed client.Object) []reconcile.Request {
	var list v1beta1.VaultAuthList
	if err := f.client.List(ctx, &list); err != nil {
		return nil // the cache ends
	}
	name := client.ObjectKeyFromObject(changed)
	var out []reconcile.Request
	for i := range list.Items {
		a := &list.Items[i]
		if f.owns(a.Namespace) && f.concerns(a, changed, name) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(a)})
		}
	}
	return out
}

func (f frame) concerns(a *v1beta1.VaultAuth, changed client.Object, name types.NamespacedName) bool {
	if a.Spec.VaultAuthGlobalRef != nil {
		return true // the connection may be that of the VaultAuthGlobal
	}
	if _, ok := changed.(*v1beta1.VaultConnection); !ok {
		return false
	}
	connection, err := effective.ConnectionName(a, f.OperatorNamespace)
	return err != nil || connection == name || a.Namespace == name.Namespace
}

func (f frame) judgeAuth(ctx context.Context, a *v1beta1.VaultAuth, c *status.Conditions) time.Duration {
	f.Sessions.Changed(kindAuth, types.NamespacedName{Namespace: a.Namespace, Name: a.Name})
	in, err := f.gather(ctx, a)
	f.concludeGlobal(c, a, in, err)
	var merged *v1beta1.VaultAuth
	if err == nil {
		var login *effective.Login
		if login, err = effective.Resolve(in); err == nil {
			merged = login.Merged
		}
	}
	a.Status.Valid, a.Status.Error, a.Status.ObservedGeneration = new(err == nil), "", a.Generation
	if err == nil {
		a.Status.SpecHash = specHash(merged)
		c.Conclude(sound("%s", f.hint(ctx, a, "the login can be tried")))
		return 0
	}
	a.Status.Error = visit.Lines(err)
	var config *effective.Error
	if !errors.As(err, &config) {
		c.Conclude(status.Outcome{State: status.Retrying, Reason: v1beta1.ReasonK8sClientError, Message: visit.Lines(err)})
		return about(retry)
	}
	o := stuck(config.Reason(), err)
	if config.Kind == effective.NotFound {
		o.State = status.Waiting // the watch tells when it comes
		o.Message = f.hint(ctx, a, o.Message)
	}
	c.Conclude(o)
	return 0
}

func (f frame) concludeGlobal(c *status.Conditions, a *v1beta1.VaultAuth, in effective.Input, err error) {
	switch {
	case a.Spec.VaultAuthGlobalRef == nil:
		c.Drop(v1beta1.ConditionAvailable)
	case in.Global != nil:
		c.Put(v1beta1.ConditionAvailable, true, v1beta1.ReasonVaultAuthGlobalRef, fmt.Sprintf("VaultAuthGlobal %s/%s is there", in.Global.Namespace, in.Global.Name))
	case err != nil:
		c.Put(v1beta1.ConditionAvailable, false, v1beta1.ReasonVaultAuthGlobalRef, visit.Lines(err))
	default:
		c.Put(v1beta1.ConditionAvailable, false, v1beta1.ReasonVaultAuthGlobalRef, "there is no default VaultAuthGlobal")
	}
}

// gather looks up what a VaultAuth refers to, as for an object in its own
// namespace.
func (f frame) gather(ctx context.Context, a *v1beta1.VaultAuth) (effective.Input, error) {
	in := effective.Input{
		Consumer: effective.Consumer{Namespace: a.Namespace}, OperatorNamespace: f.OperatorNamespace,
		Auth: a, SecretIDFolders: f.SecretIDFolders,
	}
	names, err := effective.GlobalNames(a, f.OperatorNamespace, f.DefaultGlobals)
	if err != nil {
		return in, err
	}
	if in.Global, err = f.global(ctx, names); err != nil {
		return in, err
	}
	if in.Global != nil && in.Global.Spec.AllowedNamespaceSelector != nil {
		var n corev1.Namespace
		if err := f.client.Get(ctx, types.NamespacedName{Name: a.Namespace}, &n); err != nil {
			return in, fmt.Errorf("read the labels of namespace %q: %w", a.Namespace, err)
		}
		in.AuthLabels = n.Labels
	}
	merged, err := effective.Merge(a, in.Global)
	if err != nil {
		return in, err
	}
	name, err := effective.ConnectionName(merged, f.OperatorNamespace)
	if err != nil {
		return in, err
	}
	in.Connection = &v1beta1.VaultConnection{}
	return in, f.find(ctx, "VaultConnection", name, in.Connection)
}

// global finds the first of some VaultAuthGlobals; nil where none was asked for, or
// none of several defaults is there.
func (f frame) global(ctx context.Context, names []types.NamespacedName) (*v1beta1.VaultAuthGlobal, error) {
	var err error
	for _, name := range names {
		g := &v1beta1.VaultAuthGlobal{}
		if err = f.find(ctx, "VaultAuthGlobal", name, g); err == nil {
			return g, nil
		}
		if effective.KindOf(err) != effective.NotFound {
			return nil, err
		}
	}
	return nil, err
}

func (f frame) find(ctx context.Context, kind string, name types.NamespacedName, into client.Object) error {
	err := f.client.Get(ctx, name, into)
	if apierrors.IsNotFound(err) {
		return effective.Missing(kind + " " + name.String())
	}
	return err
}

// hint adds to a message that a VaultConnection of the namespace is not used, which
// is what people who left vaultConnectionRef out have overlooked.
func (f frame) hint(ctx context.Context, a *v1beta1.VaultAuth, message string) string {
	if a.Spec.VaultConnectionRef != "" || a.Namespace == f.OperatorNamespace {
		return message
	}
	var list v1beta1.VaultConnectionList
	if err := f.client.List(ctx, &list, client.InNamespace(a.Namespace)); err != nil || len(list.Items) == 0 {
		return message
	}
	first := list.Items[0].Name
	for i := range list.Items {
		first = min(first, list.Items[i].Name)
	}
	return fmt.Sprintf("%s; VaultConnection %q of this namespace is not used: set spec.vaultConnectionRef if it is meant", message, first)
}

// specHash tells one completed spec from another.
func specHash(merged *v1beta1.VaultAuth) string {
	text, err := json.Marshal(merged.Spec)
	if err != nil {
		return "" // a spec that came as JSON can be written as JSON
	}
	sum := blake2b.Sum256(text)
	return hex.EncodeToString(sum[:])
}
