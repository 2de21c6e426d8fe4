package agent

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// leaveAfter is how long an identity that nothing uses any more is still served:
// a minute longer than the store keeps what nobody watches, so that the store
// revokes the leases while there is a token to do so.
const leaveAfter = 6 * time.Minute

// heed answers signals until ctx ends: a hangup reads the configuration anew, others
// go to the application.
func (a *Agent) heed(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-a.o.Signals:
			a.signaled(s)
		}
	}
}

func (a *Agent) signaled(s os.Signal) {
	if s == syscall.SIGHUP {
		a.askReload()
		return
	}
	if c := a.running.Load(); c != nil {
		if err := c.supervisor.Signal(s); err != nil {
			a.log.Debug("signal not passed on", fieldError(err))
		}
	}
}

// askReload has the delivery task read the configuration anew.
func (a *Agent) askReload() {
	if a.o.Reload == nil {
		return
	}
	a.asked.Store(true)
	a.delivery.Wake(time.Now())
}

// watchConfiguration asks for a reload when a file of the configuration, or one
// that a template is read from, has changed.
func (a *Agent) watchConfiguration() {
	if a.o.Reload == nil || a.o.Config.Agent.ExitAfterAuth {
		return
	}
	a.watch(a.configurationFiles, configurationInterval, func() {
		if wanted := a.now().document.ReloadOnChange; wanted == nil || *wanted {
			a.askReload()
		}
	})
}

func (a *Agent) configurationFiles() []string {
	var files []string
	if a.o.Files != nil {
		files = a.o.Files()
	}
	for _, u := range a.now().units {
		if u.spec.Source != "" {
			files = append(files, u.spec.Source)
		}
	}
	return files
}

// reload reads the configuration anew and takes over what differs. One that is
// wrong leaves everything as it is. Only the delivery task calls it.
func (a *Agent) reload() {
	before := a.now()
	c, doc, err := a.o.Reload()
	if err != nil {
		a.log.Error("configuration not reloaded", fieldError(err))
		return
	}
	next, err := a.newPlan(c, doc, before)
	if err != nil {
		a.log.Error("configuration not reloaded", fieldError(err))
		return
	}
	changes := differences(before, next)
	if len(changes) == 0 {
		a.log.Info("configuration is unchanged")
		a.switchListeners(before, before) // a certificate may be new
		return
	}
	a.switchTo(next, before)
	telemetry.SetLevel(a.log, c.Log.Level)
	a.log.Info("configuration reloaded", slog.Any(telemetry.FieldChanges, changes))
	if fixed := fixedChanges(before.config, c); len(fixed) > 0 {
		a.log.Warn("changes that need a restart", slog.Any(telemetry.FieldChanges, fixed))
	}
}

// switchTo makes another plan the agent's own.
func (a *Agent) switchTo(next, before *plan) {
	a.plan.Store(next)
	for name, l := range next.logins {
		a.switchLogin(l, before.logins[name], next.document)
	}
	for name, l := range before.logins {
		if next.logins[name] != l && !l.retired.Load() {
			a.leaving = append(a.leaving, l)
		}
	}
	a.switchHandout(next, before)
	a.switchUnits(next, before)
	a.switchChild(next, before)
	a.switchListeners(next, before)
	for _, s := range before.sinks {
		if !slices.Contains(next.sinks, s) {
			s.entry.Stop()
		}
	}
	next.wakeSinks()
}

// switchLogin starts a login that is new, after the one that it replaces, and
// tells one that stays the timing of the new plan.
func (a *Agent) switchLogin(l, before *login, doc *agentfile.Document) {
	switch {
	case l == before && policy(doc, l.spec.auth) != l.policy:
		l.attach(doc)
	case l == before:
	case before != nil && before.identity == l.identity:
		l.succeed(doc, before)
	default:
		l.start(inheritance{})
	}
}

func (a *Agent) switchHandout(next, before *plan) {
	if next.handout == before.handout {
		return
	}
	if before.handout != nil {
		before.handout.stop()
	}
	if next.handout != nil {
		next.handout.start()
	}
}

// switchUnits makes new units due, and puts the old ones behind those that write
// what they wrote: until the new content is there, the old stays and is kept alive.
func (a *Agent) switchUnits(next, before *plan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, u := range next.units {
		u.index = i
		if !before.has(u) {
			a.pending[u] = time.Now()
		}
	}
	for _, u := range before.units {
		if next.has(u) {
			continue
		}
		u.gone = true
		delete(a.pending, u)
		if heir := next.successor(u); heir != nil && !before.has(heir) {
			heir.before = append(heir.before, u)
		} else {
			u.release()
		}
	}
}

// dismiss ends logins that a reload replaced, some time after the last unit that
// used them was replaced too.
func (a *Agent) dismiss() {
	for _, l := range slices.Clone(a.leaving) {
		if slices.ContainsFunc(a.now().units, func(u *unit) bool { return u.uses(l) }) {
			continue
		}
		a.leaving = slices.DeleteFunc(a.leaving, func(other *login) bool { return other == l })
		a.schedule.Add(time.Now().Add(leaveAfter), func(ctx context.Context) time.Time {
			a.dismissed(ctx, l)
			return time.Time{}
		})
	}
}

func (a *Agent) dismissed(ctx context.Context, l *login) {
	if err := l.leave(ctx, a.now().config.Agent.RevokeOnShutdown); err != nil {
		a.log.Warn("token of a former identity not revoked", slog.String(telemetry.FieldIdentity, l.who()), fieldError(err))
		return
	}
	a.log.Info("former identity is left", slog.String(telemetry.FieldIdentity, l.who()))
}

// differences lists what another plan changes, in words without values.
func differences(before, next *plan) []string {
	changes := agentfile.Diff(before.document, next.document)
	for _, u := range next.units {
		if old := before.successor(u); u.spec.Source != "" && old != nil && old.text != u.text {
			changes = append(changes, "template \""+u.name()+"\": "+u.spec.Source+" changed")
		}
	}
	return append(changes, settingChanges(before.config, next.config)...)
}

// settingChanges lists the settings of files and variables outside the document
// that differ. What the document says is among the differences of documents.
func settingChanges(before, next *config.Config) []string {
	old := map[string]config.Setting{}
	for _, s := range before.Settings() {
		old[s.Key] = s
	}
	var changes []string
	for _, s := range next.Settings() {
		if old[s.Key].Value != s.Value && !inDocument(s) && !inDocument(old[s.Key]) {
			changes = append(changes, s.Key+" changed")
		}
	}
	return changes
}

func inDocument(s config.Setting) bool { return strings.HasPrefix(s.Source, "document ") }

// fixedChanges lists changed settings that a running agent does not take over.
func fixedChanges(before, next *config.Config) []string {
	fixed := []struct {
		key     string
		changed bool
	}{
		{"exit_after_auth", before.Agent.ExitAfterAuth != next.Agent.ExitAfterAuth},
		{"pid_file", before.Agent.PIDFile != next.Agent.PIDFile},
		{"log_format", before.Log.Format != next.Log.Format},
		{"log_file", before.Log.File != next.Log.File},
		{"telemetry.address", before.Telemetry.Address != next.Telemetry.Address},
	}
	var keys []string
	for _, f := range fixed {
		if f.changed {
			keys = append(keys, f.key)
		}
	}
	return keys
}
