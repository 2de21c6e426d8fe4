package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// freeAtOnce is how many objects are freed at a time: at some milliseconds for
// each, 10,000 take a few seconds.
const freeAtOnce = 32

// finalizers are those of all kinds that have one, also of the old operator.
func finalizers() map[string]string {
	return map[string]string{
		"VaultConnection":    v1beta1.FinalizerVaultConnection,
		"VaultAuth":          v1beta1.FinalizerVaultAuth,
		"VaultStaticSecret":  v1beta1.FinalizerVaultStaticSecret,
		"VaultDynamicSecret": v1beta1.FinalizerVaultDynamicSecret,
		"VaultPKISecret":     v1beta1.FinalizerVaultPKISecret,
		"ClusterVaultSecret": v1beta1.FinalizerClusterVaultSecret,
		"VaultPushSecret":    v1beta1.FinalizerVaultPushSecret,
		"HCPVaultSecretsApp": v1beta1.FinalizerHCPVaultSecretsApp,
	}
}

// uninstall frees the objects of all kinds, in all namespaces, of their finalizers,
// so that they can be deleted when no operator runs any more, and removes what the
// operator made for itself. Objects and their Secrets stay, and Vault is not asked:
// what it holds for them ends with their leases.
func (p *program) uninstall(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.UninstallTimeout)
	defer cancel()
	var problems []error
	for name, finalizer := range finalizers() {
		n, err := p.free(ctx, v1beta1.Kind(name), finalizer)
		if err != nil {
			problems = append(problems, err)
		}
		p.log.Info("finalizers were removed", telemetry.FieldKind, name, telemetry.FieldChanges, n)
	}
	return errors.Join(append(problems, p.clear(ctx))...)
}

// free removes a finalizer from all objects of a kind, which need not be installed.
// It returns how many had it.
func (p *program) free(ctx context.Context, kind schema.GroupVersionKind, finalizer string) (int, error) {
	objects, err := p.list(ctx, kind)
	if err != nil {
		return 0, err
	}
	var mu sync.Mutex
	var problems []error
	count := 0
	var tasks errgroup.Group
	tasks.SetLimit(freeAtOnce)
	for i := range objects {
		o := &objects[i]
		o.SetGroupVersionKind(kind)
		if !slices.Contains(o.Finalizers, finalizer) {
			continue
		}
		count++
		tasks.Go(func() error {
			if err := p.freeOne(ctx, o, finalizer); err != nil {
				mu.Lock()
				defer mu.Unlock()
				problems = append(problems, err)
			}
			return nil
		})
	}
	_ = tasks.Wait() // the problems are collected
	return count, errors.Join(problems...)
}

// list returns the metadata of all objects of a kind in the namespaces that are
// worked in.
func (p *program) list(ctx context.Context, kind schema.GroupVersionKind) ([]metav1.PartialObjectMetadata, error) {
	namespaces := p.cluster.watched
	if namespaces == nil {
		namespaces = []string{metav1.NamespaceAll}
	} else if kind.Kind == kindCluster {
		return nil, nil // it has no namespace, and Roles do not reach it
	}
	var out []metav1.PartialObjectMetadata
	for _, n := range namespaces {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		err := p.cluster.live.List(ctx, list, client.InNamespace(n))
		if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list objects of kind %s: %w", kind.Kind, err)
		}
		out = append(out, list.Items...)
	}
	return out, nil
}

// freeAttempts bounds how often one object is tried that others change meanwhile.
const freeAttempts = 5

func (p *program) freeOne(ctx context.Context, o *metav1.PartialObjectMetadata, finalizer string) (err error) {
	for range freeAttempts {
		before := o.DeepCopy()
		o.Finalizers = slices.DeleteFunc(o.Finalizers, func(f string) bool { return f == finalizer })
		err = p.cluster.live.Patch(ctx, o, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
		if err == nil || apierrors.IsNotFound(err) {
			return nil
		}
		if !apierrors.IsConflict(err) {
			break
		}
		if err = p.cluster.live.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	return fmt.Errorf("remove the finalizer of %s: %w", describe(o), err)
}
