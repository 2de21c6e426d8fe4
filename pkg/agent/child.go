package agent

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"syscall"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/sink/process"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// child is the application that the agent runs, with the variables that it
// rendered.
type child struct {
	spec       agentfile.Exec
	supervisor *process.Supervisor
	replaced   chan struct{}               // closed when a reload has it end
	before     *child                      // runs until this one has its variables; only the delivery task touches it
	sent       map[string]sensitive.String // variables that it was given; only the delivery task touches it
}

// newChild makes the application of a document, or takes over that of the plan
// before. An agent that ends after the first delivery runs none.
func (a *Agent) newChild(c *config.Config, doc *agentfile.Document, before *plan) (*child, error) {
	if doc.Exec == nil || c.Agent.ExitAfterAuth {
		return nil, nil //nolint:nilnil // most agents have none
	}
	for c := before.child; c != nil; c = c.before {
		if reflect.DeepEqual(c.spec, *doc.Exec) {
			return c, nil
		}
	}
	supervisor, err := process.NewSupervisor(process.SupervisorOptions{
		Argv: doc.Exec.Command, Env: a.o.Environ, RestartOnChange: doc.Exec.RestartOnChange != "never",
		StopSignal: signal(doc.Exec.RestartStopSignal), StdoutFile: doc.Exec.Stdout, StderrFile: doc.Exec.Stderr,
		OnStart: a.childStarts,
	})
	if err != nil {
		return nil, err
	}
	return &child{spec: *doc.Exec, supervisor: supervisor, replaced: make(chan struct{}), before: before.child.running()}, nil
}

// running is the application itself, or the one that runs in its place until it
// has its variables.
func (c *child) running() *child {
	if c != nil && c.before != nil {
		return c.before
	}
	return c
}

func (a *Agent) childStarts(changed []string) {
	if len(changed) == 0 {
		a.log.Info("application starts")
		return
	}
	a.log.Info("application starts again", slog.Any(telemetry.FieldChanges, changed))
}

// keepChild runs the application of the plan until it ends by itself, which ends
// the agent, or until ctx ends, which stops it in order.
func (a *Agent) keepChild(ctx context.Context) error {
	for {
		c := a.now().child
		if c == nil {
			select {
			case <-ctx.Done():
				return nil
			case <-a.childNews:
				continue
			}
		}
		a.running.Store(c)
		err := c.run(ctx)
		select {
		case <-c.replaced:
			continue
		default:
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// run runs the application until it ends or is replaced.
func (c *child) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer func() { <-stop }()
	go func() {
		defer close(stop)
		select {
		case <-c.replaced:
		case <-ctx.Done():
		}
		cancel()
	}()
	defer cancel()
	return c.supervisor.Run(ctx)
}

// switchChild ends an application that a reload took out. One that a reload
// changed goes on until the other one can start: see updateChild.
func (a *Agent) switchChild(next, before *plan) {
	if next.child == before.child {
		return
	}
	if c := before.child.running(); c != nil && next.child == nil {
		close(c.replaced)
	}
	select {
	case a.childNews <- struct{}{}:
	default: // a notice is there already
	}
}

// updateChild gives the application its variables when every template of the plan
// was rendered once, and again when one of them has changed.
func (a *Agent) updateChild() {
	p := a.now()
	if p.child == nil || p.rendered() < len(p.units) {
		return
	}
	variables := map[string]sensitive.String{}
	for _, u := range p.units {
		if u.spec.variable != "" {
			variables[u.spec.variable] = u.value
		}
	}
	if p.child.sent != nil && maps.Equal(p.child.sent, variables) {
		return
	}
	p.child.sent = variables
	if err := p.child.supervisor.Update(variables); err != nil {
		a.log.Error("application does not get its variables", fieldError(err))
		return
	}
	if c := p.child.before; c != nil {
		p.child.before = nil
		close(c.replaced)
	}
}

// ExitCode returns what a program ends with after [Run] returned an error or nil:
// that of the application, where it ended by itself, else 0 or 1.
func ExitCode(err error) int {
	if exit, ok := errors.AsType[*process.ExitError](err); ok {
		return exit.Code
	}
	if err != nil {
		return 1
	}
	return 0
}

// endedWell tells of an application that ended by itself without a fault: for
// the agent that is an orderly end too.
func endedWell(err error) bool {
	exit, ok := errors.AsType[*process.ExitError](err)
	return ok && exit.Code == 0
}

// keepVariable keeps an output for the application, and tells whether it is
// another one than before.
func (u *unit) keepVariable(output []byte) bool {
	value := sensitive.New(string(output))
	changed := !u.rendered.Load() || u.value != value
	u.value = value
	return changed
}

// Signals lists what a program that runs this document should receive and pass
// on in Options.Signals.
func Signals(doc *agentfile.Document) []os.Signal {
	all := []os.Signal{syscall.SIGHUP}
	if doc.Exec != nil {
		all = append(all, process.Forwarded()...)
	}
	return all
}
