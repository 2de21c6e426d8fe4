package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sink/kubesecret"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry/trace"
)

// Options is what an agent is made of.
type Options struct {
	Config    *config.Config      // connection, auth, telemetry and the agent's own settings
	Document  *agentfile.Document // templates, sinks, cache
	Log       *slog.Logger
	Metrics   *telemetry.Metrics
	Tracer    *trace.Tracer     // nil: nobody asked for traces
	Environ   []string          // of commands, as os.Environ gives it
	Version   string            // of this program, for the user agent
	Socket    string            // unix socket for the status endpoints; "" for none
	Transport http.RoundTripper // in place of the network; nil: the network

	Reload  func() (*config.Config, *agentfile.Document, error) // reads the configuration anew; nil: it never changes
	Files   func() []string                                     // those that Reload reads, to be watched; nil for none
	Signals <-chan os.Signal                                    // a hangup reloads, others go to the process; nil for none
}

// errFinished ends an agent that has done what it was started for.
var errFinished = errors.New("everything was delivered once")

// Agent is one running agent. What the configuration says is in its plan, and
// changes when the configuration does; the rest lives as long as the agent.
type Agent struct {
	o            Options
	log          *slog.Logger
	schedule     *lease.Schedule
	store        *secret.Store
	plan         atomic.Pointer[plan]
	queue        *commandQueue
	handover     *handover
	delivery     *lease.Entry
	stop         context.CancelCauseFunc
	asked        atomic.Bool // somebody asked to read the configuration anew
	served       atomic.Bool // it was ready once
	settling     bool        // only the delivery task touches it
	cluster      func() (*kubesecret.Cluster, error)
	childNews    chan struct{} // holds one notice that a reload changed the application
	running      atomic.Pointer[child]
	listenerNews chan struct{} // the same of the listeners
	leaving      []*login      // that a reload replaced; only the delivery task touches it

	mu      sync.Mutex
	pending map[*unit]time.Time // when each unit is rendered next
}

// Run runs an agent until ctx ends or, with exit_after_auth, everything was
// delivered once. Configuration errors come back together, before anything is
// started; later only what the configuration calls fatal ends the agent.
func Run(ctx context.Context, o Options) error {
	a, err := newAgent(o)
	if err != nil {
		return err
	}
	return a.run(ctx)
}

// run runs an agent that was put together.
func (a *Agent) run(ctx context.Context) error {
	a.warn()
	a.log.Info("agent starting", slog.String(telemetry.FieldVersion, a.o.Version), slog.String(telemetry.FieldAddress, a.o.Config.Vault.Address))
	ctx, a.stop = context.WithCancelCause(ctx)
	defer a.stop(nil)
	if err := a.writePIDFile(); err != nil {
		return err
	}
	defer a.removePIDFile()
	if err := a.start(); err != nil {
		return err
	}
	tasks, ctx := errgroup.WithContext(ctx)
	// First of all, because an agent may be done before it could be asked.
	if err := a.serveStatus(ctx, tasks.Go); err != nil {
		a.stop(err)
	}
	tasks.Go(func() error { return a.schedule.Run(ctx) })
	tasks.Go(func() error { return a.heed(ctx) })
	tasks.Go(func() error { return a.keepChild(ctx) })
	tasks.Go(func() error { return a.keepListeners(ctx) })
	err := tasks.Wait()
	switch {
	case endedWell(err):
		err = nil
	case err == nil:
		err = reason(ctx)
	}
	if err := errors.Join(err, a.finish(ctx, err != nil)); err != nil {
		return err
	}
	a.log.Info("agent ended")
	return nil
}

// Check puts an agent together and does not start it: it returns what Run would
// refuse to start with.
func Check(_ context.Context, o Options) error {
	_, err := newAgent(o)
	return err
}

// newAgent puts the parts together and starts nothing.
func newAgent(o Options) (*Agent, error) {
	a := &Agent{o: o, log: o.Log, pending: map[*unit]time.Time{}, childNews: make(chan struct{}, 1), listenerNews: make(chan struct{}, 1)}
	// The old agent's bound of connections, ten by default, is our bound of
	// requests under way; Apply says how many connections they share.
	a.schedule = lease.NewSchedule(o.Document.TemplateConfig.MaxConnectionsPerHost)
	a.cluster = sync.OnceValues(func() (*kubesecret.Cluster, error) { return kubesecret.InCluster(os.LookupEnv) })
	a.store = secret.NewStore(a.schedule, secret.Options{Observe: a.observe})
	first, err := a.newPlan(o.Config, o.Document, &plan{})
	if err != nil {
		return nil, err
	}
	a.plan.Store(first)
	a.delivery = a.schedule.AddUrgent(time.Time{}, a.deliver)
	a.queue = newCommandQueue(a)
	a.handover = newHandover(a)
	a.addNumbers()
	return a, nil
}

// now is what the configuration says at this moment.
func (a *Agent) now() *plan { return a.plan.Load() }

// start takes over what the agent before left, and makes everything due.
func (a *Agent) start() error {
	left, err := a.handover.load()
	if err != nil {
		return err
	}
	a.cleanDirectories()
	for _, l := range a.now().logins {
		l.start(left[l.identity])
	}
	if h := a.now().handout; h != nil {
		h.start()
	}
	now := time.Now()
	for _, u := range a.now().units {
		a.pending[u] = now
	}
	a.delivery.Wake(now)
	a.watchConfiguration()
	return nil
}

// reason tells why an agent was stopped; nil for an orderly end.
func reason(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, errFinished) || errors.Is(cause, context.Canceled) {
		return nil
	}
	return cause
}

// finish ends the agent in order: it hands its tokens and secrets over, or
// revokes them where the document asks for it. An agent that ends after the
// first delivery revokes only when it failed: what it delivered is in use.
func (a *Agent) finish(ctx context.Context, failed bool) error {
	if !a.now().config.Agent.RevokeOnShutdown || (a.o.Config.Agent.ExitAfterAuth && !failed) {
		return a.handover.save(ctx)
	}
	a.handover.remove()
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, l := range a.now().logins {
		if err := l.session.Revoke(timeout); err != nil {
			return fmt.Errorf("revoke the agent's token: %w", err)
		}
	}
	a.log.Info("token revoked")
	return nil
}

// endIfDone ends an agent with exit_after_auth when all is done: delivered, with
// tokens that Vault knows, of secrets that have not ended, and every command
// run. Only the delivery task calls it.
func (a *Agent) endIfDone() {
	if a.o.Config.Agent.ExitAfterAuth && a.ready() == nil && a.queue.empty() && a.now().loggedIn() && a.current(time.Now()) {
		a.stop(errFinished)
	}
}

// progressed has the delivery task look whether the agent is done.
func (a *Agent) progressed() {
	if a.o.Config.Agent.ExitAfterAuth {
		a.delivery.Wake(time.Now())
	}
}

// ready tells what the agent still waits for before the application may start.
// Neither Vault being away later nor a new template makes it unready again.
func (a *Agent) ready() error {
	if a.served.Load() {
		return nil
	}
	p := a.now()
	for _, s := range p.sinks {
		if !s.written.Load() {
			return fmt.Errorf("the token was not written to %q yet", s.path())
		}
	}
	if missing := len(p.units) - p.rendered(); missing > 0 {
		return fmt.Errorf("%d of %d templates were not rendered yet", missing, len(p.units))
	}
	a.served.Store(true)
	return nil
}
