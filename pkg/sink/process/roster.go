package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// roster lists the programs of an application that run: one, or those of a
// shell line. A nil roster, which every command has, does nothing.
type roster struct {
	mu       sync.Mutex
	programs map[*os.Process]struct{}
	begun    bool // since the first program, for ever
}

func newRoster() *roster { return &roster{programs: map[*os.Process]struct{}{}} }

// start starts a program and lists it. Whoever asks meanwhile waits: a program may
// have spoken already, and who heard it may send it a signal at once.
func (r *roster) start(cmd *exec.Cmd) error {
	if r == nil {
		return children.start(cmd)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := children.start(cmd); err != nil {
		return err
	}
	r.programs[cmd.Process] = struct{}{}
	r.begun = true
	return nil
}

// started tells whether a program was ever started.
func (r *roster) started() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun
}

func (r *roster) remove(p *os.Process) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.programs, p)
}

var errNotRunning = errors.New("the application does not run")

// signal sends a signal to each program, not to its group: a server expects
// that its workers get only what it passes on. A program that ended meanwhile
// does not count.
func (r *roster) signal(sig os.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed := []error{errNotRunning}
	for p := range r.programs {
		switch err := p.Signal(sig); {
		case errors.Is(err, os.ErrProcessDone):
		case err != nil:
			failed = append(failed, fmt.Errorf("process %d: %w", p.Pid, err))
		default:
			failed[0] = nil
		}
	}
	if len(failed) > 1 {
		failed[0] = nil
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("forward %s: %w", signalName(sig), err)
	}
	return nil
}

func signalName(sig os.Signal) string {
	if s, ok := sig.(syscall.Signal); ok && unix.SignalName(s) != "" {
		return unix.SignalName(s)
	}
	return sig.String()
}

// lend gives the terminal to a program that will read from it, and returns what
// takes it back. Without this a program in a group of its own would be stopped
// as soon as it reads, and Ctrl-C would not reach it.
func (r *roster) lend(cmd *exec.Cmd) (back func()) {
	terminal, ok := cmd.Stdin.(*os.File)
	if r == nil || !ok || !inForeground(terminal) {
		return func() {}
	}
	cmd.SysProcAttr.Foreground = true
	cmd.SysProcAttr.Ctty = int(terminal.Fd())
	return func() { reclaim(terminal) }
}
