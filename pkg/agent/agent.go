package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Options is what an agent is made of.
type Options struct {
	Config    *config.Config      // connection, auth, telemetry and the agent's own settings
	Document  *agentfile.Document // templates, sinks, cache
	Log       *slog.Logger
	Metrics   *telemetry.Metrics
	Environ   []string          // of commands, as os.Environ gives it
	Version   string            // of this program, for the user agent
	Socket    string            // unix socket for the status endpoints; "" for none
	Transport http.RoundTripper // in place of the network; nil: the network
}

// errFinished ends an agent that has done what it was started for.
var errFinished = errors.New("everything was delivered once")

// Agent is one running agent.
type Agent struct {
	o        Options
	log      *slog.Logger
	client   *vault.Client
	schedule *lease.Schedule
	session  *vault.Session
	store    *secret.Store
	identity secret.Identity
	units    []*unit
	sinks    []*tokenSink
	queue    *commandQueue
	handover *handover
	delivery *lease.Entry
	stop     context.CancelCauseFunc
	epoch    atomic.Uint64 // of the newest token that was logged

	mu       sync.Mutex
	pending  map[*unit]time.Time // when each unit is rendered next
	rendered int                 // units that were rendered at least once
}

// Run runs an agent until ctx ends or, with exit_after_auth, everything was
// delivered once. Configuration errors come back together, before anything is
// started; later only what the configuration calls fatal ends the agent.
func Run(ctx context.Context, o Options) error {
	a, err := newAgent(o)
	if err != nil {
		return err
	}
	a.warnUnserved()
	a.log.Info("agent starting", slog.String(telemetry.FieldVersion, o.Version), slog.String(telemetry.FieldAddress, o.Config.Vault.Address))
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
	tasks.Go(func() error { return a.schedule.Run(ctx) })
	if err := a.serveStatus(ctx, tasks.Go); err != nil {
		a.stop(err)
	}
	err = tasks.Wait()
	if err == nil {
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
	a := &Agent{o: o, log: o.Log, pending: map[*unit]time.Time{}}
	// The old agent's bound of connections, ten by default, is our bound of
	// requests under way; Apply says how many connections they share.
	a.schedule = lease.NewSchedule(o.Document.TemplateConfig.MaxConnectionsPerHost)
	method, authErr := auth.New(o.Config.Auth)
	client, clientErr := vault.NewClient(o.Config.Vault, clientOptions(o)...)
	units, unitErr := a.newUnits(o.Document.Templates)
	if err := errors.Join(unsupported(o), authErr, clientErr, unitErr); err != nil {
		return nil, err
	}
	a.client, a.units, a.sinks = client, units, a.newSinks()
	a.identity = identity(o.Config)
	a.store = secret.NewStore(a.schedule, secret.Options{Observe: a.observe})
	a.session = vault.NewSession(client, method, a.schedule, a.sessionOptions())
	a.store.Attach(a.identity, a.session, a.policy())
	a.delivery = a.schedule.AddUrgent(time.Time{}, a.deliver)
	a.queue = newCommandQueue(a)
	a.handover = newHandover(a)
	a.addGauges()
	return a, nil
}

func clientOptions(o Options) []vault.Option {
	options := []vault.Option{vault.WithVersion(o.Version)}
	if o.Transport != nil {
		options = append(options, vault.WithTransport(o.Transport))
	}
	return options
}

// identity says with whose eyes this agent sees.
func identity(c *config.Config) secret.Identity {
	return secret.Identity{
		Connection: c.Vault.Address, Namespace: c.Vault.Namespace,
		Method: c.Auth.Method, Mount: c.Auth.Mount, Role: c.Auth.Role, Subject: auth.Subject(c.Auth),
	}
}

func (a *Agent) sessionOptions() vault.SessionOptions {
	c := a.o.Config.Auth
	return vault.SessionOptions{
		Namespace: a.o.Config.Vault.Namespace, AuthNamespace: c.Namespace,
		Backoff: lease.Backoff{Initial: c.MinBackoff, Max: c.MaxBackoff}, OnChange: a.tokenChanged,
	}
}

// policy takes the timing of the template_config block. As in the old agent,
// the backoff of auto_auth, where it is set, counts for secrets too.
func (a *Agent) policy() secret.Policy {
	t := a.o.Document.TemplateConfig
	return secret.Policy{
		Poll: t.StaticSecretRenderInterval, Threshold: t.LeaseRenewalThreshold,
		Backoff: lease.Backoff{Initial: a.methodBackoff().MinBackoff, Max: a.methodBackoff().MaxBackoff},
	}
}

func (a *Agent) methodBackoff() agentfile.Method {
	if a.o.Document.AutoAuth == nil {
		return agentfile.Method{}
	}
	return a.o.Document.AutoAuth.Method
}

// start takes over what the agent before left, and makes everything due.
func (a *Agent) start() error {
	token, held, err := a.handover.load()
	if err != nil {
		return err
	}
	a.cleanDirectories()
	now := time.Now()
	a.store.Resume(a.identity, held)
	a.session.Start(token)
	a.watchCredentials()
	for _, u := range a.units {
		a.pending[u] = now
	}
	a.delivery.Wake(now)
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

// finish ends the agent in order: it hands its token and secrets over, or
// revokes them where the document asks for it. An agent that ends after the
// first delivery revokes only when it failed: what it delivered is in use.
func (a *Agent) finish(ctx context.Context, failed bool) error {
	if !a.o.Config.Agent.RevokeOnShutdown || (a.o.Config.Agent.ExitAfterAuth && !failed) {
		return a.handover.save(ctx)
	}
	a.handover.remove()
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := a.session.Revoke(timeout); err != nil {
		return fmt.Errorf("revoke the agent's token: %w", err)
	}
	a.log.Info("token revoked")
	return nil
}

// endIfDone ends an agent with exit_after_auth when all is done: delivered, with
// a token that Vault knows, of secrets that have not ended, and every command
// run. Only the delivery task calls it.
func (a *Agent) endIfDone() {
	if a.o.Config.Agent.ExitAfterAuth && a.ready() == nil && a.queue.empty() && a.epoch.Load() > 0 && a.current(time.Now()) {
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
// Vault being away later does not make it unready.
func (a *Agent) ready() error {
	for _, s := range a.sinks {
		if !s.written.Load() {
			return fmt.Errorf("the token was not written to %q yet", s.path())
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if missing := len(a.units) - a.rendered; missing > 0 {
		return fmt.Errorf("%d of %d templates were not rendered yet", missing, len(a.units))
	}
	return nil
}
