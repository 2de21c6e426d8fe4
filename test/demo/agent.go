package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

// agent is a running `vaultk8s agent`. Its goroutine ends with the process.
type agent struct {
	cmd   *exec.Cmd
	done  chan struct{} // closed when the process has ended
	err   error         // how it ended; valid once done is closed
	asked atomic.Bool   // to end
	mark  int           // in the journal, before its first line
}

// startAgent starts the program as a container would have it: with no other
// program on its PATH, not even a shell.
func (d *demo) startAgent() error {
	a := &agent{done: make(chan struct{}), mark: d.journal.mark()}
	a.cmd = exec.Command(d.program, "agent", "-config="+d.files.document())
	a.cmd.Env = d.agentEnv()
	a.cmd.Dir = d.files.dir
	a.cmd.Stdout, a.cmd.Stderr = d.journal, d.journal
	a.cmd.SysProcAttr = attributes()
	d.screen.Tell("$ vaultk8s agent -config=%s", d.files.short(d.files.document()))
	started := make(chan error, 1)
	go a.run(started, d.abort)
	if err := <-started; err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	d.agent = a
	return nil
}

func (d *demo) agentEnv() []string {
	return []string{"PATH=" + d.files.noPrograms(), "VAULTK8S_AGENT_SOCKET=" + d.files.socket()}
}

// run owns the thread that creates the process, because the kernel kills the
// agent when that thread ends: so it does when the demo dies.
func (a *agent) run(started chan<- error, abort context.CancelCauseFunc) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(a.done)
	err := a.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	a.err = a.cmd.Wait()
	if !a.asked.Load() {
		abort(fmt.Errorf("the agent ended by itself: %s", a.cmd.ProcessState))
	}
}

// stop asks the agent to end, as the kubelet does, and waits for it. It is
// killed when ctx ends. The error is that it did not end with exit code 0.
func (a *agent) stop(ctx context.Context) error {
	a.asked.Store(true)
	// The error is that it has ended already.
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.done:
	case <-ctx.Done():
		_ = a.cmd.Process.Kill()
		<-a.done
		return errors.New("the agent did not end when it was asked to")
	}
	if a.err != nil {
		return fmt.Errorf("the agent did not end in order: %w", a.err)
	}
	return nil
}

// askReady asks the agent as an exec probe of a pod does.
func (d *demo) askReady(ctx context.Context) (struct{}, error) {
	ask := exec.CommandContext(ctx, d.program, "agent", "ready")
	ask.Env = d.agentEnv()
	answer, err := ask.CombinedOutput()
	if err != nil {
		return struct{}{}, fmt.Errorf("agent ready: %w: %s", err, strings.TrimSpace(string(answer)))
	}
	return struct{}{}, nil
}

// awaitReady waits until the agent says that it is ready.
func (d *demo) awaitReady(ctx context.Context) error {
	begin := time.Now()
	if _, err := stage.Await(ctx, "an agent that is ready", d.askReady); err != nil {
		return err
	}
	d.screen.Tell("$ vaultk8s agent ready   → exit code 0 after %d ms", time.Since(begin).Milliseconds())
	return nil
}

// awaitLog waits for a line of the agent's log after a mark; see find.
func (d *demo) awaitLog(ctx context.Context, mark int, message string, pairs ...string) (entry, error) {
	return stage.Await(ctx, fmt.Sprintf("the line %q in the agent's log", message), func(context.Context) (entry, error) {
		return d.journal.find(mark, message, pairs...)
	})
}

// echoed are the messages that somebody who watches wants to see.
var echoed = []string{
	"agent starting", "logged in", "delivered", "secret changed", "lease renewed", "command ran", "secret not refreshed",
	"login or token renewal failed", "template failed", "took over token and secrets", "agent ended",
}

// echo shows a line of the agent's log, shortened, as it comes. Warnings and
// errors are always shown, and what is no log line too: it is about a crash.
func (d *demo) echo(e entry) {
	level := e.fields["level"]
	if level == "INFO" && !slices.Contains(echoed, e.message) || level == "DEBUG" {
		return
	}
	d.screen.Tell("agent: %s", d.files.short(e.brief()))
}

// unechoed are the fields that say nothing new to somebody who watches.
var unechoed = []string{"time", "level", "msg", "identity", "duration", "attempt", "version", "address", "retry_at"}

// brief is the line without what is known anyway.
func (e entry) brief() string {
	words := []string{e.message}
	for _, name := range e.names {
		if !slices.Contains(unechoed, name) {
			words = append(words, name+"="+e.fields[name])
		}
	}
	return strings.Join(words, "  ")
}
