package session

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
)

// LoadKey returns the key of package mac from its Secret in the operator's
// namespace, which is created where there is none. Of several processes that do so
// at once all get the same.
func LoadKey(ctx context.Context, c client.Client, live client.Reader, namespace string, owners func(context.Context) []metav1.OwnerReference) (mac.Key, error) {
	name := types.NamespacedName{Namespace: namespace, Name: mac.KeySecretName}
	key, err := readKey(ctx, live, name)
	if !apierrors.IsNotFound(err) {
		return key, err
	}
	if key, err = mac.NewKey(rand.Reader); err != nil {
		return mac.Key{}, err
	}
	made := key.Secret(namespace)
	if owners != nil {
		made.OwnerReferences = owners(ctx)
	}
	err = c.Create(ctx, made)
	switch {
	case err == nil:
		return key, nil
	case apierrors.IsAlreadyExists(err):
		return readKey(ctx, live, name)
	}
	return mac.Key{}, fmt.Errorf("create the key that Secrets are compared with, in Secret %s: %w", name, err)
}

func readKey(ctx context.Context, live client.Reader, name types.NamespacedName) (mac.Key, error) {
	found := &corev1.Secret{}
	if err := live.Get(ctx, name, found); err != nil {
		return mac.Key{}, fmt.Errorf("read the key that Secrets are compared with, in Secret %s: %w", name, err)
	}
	return mac.ParseKey(found)
}
