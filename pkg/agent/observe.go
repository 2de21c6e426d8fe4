package agent

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// observe hears of every exchange with Vault for a secret: it counts, logs and,
// where the document says so, gives up.
func (a *Agent) observe(e secret.Event) {
	outcome := telemetry.Outcome(e.State.Err)
	if e.Renewal {
		a.o.Metrics.Renewals.WithLabelValues(outcome).Inc()
	} else {
		a.o.Metrics.Reads.WithLabelValues(string(e.Reason), outcome).Inc()
	}
	a.logEvent(e)
	if e.State.Err != nil {
		a.o.Metrics.SecretFailed(e.State.Query.String(), a.now().nameOf(e.Identity))
	}
	if e.State.Err != nil {
		a.giveUp(e)
		return
	}
	if e.Changed || e.Renewal { // a poll that found nothing new leaves nothing else to hand over
		a.handover.changed()
	}
}

func (a *Agent) logEvent(e secret.Event) {
	attrs := []any{slog.String(telemetry.FieldPath, e.State.Query.String()), slog.String(telemetry.FieldReason, string(e.Reason))}
	if !e.State.Expires.IsZero() {
		attrs = append(attrs, slog.Time(telemetry.FieldExpires, e.State.Expires.UTC().Truncate(time.Second)))
	}
	switch {
	case e.State.Err != nil && vault.KindOf(e.State.Err) == vault.InvalidToken:
		a.log.Debug("secret waits for a token", append(attrs, fieldError(e.State.Err))...)
	case e.State.Err != nil && worthLogging(e.State.Failures):
		attrs = append(attrs, slog.Int(telemetry.FieldAttempt, e.State.Failures), slog.Time(telemetry.FieldRetryAt, e.State.Due.UTC().Truncate(time.Millisecond)))
		a.log.Warn("secret not refreshed", append(attrs, fieldError(e.State.Err))...)
	case e.State.Err != nil:
	case e.Renewal:
		a.log.Info("lease renewed", attrs...)
	case e.Changed:
		a.log.Info("secret changed", attrs...)
	default:
		a.log.Debug("secret unchanged", attrs...)
	}
}

// giveUp ends an agent that was told to, when a secret that it has never had
// failed too often. What is held once stays served: an outage of Vault later
// must not take the agent down with it.
func (a *Agent) giveUp(e secret.Event) {
	state := e.State
	if state.Response != nil || !a.now().document.TemplateConfig.ExitOnRetryFailure {
		return
	}
	if retries := a.now().retries(e.Identity); state.Failures > retries {
		a.stop(fmt.Errorf("%s: gave up at attempt %d: %w", state.Query, state.Failures, state.Err))
	}
}
