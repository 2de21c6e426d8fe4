package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// fileInterval is how often local files that a template reads are looked at.
const fileInterval = 2 * time.Second

// changed asks for a new pass of a unit: at once or, where the template says
// wait, when its secrets have been quiet for the minimum or changing for the maximum.
func (a *Agent) changed(u *unit) {
	now := time.Now()
	at := now
	a.mu.Lock()
	if u.gone {
		a.mu.Unlock()
		return
	}
	if w := u.spec.Wait; w != nil && w.Min > 0 {
		if u.first.IsZero() {
			u.first = now
		}
		at = lease.Earliest(now.Add(w.Min), u.first.Add(w.Max))
		a.pending[u] = at
	} else {
		a.pending[u] = lease.Earliest(a.pending[u], at)
	}
	a.mu.Unlock()
	a.delivery.Wake(at)
}

// deliver is the task that renders every unit that is due, in the order of the
// document, and then queues their commands.
func (a *Agent) deliver(ctx context.Context) time.Time {
	if a.asked.Swap(false) {
		a.reload()
	}
	if !a.passDue(ctx) {
		return time.Time{}
	}
	a.queue.flush()
	a.updateChild()
	a.endIfDone()
	if a.ready() == nil {
		a.settleLater()
	}
	a.dismiss()
	a.mu.Lock()
	defer a.mu.Unlock()
	var next time.Time
	for _, at := range a.pending {
		next = lease.Earliest(next, at)
	}
	return next
}

// passDue renders units until none is due: those that share a secret, and perhaps a
// command, learn of its change one after the other. It tells whether the context
// left it the time.
func (a *Agent) passDue(ctx context.Context) bool {
	for {
		a.store.AwaitTold()
		due := a.takeDue(time.Now())
		if len(due) == 0 {
			return true
		}
		for _, u := range due {
			if ctx.Err() != nil {
				return false
			}
			if next := a.pass(ctx, u); !next.IsZero() {
				a.mu.Lock()
				a.pending[u] = lease.Earliest(a.pending[u], next)
				a.mu.Unlock()
			}
		}
	}
}

// current tells whether nothing that the templates use has ended. What an agent
// before handed over may have, when its token was revoked meanwhile.
func (a *Agent) current(now time.Time) bool {
	for _, u := range a.now().units {
		for _, w := range u.watches {
			if end := w.State().Expires; !end.IsZero() && !end.After(now) {
				return false
			}
		}
	}
	return true
}

func (a *Agent) takeDue(now time.Time) []*unit {
	a.mu.Lock()
	defer a.mu.Unlock()
	var due []*unit
	for u, at := range a.pending {
		if !at.After(now) {
			due = append(due, u)
			delete(a.pending, u)
			u.first = time.Time{}
		}
	}
	slices.SortFunc(due, func(x, y *unit) int { return cmp.Compare(x.index, y.index) })
	return due
}

// pass renders one unit and delivers it. It returns when to do so again if
// nothing changes before; zero: then there is no need to.
func (a *Agent) pass(ctx context.Context, u *unit) time.Time {
	result, err := u.renderer.Execute(render.SourceFunc(func(q secret.Query) *secret.State { return a.look(u, q) }))
	if err != nil {
		return a.passFailed(u, err)
	}
	a.closeUnused(u, result.Used)
	var next time.Time
	if len(result.Files) > 0 {
		next = time.Now().Add(fileInterval)
	}
	if len(result.Missing) > 0 {
		return next
	}
	if err := a.deliverOne(ctx, u, result); err != nil {
		return a.passFailed(u, err)
	}
	a.passed(u)
	return next
}

// look answers a data function: it opens the interest in a secret at the first
// sight of it.
func (a *Agent) look(u *unit, q secret.Query) *secret.State {
	w := u.watches[q]
	if w == nil {
		if q.Op == secret.PKI {
			a.adoptCertificate(u, q)
		}
		w = a.store.Watch(u.login.identity, q, func() { a.changed(u) })
		u.watches[q] = w
	}
	state := w.State()
	return &state
}

// adoptCertificate makes an issued certificate that lies in the destination
// already the held one, so that a restart does not issue another.
func (a *Agent) adoptCertificate(u *unit, q secret.Query) {
	content, err := os.ReadFile(u.spec.Destination)
	if err != nil {
		return
	}
	bundle, err := render.ParsePEMBundle(content)
	if err != nil || bundle.Key == "" || !bundle.NotAfter.After(time.Now()) {
		return
	}
	a.store.Resume(u.login.identity, []secret.Held{{Query: q, Response: bundle.Response(), Received: time.Now()}})
}

func (a *Agent) closeUnused(u *unit, used []secret.Query) {
	for q, w := range u.watches {
		if !slices.Contains(used, q) {
			w.Close()
			delete(u.watches, q)
		}
	}
}

// passed keeps the books of a success.
func (a *Agent) passed(u *unit) {
	if u.err != nil {
		a.log.Info("template recovered", fieldDestination(u))
	}
	u.err, u.failures = nil, 0
	u.rendered.Store(true)
	a.mu.Lock()
	u.renderedAt = time.Now()
	a.mu.Unlock()
	u.releaseBefore()
}

// passFailed keeps the books of a failure, and asks for what may have been
// mended in Vault meanwhile. It ends the agent where the document says so.
func (a *Agent) passFailed(u *unit, err error) time.Time {
	if u.err == nil || u.err.Error() != err.Error() {
		a.log.Error("template failed", fieldDestination(u), fieldError(err))
	}
	u.err = err
	u.failures++
	a.o.Metrics.TemplateFailed(u.name())
	var execution *render.ExecError
	fatal := errors.As(err, &execution) && u.spec.ErrorFatal
	if a.now().document.TemplateConfig.ExitOnRetryFailure && (fatal || u.failures > u.login.spec.vault.Retries()) {
		a.stop(fmt.Errorf("template for %q: %w", u.name(), err))
		return time.Time{}
	}
	for q, w := range u.watches {
		if state := w.State(); state.Response != nil && state.Expires.IsZero() {
			a.store.Notify(u.login.identity, q, 0)
		}
	}
	return time.Now().Add(lease.Backoff{}.Wait(u.failures-1, zeroJitter))
}

// zeroJitter is for retries that touch nothing but this pod.
func zeroJitter() float64 { return 0 }
