package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// loginSpec is what a login is made from.
type loginSpec struct {
	name  string
	vault config.Vault
	auth  config.Auth
}

func newLoginSpec(name string, v config.Vault, c config.Auth) loginSpec {
	return loginSpec{name: name, vault: v, auth: auth.Over(v, c)}
}

// login is one identity with the session that keeps its token alive.
type login struct {
	agent    *Agent
	spec     loginSpec
	identity secret.Identity
	policy   secret.Policy
	client   *vault.Client
	session  *vault.Session
	files    *lease.Entry  // looks at the files of the credentials; nil: nobody asked for it
	epoch    atomic.Uint64 // of the newest token that was logged
	retired  atomic.Bool   // a reload replaced it: its token is nobody's business any more
}

// newLogin makes a login, or takes over that of the plan before where nothing
// changed.
func (a *Agent) newLogin(p *plan, spec loginSpec, before *plan) (*login, error) {
	if l := before.logins[spec.name]; l != nil && reflect.DeepEqual(l.spec, spec) {
		return l, nil
	}
	method, authErr := auth.New(spec.auth)
	client, clientErr := vault.NewClient(spec.vault, clientOptions(a.o)...)
	if err := errors.Join(authErr, clientErr); err != nil {
		return nil, inIdentity(spec.name, err)
	}
	l := &login{agent: a, spec: spec, client: client, identity: identity(spec)}
	for name, other := range p.logins {
		if other != nil && other.identity == l.identity {
			return nil, fmt.Errorf("identity %q logs in exactly as %s does", spec.name, block(name))
		}
	}
	l.session = vault.NewSession(client, method, a.schedule, vault.SessionOptions{
		Namespace: spec.vault.Namespace, AuthNamespace: spec.auth.Namespace,
		Backoff: loginBackoff(spec.auth), OnChange: l.tokenChanged,
	})
	return l, nil
}

func loginBackoff(c config.Auth) lease.Backoff {
	return lease.Backoff{Initial: c.MinBackoff, Max: c.MaxBackoff}
}

func loginError(err error) error { return fmt.Errorf("log in: %w", err) }

// block names the block that a login is described in.
func block(name string) string {
	if name == "" {
		return "auto_auth"
	}
	return fmt.Sprintf("identity %q", name)
}

// inIdentity says which block an error is about.
func inIdentity(name string, err error) error {
	if name == "" {
		return err
	}
	return fmt.Errorf("%s: %w", block(name), err)
}

func clientOptions(o Options) []vault.Option {
	options := []vault.Option{vault.WithVersion(o.Version), vault.WithMiddleware(o.Tracer.Transport)}
	if o.Transport != nil {
		options = append(options, vault.WithTransport(o.Transport))
	}
	return options
}

// identity says with whose eyes a login sees.
func identity(s loginSpec) secret.Identity {
	return secret.Identity{
		Connection: s.vault.Address, Namespace: s.vault.Namespace,
		Method: s.auth.Method, Mount: s.auth.Mount, Role: s.auth.Role, Subject: auth.Subject(s.auth),
	}
}

// policy takes the timing of the template_config block. As in the old agent,
// the backoff of auto_auth, where it is set, counts for secrets too.
func policy(doc *agentfile.Document, method config.Auth) secret.Policy {
	return secret.Policy{
		Poll: doc.TemplateConfig.StaticSecretRenderInterval, Threshold: doc.TemplateConfig.LeaseRenewalThreshold,
		Backoff: lease.Backoff{Initial: method.MinBackoff, Max: method.MaxBackoff},
	}
}

// attach lets the store use the login, with the timing that the plan says.
func (l *login) attach(doc *agentfile.Document) {
	l.policy = policy(doc, l.spec.auth)
	l.agent.store.Attach(l.identity, l.session, l.policy)
}

// start begins to keep a token alive: the one that an agent before left, or a new one.
func (l *login) start(left inheritance) {
	l.attach(l.agent.now().document)
	l.agent.store.Resume(l.identity, left.secrets)
	l.session.Start(left.token)
	l.files = l.agent.watchCredentials(l.spec.auth, l.session.Relogin)
}

// succeed begins where the login of a plan before, of the same identity, stood.
func (l *login) succeed(doc *agentfile.Document, before *login) {
	before.retire()
	l.attach(doc)
	l.session.TakeOver(before.session)
	l.files = l.agent.watchCredentials(l.spec.auth, l.session.Relogin)
}

// retire ends the care for a token whose login is not in the plan any more.
func (l *login) retire() {
	l.retired.Store(true)
	l.session.Stop()
	if l.files != nil {
		l.files.Stop()
	}
	l.client.Close()
}

// leave ends a retired identity with everything that it held.
func (l *login) leave(ctx context.Context, revoke bool) error {
	l.retire()
	l.agent.store.Detach(l.identity)
	if !revoke {
		return nil
	}
	return l.session.Revoke(ctx)
}

// tokenChanged hears of every login, renewal and failed attempt.
func (l *login) tokenChanged(state vault.TokenState) {
	a := l.agent
	if l.retired.Load() {
		return
	}
	a.store.TokenChanged(l.identity, state)
	l.logToken(state)
	// A renewal that fails is no failed login: it leads to one.
	if state.Err != nil && state.Failures > 0 && l.spec.auth.ExitOnErr {
		a.stop(inIdentity(l.spec.name, loginError(state.Err)))
		return
	}
	if l == a.now().main() {
		a.o.Metrics.Authenticated.Set(boolNumber(state.Token != nil))
	}
	if state.Token == nil {
		return
	}
	if l == a.now().main() {
		a.now().wakeSinks()
	}
	a.progressed()
	a.handover.changed()
}

// logToken logs what happened to the token, and failures only while they are new.
func (l *login) logToken(state vault.TokenState) {
	m, log := l.agent.o.Metrics, l.agent.log
	fresh := state.Err == nil && state.Epoch != l.epoch.Swap(state.Epoch)
	who := slog.String(telemetry.FieldIdentity, l.who())
	switch {
	case state.Err != nil:
		m.AuthFailure.Inc()
		if worthLogging(state.Failures) {
			log.Warn("login or token renewal failed", who, slog.Int(telemetry.FieldAttempt, max(state.Failures, 1)), fieldError(state.Err))
		}
	case fresh && state.Resumed:
		log.Info("token verified", who, slog.Time(telemetry.FieldExpires, state.Expires.UTC().Truncate(time.Second)))
	case fresh:
		m.AuthSuccess.Inc()
		log.Info("logged in", slog.String(telemetry.FieldMethod, l.identity.Method), who,
			slog.Duration(telemetry.FieldTTL, state.Token.TTL), slog.Any("policies", state.Token.Policies))
	default:
		log.Debug("token renewed", who, slog.Time(telemetry.FieldExpires, state.Expires.UTC().Truncate(time.Second)))
	}
}

// worthLogging thins out repeated failures: the 1st, 2nd, 4th, 8th and so on.
func worthLogging(failures int) bool { return failures&(failures-1) == 0 }

func boolNumber(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// who names the identity for people: role and subject.
func (l *login) who() string {
	if l.identity.Role == "" {
		return l.identity.Subject
	}
	return l.identity.Role + " " + l.identity.Subject
}
