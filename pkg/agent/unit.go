package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// fileInterval is how often local files that a template reads are looked at.
const fileInterval = 2 * time.Second

// unit is one template with everything that belongs to it. Only the delivery
// task touches it, except for what the agent's mu guards.
type unit struct {
	index    int
	spec     agentfile.Template
	template *render.Template
	watches  map[secret.Query]*secret.Watch
	rendered bool
	failures int       // passes that failed since the newest success
	err      error     // of the newest pass
	first    time.Time // first change since the newest pass, for wait; guarded by the agent's mu
}

// newUnits parses all templates and reports all that are wrong.
func (a *Agent) newUnits(specs []agentfile.Template) ([]*unit, error) {
	units := make([]*unit, 0, len(specs))
	var problems []error
	for i, spec := range specs {
		template, err := parse(spec)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		units = append(units, &unit{index: i, spec: spec, template: template, watches: map[secret.Query]*secret.Watch{}})
	}
	return units, errors.Join(problems...)
}

func parse(spec agentfile.Template) (*render.Template, error) {
	name, text := spec.Destination, spec.Contents
	if spec.Source != "" {
		name = spec.Source
		content, err := os.ReadFile(spec.Source)
		if err != nil {
			return nil, fmt.Errorf("read template: %w", err)
		}
		text = string(content)
	}
	return render.Parse(text, render.Options{
		Name: name, LeftDelim: spec.LeftDelim, RightDelim: spec.RightDelim,
		ErrorOnMissingKey: spec.ErrorOnMissingKey, SandboxPath: spec.SandboxPath, Denylist: spec.FunctionDenylist,
	})
}

// changed asks for a new pass of a unit: at once or, where the template says
// wait, when its secrets have been quiet for the minimum or changing for the maximum.
func (a *Agent) changed(u *unit) {
	now := time.Now()
	at := now
	a.mu.Lock()
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
	for _, u := range a.takeDue(time.Now()) {
		if ctx.Err() != nil {
			return time.Time{}
		}
		if next := a.pass(ctx, u); !next.IsZero() {
			a.mu.Lock()
			a.pending[u] = lease.Earliest(a.pending[u], next)
			a.mu.Unlock()
		}
	}
	a.queue.flush()
	a.endIfDone()
	a.mu.Lock()
	defer a.mu.Unlock()
	var next time.Time
	for _, at := range a.pending {
		next = lease.Earliest(next, at)
	}
	return next
}

// current tells whether nothing that the templates use has ended. What an agent
// before handed over may have, when its token was revoked meanwhile.
func (a *Agent) current(now time.Time) bool {
	for _, u := range a.units {
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
	result, err := u.template.Execute(render.SourceFunc(func(q secret.Query) *secret.State { return a.look(u, q) }))
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
	if err := a.write(ctx, u, result); err != nil {
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
		w = a.store.Watch(a.identity, q, func() { a.changed(u) })
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
	a.store.Resume(a.identity, []secret.Held{{Query: q, Response: bundle.Response(), Received: time.Now()}})
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
	if !u.rendered {
		u.rendered = true
		a.mu.Lock()
		a.rendered++
		a.mu.Unlock()
	}
}

// passFailed keeps the books of a failure, and asks for what may have been
// mended in Vault meanwhile. It ends the agent where the document says so.
func (a *Agent) passFailed(u *unit, err error) time.Time {
	if u.err == nil || u.err.Error() != err.Error() {
		a.log.Error("template failed", fieldDestination(u), fieldError(err))
	}
	u.err = err
	u.failures++
	var execution *render.ExecError
	fatal := errors.As(err, &execution) && u.spec.ErrorFatal
	if a.o.Document.TemplateConfig.ExitOnRetryFailure && (fatal || u.failures > a.o.Config.Vault.Retries()) {
		a.stop(fmt.Errorf("template for %q: %w", u.spec.Destination, err))
		return time.Time{}
	}
	for q, w := range u.watches {
		if state := w.State(); state.Response != nil && state.Expires.IsZero() {
			a.store.Notify(a.identity, q, 0)
		}
	}
	return time.Now().Add(lease.Backoff{}.Wait(u.failures-1, zeroJitter))
}

// zeroJitter is for retries that touch nothing but this pod.
func zeroJitter() float64 { return 0 }

// name is how logs call a unit.
func (u *unit) name() string { return filepath.Clean(u.spec.Destination) }
