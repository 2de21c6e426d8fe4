package operator

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/vaultk8s/vaultk8s/pkg/operator/fanout"
	"github.com/vaultk8s/vaultk8s/pkg/operator/push"
)

// additions registers the reconcilers of the kinds that may be missing in a cluster,
// as the old operator did not have them.
func (p *program) additions(m manager.Manager, index int, events record.EventRecorder) error {
	if slices.Contains(p.optional, kindPush) {
		err := push.SetupWithManager(m, push.Options{
			Live: p.cluster.live, Login: push.LoginWith(p.sessions), Key: p.key, Events: events, Tally: p.tally, Backoff: backoff(p.config),
		})
		if err != nil {
			return err
		}
	}
	// Namespaces are seen only by an operator that works in all of them.
	if index > 0 || p.cluster.watched != nil || !slices.Contains(p.optional, kindCluster) {
		return nil
	}
	return m.Add(manager.RunnableFunc(func(ctx context.Context) error { return p.distribute(ctx, m, events) }))
}

// distribute works on ClusterVaultSecrets until ctx ends: who has the first shard
// does, for the namespaces of all.
func (p *program) distribute(ctx context.Context, first manager.Manager, events record.EventRecorder) error {
	view := p.cluster.view(nil)
	defer view.Close()
	m, err := p.manager(view, first.GetLogger())
	if err != nil {
		return fmt.Errorf("make the manager of ClusterVaultSecrets: %w", err)
	}
	if err := fanout.SetupWithManager(m, fanout.Options{Events: events, Tally: p.tally}); err != nil {
		return err
	}
	return ignoreEnd(ctx, m.Start(ctx))
}
