package csi

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// attrs names a volume in logs. The caller holds turn or mu.
func (v *volume) attrs(more ...any) []any {
	return append([]any{
		slog.String(telemetry.FieldPod, v.pod.String()), slog.String(telemetry.FieldClass, v.class), slog.String(telemetry.FieldTarget, v.target),
	}, more...)
}

func fieldError(err error) slog.Attr { return slog.String(telemetry.FieldError, err.Error()) }

// worthLogging thins out repeated failures: the 1st, 2nd, 4th, 8th and so on.
func worthLogging(failures int) bool { return failures&(failures-1) == 0 }

// audit writes the line of a delivery: who got what from which path, and until
// when it is good; never a value.
func (p *Provider) audit(v *volume, states map[need]secret.State) {
	var what []string
	var expires time.Time
	for n := range v.delivered.versions {
		state := states[n]
		what = append(what, describe(state))
		if !state.Expires.IsZero() && (expires.IsZero() || state.Expires.Before(expires)) {
			expires = state.Expires
		}
	}
	slices.Sort(what)
	attrs := v.attrs(
		slog.String("service_account", v.pod.Namespace+"/"+v.pod.ServiceAccount), slog.String(telemetry.FieldRole, v.main.id.Role),
		slog.Any(telemetry.FieldObjects, fileNames(v.delivered)), slog.Any(telemetry.FieldSecrets, what),
	)
	if !expires.IsZero() {
		attrs = append(attrs, slog.Time(telemetry.FieldExpires, expires.UTC().Truncate(time.Second)))
	}
	p.log.Info("secrets delivered", attrs...)
	p.o.Metrics.Deliveries.WithLabelValues(telemetry.OutcomeOK).Inc()
	p.events.add(v.pod, eventDelivered, fmt.Sprintf("files of SecretProviderClass %s: %s", v.class, strings.Join(fileNames(v.delivered), ", ")))
}

func fileNames(d *delivery) []string {
	names := make([]string, len(d.response.Files))
	for i, f := range d.response.Files {
		names[i] = f.Path
	}
	return names
}

// describe names a secret with its lease or its version of KV.
func describe(s secret.State) string {
	name := s.Query.String()
	if s.Response == nil {
		return name
	}
	if s.Response.LeaseID != "" {
		return name + " lease " + s.Response.LeaseID
	}
	metadata, _ := s.Response.Data.Reveal()["metadata"].(map[string]any)
	if version, ok := metadata["version"]; ok {
		return fmt.Sprintf("%s version %v", name, version)
	}
	return name
}

// logFailure tells of a call that failed, and thins out repetitions.
func (p *Provider) logFailure(v *volume, calls int, err error) {
	if !worthLogging(calls) {
		return
	}
	p.log.Warn("mount failed", v.attrs(slog.Int(telemetry.FieldAttempt, calls), fieldError(err))...)
	p.events.add(v.pod, eventFailed, err.Error())
}

// loginJournal is what was logged of a login.
type loginJournal struct {
	epoch  atomic.Uint64
	failed atomic.Bool
}

// logToken logs what happened to a token, and failures only while they are new.
func (p *Provider) logToken(l *login, state vault.TokenState) {
	fresh := state.Err == nil && state.Epoch != l.journal.epoch.Swap(state.Epoch)
	who := slog.String(telemetry.FieldIdentity, who(l.id))
	switch {
	case state.Err != nil:
		l.journal.failed.Store(true)
		p.metrics.Logins.WithLabelValues(telemetry.OutcomeFailed).Inc()
		if worthLogging(state.Failures) {
			p.log.Warn("login or token renewal failed", who, slog.Int(telemetry.FieldAttempt, max(state.Failures, 1)), fieldError(state.Err))
		}
	case fresh:
		p.metrics.Logins.WithLabelValues(telemetry.OutcomeOK).Inc()
		level := slog.LevelDebug
		if l.journal.failed.Swap(false) {
			level = slog.LevelInfo
		}
		p.log.Log(context.Background(), level, "logged in", who, slog.Duration(telemetry.FieldTTL, state.Token.TTL))
	default:
		l.journal.failed.Store(false)
	}
}

// logLeft tells of a login that no pod uses any more.
func (p *Provider) logLeft(l *login, err error) {
	p.metrics.Revoked.WithLabelValues(telemetry.Outcome(err)).Inc()
	who := slog.String(telemetry.FieldIdentity, who(l.id))
	if err != nil {
		p.log.Warn("token not revoked; it ends by itself", who, fieldError(err))
		return
	}
	p.log.Debug("token revoked", who)
}

// who names an identity for people: role and service-account.
func who(id secret.Identity) string {
	subject, _, _ := strings.Cut(id.Subject, "#")
	return strings.TrimSpace(id.Role + " " + subject)
}

// observe hears of every exchange with Vault for a secret.
func (p *Provider) observe(e secret.Event) {
	outcome := telemetry.Outcome(e.State.Err)
	if e.Renewal {
		p.o.Metrics.Renewals.WithLabelValues(outcome).Inc()
	} else {
		p.o.Metrics.Reads.WithLabelValues(string(e.Reason), outcome).Inc()
	}
	attrs := []any{
		slog.String(telemetry.FieldPath, e.State.Query.String()), slog.String(telemetry.FieldIdentity, who(e.Identity)),
		slog.String(telemetry.FieldReason, string(e.Reason)),
	}
	switch {
	case e.State.Err == nil:
		p.log.Debug("secret read", attrs...)
	case vault.KindOf(e.State.Err) == vault.InvalidToken:
		p.log.Debug("secret waits for a token", append(attrs, fieldError(e.State.Err))...)
	case e.State.Response == nil && !p.serves(e.Identity):
		p.log.Debug("secret not read yet", append(attrs, fieldError(e.State.Err))...) // the mounts that wait for it tell
	case worthLogging(e.State.Failures):
		p.log.Warn("secret not refreshed", append(attrs, slog.Int(telemetry.FieldAttempt, e.State.Failures), fieldError(e.State.Err))...)
		p.tellPods(e)
	}
}

// serves tells whether a pod has files that were made with a login.
func (p *Provider) serves(id secret.Identity) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.logins[id]; l != nil {
		for v := range l.volumes {
			if v.calls > 0 {
				return true
			}
		}
	}
	return false
}

// tellPods tells the pods that have a secret already that it is not refreshed.
func (p *Provider) tellPods(e secret.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.logins[e.Identity]
	if l == nil || e.State.Failures > 1 {
		return
	}
	for v := range maps.Keys(l.volumes) {
		if v.calls > 0 {
			p.events.add(v.pod, eventStale, e.State.Query.String()+": "+e.State.Err.Error())
		}
	}
}
