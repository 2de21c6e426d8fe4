package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/operator/store"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// clear removes what operators have made for themselves in their namespace, unless
// one still works there: it would make all of it anew.
func (p *program) clear(ctx context.Context) error {
	leases, holder, err := p.leases(ctx)
	if err != nil {
		return err
	}
	if holder != "" {
		p.log.Warn("an operator still works, so its Leases and Secrets stay", telemetry.FieldName, holder)
		return nil
	}
	var problems []error
	for i := range leases {
		problems = append(problems, p.erase(ctx, &leases[i]))
	}
	return errors.Join(append(problems, p.clearSecrets(ctx))...)
}

// leases returns those of the operator's shards, and who holds one of them.
func (p *program) leases(ctx context.Context) (ours []coordinationv1.Lease, holder string, err error) {
	var all coordinationv1.LeaseList
	if err := p.cluster.live.List(ctx, &all, client.InNamespace(p.config.Namespace)); err != nil {
		return nil, "", fmt.Errorf("list the Leases of namespace %q: %w", p.config.Namespace, err)
	}
	for _, l := range all.Items {
		if l.Name != leaseName && !strings.HasPrefix(l.Name, leaseName+"-") {
			continue
		}
		ours = append(ours, l)
		if id := l.Spec.HolderIdentity; id != nil && *id != "" && !expired(&l) {
			holder = *id
		}
	}
	return ours, holder, nil
}

// expired tells whether the holder of a Lease has not renewed it in time.
func expired(l *coordinationv1.Lease) bool {
	if l.Spec.RenewTime == nil || l.Spec.LeaseDurationSeconds == nil {
		return true
	}
	return time.Since(l.Spec.RenewTime.Time) > time.Duration(*l.Spec.LeaseDurationSeconds)*time.Second
}

// clearSecrets removes the key and the kept sessions, once no object is left that
// needs them: with another key every Secret would look like somebody else's work.
func (p *program) clearSecrets(ctx context.Context) error {
	for _, kind := range []string{"VaultStaticSecret", "VaultDynamicSecret", "VaultPKISecret", kindPush, kindCluster} {
		left, err := p.list(ctx, v1beta1.Kind(kind))
		if err != nil {
			return err
		}
		if len(left) > 0 {
			p.log.Info("objects are left, and the key that their Secrets are compared with", telemetry.FieldKind, kind, telemetry.FieldChanges, len(left))
			return nil
		}
	}
	kept := &metav1.PartialObjectMetadataList{}
	kept.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := p.cluster.live.List(ctx, kept, client.InNamespace(p.config.Namespace), client.MatchingLabels(store.Labels())); err != nil {
		return fmt.Errorf("list the kept sessions in namespace %q: %w", p.config.Namespace, err)
	}
	problems := []error{p.erase(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: p.config.Namespace, Name: mac.KeySecretName}})}
	for i := range kept.Items {
		kept.Items[i].SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		problems = append(problems, p.erase(ctx, &kept.Items[i]))
	}
	return errors.Join(problems...)
}

// erase deletes an object that need not be there.
func (p *program) erase(ctx context.Context, o client.Object) error {
	if err := client.IgnoreNotFound(p.cluster.live.Delete(ctx, o)); err != nil {
		return fmt.Errorf("delete %s in namespace %q: %w", o.GetName(), o.GetNamespace(), err)
	}
	return nil
}
