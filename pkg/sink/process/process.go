// Package process runs the programs of the user, without needing a shell in the
// image: commands after a render, and the application itself with an environment
// that changes.
//
// A [Command] of several words is executed directly. A single text with blanks
// or shell syntax is a shell line, and an embedded POSIX interpreter runs it:
// pipes, redirections, $(...), && and || work. Programs on the PATH are
// executed as usual; where an image has none, pidof, pgrep, pkill, sleep, cat,
// touch, mkdir, rm, mv, cp, chmod and "sh -c" are built in. kill, test, true,
// false, echo and printf are built in always, as in any shell.
//
// Every program runs in a process group of its own. When the time is up, each
// group gets a signal, and after a grace period SIGKILL. Run returns only when
// nothing of the command is left that it waits for: commands in the background
// of a shell line ("&") are waited for too.
//
// A [Supervisor] keeps one application running, by the same rules of what a
// shell line is. [Supervisor.Update] hands it the newest variables, for which it
// is started and, if so wanted, started again; [Reap] buries its orphans where
// this process is the first of a container.
//
// For commands most callers need two functions: [Command.Run] and [FilterEnv];
// for an application [NewSupervisor] and [Supervisor.Run].
//
// What the interpreter lacks is refused before anything runs: process
// substitution, coprocesses, and descriptors other than 0, 1 and 2. The line
// runs inside this process, so $$ is its own process id.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	defaultTimeout     = 30 * time.Second
	defaultKillTimeout = 30 * time.Second
)

// Command is one command to be run, once or several times.
type Command struct {
	// Argv is the program and its arguments. A single element with blanks or
	// shell syntax is a shell line.
	Argv []string
	// Timeout is how long the command may take; 0: 30s.
	Timeout time.Duration
	// KillSignal is sent when the time is up or the context ends; 0: SIGINT.
	KillSignal syscall.Signal
	// KillTimeout is the time between KillSignal and SIGKILL; 0: 30s.
	KillTimeout time.Duration
	// Env is the whole environment, see FilterEnv; nil: that of this process.
	Env []string
	// Stdout and Stderr get the output; nil: it is discarded. They are never
	// written to by two goroutines at a time.
	Stdout, Stderr io.Writer

	// What follows is for an application; a command has no input.
	stdin  *os.File
	roster *roster
}

// Error is a command that failed. It names the program, never its arguments,
// which may hold credentials.
type Error struct {
	Program string         // first word of the command
	Status  int            // exit status; 0 if it did not exit by itself
	Signal  syscall.Signal // what ended it; 0 if none did
	Timeout time.Duration  // the limit it ran into; 0 if it did not
	Err     error          // context error, or why it could not run at all
}

// Error says how the command failed.
func (e *Error) Error() string {
	switch {
	case e.Timeout != 0:
		return fmt.Sprintf("command %q timed out after %s", e.Program, e.Timeout)
	case errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded):
		return fmt.Sprintf("command %q stopped: %v", e.Program, e.Err)
	case e.Signal != 0:
		return fmt.Sprintf("command %q failed: killed by %s", e.Program, unix.SignalName(e.Signal))
	case e.Status != 0:
		return fmt.Sprintf("command %q failed: exit status %d", e.Program, e.Status)
	default:
		return fmt.Sprintf("command %q cannot run: %v", e.Program, e.Err)
	}
}

// Unwrap returns context.DeadlineExceeded for a timeout, the context's error
// for a command that was stopped, or why it could not run.
func (e *Error) Unwrap() error { return e.Err }

// Run runs the command to its end. It fails with an [*Error] if the command
// cannot be run, exits with a status other than 0, is killed, or takes longer
// than Timeout. It returns at the latest when Timeout and KillTimeout are over,
// plus a second for output that a killed program left in a pipe.
func (c Command) Run(ctx context.Context) error {
	if len(c.Argv) == 0 || strings.TrimSpace(c.Argv[0]) == "" {
		return errors.New("command is empty")
	}
	c = c.withDefaults()
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return c.verdict(ctx, limited, c.dispatch(limited))
}

// dispatch decides who runs the command.
func (c Command) dispatch(ctx context.Context) error {
	if isShellLine(c.Argv) {
		return newShell(c).run(ctx, c.Argv[0])
	}
	path, err := lookPath("", valueOf(c.Env, "PATH"), c.Argv[0])
	if err == nil {
		return c.execute(ctx, path)
	}
	if !replaceable(c.Argv[0]) {
		return err
	}
	line, err := quote(c.Argv)
	if err != nil {
		return err
	}
	return newShell(c).run(ctx, line)
}

func (c Command) withDefaults() Command {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.KillTimeout == 0 {
		c.KillTimeout = defaultKillTimeout
	}
	if c.KillSignal == 0 {
		c.KillSignal = syscall.SIGINT
	}
	if c.Env == nil {
		c.Env = os.Environ()
	}
	c.Stdout, c.Stderr = serialize(c.Stdout, c.Stderr)
	return c
}

func (c Command) execute(ctx context.Context, path string) error {
	return c.grace().run(ctx, &exec.Cmd{Path: path, Args: c.Argv, Env: c.Env, Stdin: c.input(), Stdout: c.Stdout, Stderr: c.Stderr})
}

func (c Command) grace() grace {
	return grace{signal: c.KillSignal, timeout: c.KillTimeout, roster: c.roster}
}

// input is nil, and no nil file in an interface, where there is none.
func (c Command) input() io.Reader {
	if c.stdin == nil {
		return nil
	}
	return c.stdin
}

// verdict turns the end of the work into the error of the command.
func (c Command) verdict(parent, limited context.Context, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Program: c.program(), Err: err}
	if ended := parent.Err(); ended != nil {
		e.Err = ended
		return e
	}
	if limited.Err() != nil {
		e.Timeout, e.Err = c.Timeout, limited.Err()
		return e
	}
	e.Status, e.Signal = exitOf(err)
	return e
}

// program is what errors call the command.
func (c Command) program() string {
	if isShellLine(c.Argv) {
		return firstWord(c.Argv[0])
	}
	return c.Argv[0]
}
