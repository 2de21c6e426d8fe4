package sync

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// passwords are those of keystores, by where they lie.
type passwords map[v1beta1.SecretKeyRef]sensitive.String

// of implements shape.Password.
func (p passwords) of(ref v1beta1.SecretKeyRef) (sensitive.String, error) { return p[ref], nil }

// passwords reads the passwords of all keystores, before anything is issued that
// would have to wait for them.
func (w *certified) passwords(ctx context.Context) (passwords, *outcome) {
	stores := w.object.Spec.Keystores
	if stores == nil {
		return nil, nil
	}
	all := passwords{}
	for _, store := range []*v1beta1.Keystore{stores.PKCS12, stores.JKS} {
		if store == nil {
			continue
		}
		password, bad := w.password(ctx, store.PasswordSecretRef)
		if bad != nil {
			return nil, bad
		}
		all[store.PasswordSecretRef] = password
	}
	return all, nil
}

func (w *certified) password(ctx context.Context, ref v1beta1.SecretKeyRef) (sensitive.String, *outcome) {
	secret := &corev1.Secret{}
	err := w.r.o.Live.Get(ctx, types.NamespacedName{Namespace: w.name.Namespace, Name: ref.Name}, secret)
	key := orElse(ref.Key, "password")
	switch {
	case apierrors.IsNotFound(err):
		err = fmt.Errorf("keystores: there is no Secret %q", ref.Name)
	case err != nil:
		o := w.unsynced(ofCluster(fmt.Errorf("read Secret %q of the keystores: %w", ref.Name, err)))
		return sensitive.String{}, &o
	case len(secret.Data[key]) == 0:
		err = fmt.Errorf("keystores: Secret %q has no key %q", ref.Name, key)
	default:
		return sensitive.New(string(secret.Data[key])), nil
	}
	o := stuck(v1beta1.ReasonInvalidResourceRef, err)
	o.backoff = true // nobody tells when it comes
	o = w.unsynced(o)
	return sensitive.String{}, &o
}
