package agent

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sink/process"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry/trace"
)

// initAttempts is how often a command is tried by an agent that ends after the
// first delivery. With waits of 1, 2, 4 and 8 s between them that is 15 s, which
// a pod can spend on starting.
const initAttempts = 5

// commandQueue runs the commands of changed templates: after the pass that
// changed them, one after the other in the order of the document, each only
// once however many templates ask for it, and again after a while when one fails.
type commandQueue struct {
	agent  *Agent
	entry  *lease.Entry
	mu     sync.Mutex
	passed []queued // of the pass under way
	queue  []queued
}

type queued struct {
	key      string
	run      process.Command
	failures int
	due      time.Time
}

func newCommandQueue(a *Agent) *commandQueue {
	c := &commandQueue{agent: a}
	c.entry = a.schedule.AddUrgent(time.Time{}, c.work)
	return c
}

// add notes the command of a template that was written in this pass.
func (c *commandQueue) add(spec agentfile.Template) {
	run, ok := commandOf(spec, c.agent.o.Environ)
	if !ok {
		return
	}
	run.Stdout, run.Stderr = commandLog{c.agent.log, run.Argv[0]}, commandLog{c.agent.log, run.Argv[0]}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed = append(c.passed, queued{key: strings.Join(run.Argv, "\x00"), run: run})
}

// flush queues the commands of a pass that has ended. One that waits already,
// to be retried or to be run, is run once, now.
func (c *commandQueue) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.passed {
		c.queue = slices.DeleteFunc(c.queue, func(other queued) bool { return other.key == q.key })
		c.queue = append(c.queue, q)
	}
	if len(c.passed) > 0 {
		c.entry.Wake(time.Now())
	}
	c.passed = nil
}

func (c *commandQueue) empty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) == 0 && len(c.passed) == 0
}

// work is the task that runs what is due.
func (c *commandQueue) work(ctx context.Context) time.Time {
	for {
		q, next := c.first(time.Now())
		if q == nil || ctx.Err() != nil {
			c.agent.progressed()
			return next
		}
		c.done(*q, c.runOne(ctx, *q))
	}
}

// first returns the first command that is due, or when the next will be.
func (c *commandQueue) first(now time.Time) (*queued, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var next time.Time
	for _, q := range c.queue {
		if !q.due.After(now) {
			return &q, time.Time{}
		}
		next = lease.Earliest(next, q.due)
	}
	return nil, next
}

func (c *commandQueue) runOne(ctx context.Context, q queued) error {
	start := time.Now()
	ctx, end := c.agent.o.Tracer.Span(ctx, "command", trace.String("command", q.run.Argv[0]))
	err := q.run.Run(ctx)
	end(err)
	c.agent.o.Metrics.Commands.WithLabelValues(telemetry.Outcome(err)).Inc()
	took := slog.Duration(telemetry.FieldDuration, time.Since(start).Round(time.Millisecond))
	if err == nil {
		c.agent.log.Info("command ran", slog.String(telemetry.FieldCommand, q.run.Argv[0]), took)
		return nil
	}
	if ctx.Err() == nil {
		c.agent.log.Warn("command failed", fieldError(err), took, slog.Int(telemetry.FieldAttempt, q.failures+1))
	}
	return err
}

// done takes a command out of the queue, or plans its next attempt. One that was
// queued anew while it ran has another due time and stays.
func (c *commandQueue) done(q queued, err error) {
	c.mu.Lock()
	i := slices.IndexFunc(c.queue, func(other queued) bool {
		return other.key == q.key && other.failures == q.failures && other.due.Equal(q.due)
	})
	final := err != nil && c.agent.o.Config.Agent.ExitAfterAuth && q.failures+1 >= initAttempts
	switch {
	case i < 0:
	case err == nil || final:
		c.queue = slices.Delete(c.queue, i, i+1)
	default:
		c.queue[i].due = time.Now().Add(lease.Backoff{}.Wait(q.failures, zeroJitter))
		c.queue[i].failures++
	}
	c.mu.Unlock()
	if final && c.agent.now().document.TemplateConfig.ExitOnRetryFailure {
		c.agent.stop(fmt.Errorf("after %d attempts: %w", initAttempts, err))
	}
}

// commandOf returns the command that a template asks for: its exec block, or
// the older command.
func commandOf(spec agentfile.Template, environ []string) (process.Command, bool) {
	if e := spec.Exec; e != nil && len(e.Command) > 0 && (e.Enabled == nil || *e.Enabled) {
		env := process.FilterEnv(environ, e.Env.Pristine, e.Env.Custom, e.Env.Allowlist, e.Env.Denylist)
		return process.Command{Argv: e.Command, Timeout: e.Timeout, KillSignal: signal(e.KillSignal), KillTimeout: e.KillTimeout, Env: env}, true
	}
	if len(spec.Command) == 0 || spec.Command[0] == "" {
		return process.Command{}, false
	}
	return process.Command{Argv: spec.Command, Timeout: spec.CommandTimeout, Env: environ}, true
}

// signal returns the number of a signal's name, SIGINT for one that is unknown:
// names were checked with the document.
func signal(name string) syscall.Signal {
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	return cmp.Or(unix.SignalNum(name), syscall.SIGINT)
}

// commandLog passes on what a command prints, line by line, at debug level:
// it is the user's own text and may hold anything.
type commandLog struct {
	log     *slog.Logger
	command string
}

var _ io.Writer = commandLog{}

// Write implements io.Writer.
func (l commandLog) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		l.log.Debug("command output", slog.String(telemetry.FieldCommand, l.command), slog.String("line", strings.TrimRight(line, "\n")))
	}
	return len(p), nil
}
