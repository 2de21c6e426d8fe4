package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/instant"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/operator/references"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	kinds "github.com/vaultk8s/vaultk8s/pkg/operator/sync"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// program is an operator that runs: what a process has once.
type program struct {
	config   config.Operator
	log      *slog.Logger
	version  string
	cluster  *cluster
	optional []string // kinds that may be missing, and are not
	metrics  *telemetry.Metrics
	numbers  *telemetry.Operator
	tally    *tally.Tally
	board    *board
	key      mac.Key
	sessions *session.Sessions
	writer   *destination.Writer
	instant  *instant.Listeners
	others   atomic.Int64 // old operators that were seen
	filled   atomic.Bool  // the cache is
	holding  atomic.Int64 // Leases that are held

	mu    sync.Mutex
	terms map[int]*kinds.Kinds // by shard that is held
}

// garbagePercent is how much garbage is let come together before it is collected, in
// percent of what is in use. An operator holds much for long and makes little garbage:
// 10,000 objects are 70 MB in use, which Go's 100 would let grow to 140, and 20 to 84.
const garbagePercent = 20

// Run works until ctx ends, or only cleans up with the setting for that. The error
// is one of the settings, of a port, or of an API server that cannot be found.
func Run(ctx context.Context, o Options) error {
	debug.SetGCPercent(garbagePercent)
	settings := fill(o.Config.Operator)
	if settings.PodUID == "" {
		settings.PodUID = string(uuid.NewUUID())
	}
	logger := logr.FromSlogHandler(o.Log.Handler())
	ctrllog.SetLogger(logger)
	klog.SetLogger(logger)
	c, settings, err := connect(settings, o.Rest, o.Version)
	if err != nil {
		return err
	}
	if settings.Namespace == "" {
		return errors.New("the operator's namespace is not known: set --operator-namespace or OPERATOR_NAMESPACE")
	}
	p := &program{config: settings, log: o.Log, version: o.Version, cluster: c, terms: map[int]*kinds.Kinds{}}
	if settings.Uninstall {
		return p.uninstall(ctx)
	}
	return p.run(ctx, o.Listening)
}

func (p *program) run(ctx context.Context, listening func(string, string)) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	tasks, ctx := errgroup.WithContext(ctx)
	p.board = newBoard(p.config.Shards)
	p.metrics = telemetry.NewMetrics()
	p.metrics.AddBuildInfo(p.version)
	p.numbers = p.metrics.AddOperator(p.version, shown(p.config), p.state)
	p.tally = tally.New(p.numbers)
	err := p.serve(ctx, tasks, listening)
	if err == nil {
		err = p.prepare(ctx)
	}
	if err != nil {
		err = ignoreEnd(ctx, err)
		end()
		return errors.Join(err, tasks.Wait())
	}
	tasks.Go(func() error { return p.cluster.cache.Start(ctx) })
	tasks.Go(func() error { return p.sessions.Run(ctx) })
	tasks.Go(func() error { return p.instant.Run(ctx) })
	tasks.Go(func() error { p.lookAround(ctx); return nil })
	tasks.Go(func() error {
		if !p.cluster.cache.WaitForCacheSync(ctx) {
			return nil // ctx ended
		}
		p.filled.Store(true)
		p.log.Info("operator is ready")
		return p.hold(ctx)
	})
	return ignoreEnd(ctx, tasks.Wait())
}

// ignoreEnd drops the errors of an end that was asked for.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// prepare makes what needs the API server, which may not be there yet: it is waited
// for, and so are the definitions of the kinds.
func (p *program) prepare(ctx context.Context) error {
	for ; ; pause.For(ctx, prepareRetry) {
		err := p.awaitKinds()
		if err == nil {
			p.key, err = session.LoadKey(ctx, p.cluster.live, p.cluster.live, p.config.Namespace, p.definition)
		}
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.log.Warn("operator waits for the API server", telemetry.FieldError, err.Error())
	}
	cached, err := p.cluster.reader()
	if err != nil {
		return err
	}
	p.writer = destination.New(p.cluster.withMetadata(cached), p.cluster.live)
	p.instant = instant.New(instant.Options{Log: p.log})
	sessions := session.New(session.Options{
		OperatorNamespace: p.config.Namespace, Cached: cached, Live: p.cluster.live, Client: p.cluster.live,
		DefaultGlobals: p.config.DefaultGlobals(), SecretIDFolders: p.config.SecretIDFolders, CacheSize: p.config.ClientCacheSize,
		Persistence: session.Persistence(p.config.PersistenceModel), Key: p.key, Backoff: backoff(p.config), Version: p.version,
		RateLimit: p.config.VaultQPS, RateBurst: p.config.VaultBurst,
		Log: p.log, Metrics: p.numbers, OnToken: p.tokenChanged,
	})
	p.mu.Lock() // somebody may scrape already
	p.sessions = sessions
	p.mu.Unlock()
	return errors.Join(
		p.cluster.warm(ctx, p.optional), p.board.follow(ctx, p.cluster.cache, p.optional),
		references.Follow(ctx, p.cluster.cache, p.sessions),
	)
}

const prepareRetry = 3 * time.Second

// awaitKinds fails while a kind is missing that the operator cannot do without.
func (p *program) awaitKinds() error {
	missing, err := p.cluster.missing()
	if err != nil {
		return fmt.Errorf("ask which kinds are installed: %w", err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("no definitions of %s: install the CustomResourceDefinitions of the chart", strings.Join(missing, ", "))
	}
	p.optional = nil
	for _, kind := range []string{kindCSI, kindPush, kindCluster} {
		ok, err := p.cluster.serves(kind)
		if err != nil {
			return fmt.Errorf("ask for kind %s: %w", kind, err)
		}
		if ok && (kind != kindCluster || p.cluster.watched == nil) {
			p.optional = append(p.optional, kind)
		}
	}
	return nil
}

// tokenChanged tells the reconcilers of all shards.
func (p *program) tokenChanged(c session.TokenChange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.terms {
		k.TokenChanged(c)
	}
}

func backoff(o config.Operator) lease.Backoff {
	return lease.Backoff{Initial: o.BackoffInitial, Max: o.BackoffMax, Multiplier: o.BackoffMultiplier, Jitter: o.BackoffRandomization}
}
