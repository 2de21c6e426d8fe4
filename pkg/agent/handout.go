package agent

import (
	"errors"
	"log/slog"
	"reflect"
	"sync/atomic"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// handout is a login for somebody else: Vault wraps the answer, the sink gets
// that, and this agent never sees the token. It takes the place of the login of
// auto_auth, so there is nothing to read secrets with.
type handout struct {
	agent  *Agent
	spec   loginSpec
	client *vault.Client
	login  *vault.WrappedLogin
	files  *lease.Entry // looks at the files of the credentials; nil: nobody asked for it
	newest atomic.Pointer[auth.WrapInfo]
}

// newHandout makes the wrapped login that a spec describes, or takes over that
// of the plan before.
func (a *Agent) newHandout(spec loginSpec, before *plan) (*handout, error) {
	if h := before.handout; h != nil && reflect.DeepEqual(h.spec, spec) {
		return h, nil
	}
	method, authErr := auth.New(spec.auth)
	client, clientErr := vault.NewClient(spec.vault, clientOptions(a.o)...)
	if err := errors.Join(authErr, clientErr); err != nil {
		return nil, err
	}
	h := &handout{agent: a, spec: spec, client: client}
	h.login = vault.NewWrappedLogin(client, method, a.schedule, vault.WrappedLoginOptions{
		Namespace: spec.auth.Namespace, TTL: spec.auth.WrapTTL, Backoff: loginBackoff(spec.auth),
		OnLogin: h.loggedIn, OnFailure: h.failed,
	})
	return h, nil
}

func (h *handout) start() {
	h.login.Start()
	h.files = h.agent.watchCredentials(h.spec.auth, h.login.Relogin)
}

func (h *handout) stop() {
	h.login.Stop()
	if h.files != nil {
		h.files.Stop()
	}
	h.client.Close()
}

func (h *handout) loggedIn(info auth.WrapInfo) {
	h.newest.Store(&info)
	h.agent.o.Metrics.AuthSuccess.Inc()
	h.agent.o.Metrics.Authenticated.Set(1)
	h.agent.log.Info("logged in for the reader of the sink", slog.String(telemetry.FieldMethod, h.spec.auth.Method), slog.Duration(telemetry.FieldTTL, info.TTL))
	h.agent.now().wakeSinks()
}

func (h *handout) failed(err error, failures int) {
	h.agent.o.Metrics.AuthFailure.Inc()
	if worthLogging(failures) {
		h.agent.log.Warn("login or token renewal failed", slog.Int(telemetry.FieldAttempt, failures), fieldError(err))
	}
	if h.spec.auth.ExitOnErr {
		h.agent.stop(loginError(err))
	}
}
