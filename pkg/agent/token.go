package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sink/file"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// credentialsInterval is how often credential files are compared when
// enable_reauth_on_new_credentials asks for it: the old agent's minute.
const credentialsInterval = time.Minute

// tokenSink keeps a copy of the agent's token in a file.
type tokenSink struct {
	agent    *Agent
	spec     agentfile.Sink
	entry    *lease.Entry
	failures int
	written  atomic.Bool
}

func (s *tokenSink) path() string { return s.spec.Path }

func (a *Agent) newSinks() []*tokenSink {
	if a.o.Document.AutoAuth == nil {
		return nil
	}
	var sinks []*tokenSink
	for _, spec := range a.o.Document.AutoAuth.Sinks {
		s := &tokenSink{agent: a, spec: spec}
		s.entry = a.schedule.AddUrgent(time.Time{}, s.write)
		sinks = append(sinks, s)
	}
	return sinks
}

// write is the task that brings the newest token into the file.
func (s *tokenSink) write(ctx context.Context) time.Time {
	token := s.agent.session.State().Token
	if token == nil {
		return time.Time{}
	}
	mode := s.spec.Mode
	spec := file.Spec{Path: s.spec.Path, Perm: &mode, User: id(s.spec.UID), Group: id(s.spec.GID)}
	outcome, err := file.Write(ctx, spec, []byte(token.Value.Reveal()))
	if err != nil {
		if s.failures == 0 {
			s.agent.log.Error("token not written", slog.String(telemetry.FieldFile, s.spec.Path), fieldError(err))
		}
		s.failures++
		return time.Now().Add(lease.Backoff{}.Wait(s.failures-1, zeroJitter))
	}
	s.failures = 0
	if outcome.Written {
		s.agent.log.Info("token written", slog.String(telemetry.FieldFile, s.spec.Path))
	}
	s.written.Store(true)
	s.agent.progressed()
	return time.Time{}
}

func id(number *int) string {
	if number == nil {
		return ""
	}
	return strconv.Itoa(*number)
}

// tokenChanged hears of every login, renewal and failed attempt.
func (a *Agent) tokenChanged(state vault.TokenState) {
	a.store.TokenChanged(a.identity, state)
	a.logToken(state)
	if state.Err != nil && a.o.Config.Auth.ExitOnErr {
		a.stop(fmt.Errorf("log in: %w", state.Err))
		return
	}
	if state.Token == nil {
		return
	}
	for _, s := range a.sinks {
		s.entry.Wake(time.Now())
	}
	a.progressed()
	a.handover.changed()
}

// logToken logs what happened to the token, and failures only while they are new.
func (a *Agent) logToken(state vault.TokenState) {
	m := a.o.Metrics
	fresh := state.Err == nil && state.Epoch != a.epoch.Swap(state.Epoch)
	switch {
	case state.Err != nil:
		m.AuthFailure.Inc()
		if worthLogging(state.Failures) {
			a.log.Warn("login or token renewal failed", slog.Int(telemetry.FieldAttempt, max(state.Failures, 1)), fieldError(state.Err))
		}
	case fresh && state.Resumed:
		a.log.Info("token verified", slog.String(telemetry.FieldIdentity, a.who()), slog.Time(telemetry.FieldExpires, state.Expires.UTC().Truncate(time.Second)))
	case fresh:
		m.AuthSuccess.Inc()
		a.log.Info("logged in", slog.String(telemetry.FieldMethod, a.identity.Method), slog.String(telemetry.FieldIdentity, a.who()),
			slog.Duration(telemetry.FieldTTL, state.Token.TTL), slog.Any("policies", state.Token.Policies))
	default:
		a.log.Debug("token renewed", slog.Time(telemetry.FieldExpires, state.Expires.UTC().Truncate(time.Second)))
	}
	m.Authenticated.Set(boolNumber(state.Token != nil))
}

// worthLogging thins out repeated failures: the 1st, 2nd, 4th, 8th and so on.
func worthLogging(failures int) bool { return failures&(failures-1) == 0 }

func boolNumber(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// watchCredentials logs in again when credential files change, where the
// document asks for it.
func (a *Agent) watchCredentials() {
	files := auth.Watched(a.o.Config.Auth)
	if !a.o.Config.Auth.Reauth || len(files) == 0 {
		return
	}
	seen := stamps(files)
	a.schedule.AddUrgent(time.Now().Add(credentialsInterval), func(context.Context) time.Time {
		if now := stamps(files); now != seen {
			seen = now
			a.log.Info("credentials changed")
			a.session.Relogin()
		}
		return time.Now().Add(credentialsInterval)
	})
}

// stamps tells the state of files in one text.
func stamps(files []string) string {
	var all string
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			all += fmt.Sprintf("%s %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		}
	}
	return all
}
