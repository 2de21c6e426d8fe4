package operator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/uuid"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/operator/defaults"
	"github.com/vaultk8s/vaultk8s/pkg/operator/references"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shard"
	kinds "github.com/vaultk8s/vaultk8s/pkg/operator/sync"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// leaseName is that of the old operator, so that the two never work at the same
// time in one namespace.
const leaseName = "b0d477c0.hashicorp.com"

// shardLease names the Lease of a shard. That of the first is the same however many
// there are.
func shardLease(index int) string {
	if index == 0 {
		return leaseName
	}
	return leaseName + "-" + strconv.Itoa(index)
}

// quotaPatience is how long a shard beyond the quota stays free for others: as long
// as they need to see that its holder was lost, and a little more.
const quotaPatience = 20 * time.Second

// turnTime is between the first attempts on two shards, so that the quota counts
// what was taken before.
const turnTime = time.Second

// stopTimeout bounds the end of reconcilers: the Lease is given back after it, and
// a lost one is taken by others five seconds after it was given up.
const stopTimeout = 4 * time.Second

// hold takes part in the Leases of all shards, and works on those that it holds.
func (p *program) hold(ctx context.Context) error {
	if !p.config.LeaderElect {
		tasks, ctx := errgroup.WithContext(ctx)
		for i := range p.config.Shards {
			tasks.Go(func() error { return p.term(ctx, i) })
		}
		return tasks.Wait()
	}
	leases, err := coordinationclient.NewForConfigAndClient(p.cluster.rest, p.cluster.http)
	if err != nil {
		return err
	}
	identity := p.config.PodName + "_" + string(uuid.NewUUID())
	tasks, ctx := errgroup.WithContext(ctx)
	for turn, i := range rand.Perm(p.config.Shards) { //nolint:gosec // only so that replicas begin with different shards
		l := &shard.Lease{
			Client: leases.Leases(p.config.Namespace), Name: shardLease(i), Identity: identity, Patience: p.patience, Owners: p.account,
			Report: func(err error) { p.log.Warn("lease", telemetry.FieldError, err.Error()) },
		}
		tasks.Go(func() error {
			if p.config.ShardQuota > 0 && !pause.For(ctx, time.Duration(turn)*turnTime) {
				return nil
			}
			return l.Hold(ctx, func(ctx context.Context) error {
				p.holding.Add(1)
				defer p.holding.Add(-1)
				return p.term(ctx, i)
			})
		})
	}
	return tasks.Wait()
}

// patience says how long others may take a free shard first.
func (p *program) patience() time.Duration {
	if p.config.ShardQuota > 0 && int(p.holding.Load()) >= p.config.ShardQuota {
		return quotaPatience
	}
	return 0
}

// term works on one shard until ctx ends.
func (p *program) term(ctx context.Context, index int) error {
	log := p.log.With(telemetry.FieldShard, index)
	log.Info("operator works on a shard")
	defer log.Info("operator leaves a shard")
	owns := func(namespace string) bool { return shard.Of(namespace, p.config.Shards) == index }
	if p.config.Shards == 1 {
		owns = nil
	}
	view := p.cluster.view(owns)
	defer view.Close()
	m, err := p.manager(view, logr.FromSlogHandler(log.Handler()))
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	if err := p.setup(m, index, owns); err != nil {
		return err
	}
	defer p.leave(index)
	return ignoreEnd(ctx, m.Start(ctx))
}

func (p *program) leave(index int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.terms, index)
}

// manager makes one that sees a view of the shared cache, and serves nothing.
func (p *program) manager(view *shard.View, log logr.Logger) (manager.Manager, error) {
	return manager.New(p.cluster.rest, manager.Options{
		Scheme: p.cluster.scheme, Logger: log,
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return p.cluster.mapper, nil },
		NewCache:       func(*rest.Config, cache.Options) (cache.Cache, error) { return view, nil },
		Client:         p.cluster.clientOptions(),
		Metrics:        metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0", PprofBindAddress: "0",
		GracefulShutdownTimeout: new(stopTimeout),
		Controller: ctrlconfig.Controller{
			SkipNameValidation: new(true), MaxConcurrentReconciles: p.config.MaxConcurrent, Logger: log,
		},
	})
}

// workersForDynamic is how many VaultDynamicSecrets are worked on at a time. The old
// setting for them counts only where the general one was left as it is.
func workersForDynamic(o config.Operator) int {
	if o.MaxConcurrentDynamic > 0 && o.MaxConcurrent == config.MaxConcurrentDefault {
		return o.MaxConcurrentDynamic
	}
	return o.MaxConcurrent
}

// setup registers the reconcilers of all kinds.
func (p *program) setup(m manager.Manager, index int, owns func(string) bool) error {
	events := m.GetEventRecorderFor("vault-secrets-operator") //nolint:staticcheck // events of the core group are what the old operator writes
	if err := references.SetupWithManager(m, references.Options{
		OperatorNamespace: p.config.Namespace, Sessions: p.sessions, Events: events, Tally: p.tally,
		DefaultGlobals: p.config.DefaultGlobals(), SecretIDFolders: p.config.SecretIDFolders,
		Interval: p.config.ConnectionInterval, Owns: owns, CSI: slices.Contains(p.optional, kindCSI),
	}); err != nil {
		return err
	}
	secrets := kinds.New(kinds.Options{
		Client: m.GetClient(), Live: p.cluster.live, Login: kinds.LoginWith(p.sessions), Destination: p.writer,
		Restarts: rollout.New(rollout.Options{Live: p.cluster.live, Cluster: p.cluster.live}),
		Key:      p.key, Events: events, Drift: p.writer.Drift, Announced: kinds.AnnouncedBy(p.instant), Tally: p.tally, ExcludeRaw: p.config.ExcludeRaw(),
		Workers: p.config.MaxConcurrent, Dynamic: workersForDynamic(p.config),
		Backoff: backoff(p.config), Patience: p.config.BackoffMaxElapsed, Process: p.config.PodUID,
	})
	if err := secrets.SetupWithManager(m); err != nil {
		return err
	}
	if err := p.additions(m, index, events); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.terms[index] = secrets
	if index > 0 {
		return nil
	}
	if file := p.config.Defaults; file != "" {
		keeper := defaults.New(defaults.Options{File: file, Namespace: p.config.Namespace, Client: p.cluster.live, Log: p.log})
		if err := m.Add(keeper); err != nil {
			return err
		}
	}
	return m.Add(manager.RunnableFunc(p.tidy))
}
