package operator

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// aroundTime is between two looks for other operators.
const aroundTime = 10 * time.Minute

// lookAround warns of an old operator that runs in another namespace: in the same
// one the Lease keeps the two apart, but two in two namespaces would write the same
// Secrets in turn.
func (p *program) lookAround(ctx context.Context) {
	for {
		found, err := p.oldOperators(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.Debug("operator cannot look for others", telemetry.FieldError, err.Error())
		case len(found) > 0:
			p.log.Warn("another operator runs, and writes the same Secrets: scale it to 0", telemetry.FieldName, strings.Join(found, ", "))
		}
		p.others.Store(int64(len(found)))
		if !pause.For(ctx, aroundTime) {
			return
		}
	}
}

// oldOperators names the Deployments of the old operator that run.
func (p *program) oldOperators(ctx context.Context) ([]string, error) {
	var list appsv1.DeploymentList
	if err := p.cluster.live.List(ctx, &list, client.MatchingLabels{"app.kubernetes.io/name": "vault-secrets-operator"}, client.Limit(100)); err != nil {
		return nil, err
	}
	var out []string
	for i := range list.Items {
		d := &list.Items[i]
		if d.Namespace != p.config.Namespace && (d.Spec.Replicas == nil || *d.Spec.Replicas > 0) && runsOld(d) {
			out = append(out, d.Namespace+"/"+d.Name)
		}
	}
	return out, nil
}

// runsOld tells an old operator from one of ours, whose chart has the same labels.
func runsOld(d *appsv1.Deployment) bool {
	for i := range d.Spec.Template.Spec.Containers {
		if strings.Contains(d.Spec.Template.Spec.Containers[i].Image, "vault-secrets-operator") {
			return true
		}
	}
	return false
}

// tidy frees the objects of kinds that nobody serves any more, so that they and
// their namespaces can be deleted. There can be no new ones, so once is enough.
func (p *program) tidy(ctx context.Context) error {
	if n, err := p.freeHCP(ctx); err != nil && ctx.Err() == nil {
		p.log.Warn("objects of HCPVaultSecretsApp keep their finalizers", telemetry.FieldError, err.Error())
	} else if n > 0 {
		p.log.Info("objects of HCPVaultSecretsApp were freed of their finalizers", telemetry.FieldChanges, n)
	}
	return nil
}

func (p *program) freeHCP(ctx context.Context) (int, error) {
	return p.free(ctx, v1beta1.Kind("HCPVaultSecretsApp"), v1beta1.FinalizerHCPVaultSecretsApp)
}

// describe names an object in errors.
func describe(o *metav1.PartialObjectMetadata) string {
	return fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name)
}
