package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// Words no user can type, because arguments cannot hold a NUL: they carry
// commands past the interpreter's own list of built-ins.
const (
	wordBackground = "\x00background"
	wordKill       = "\x00kill"
	wordWait       = "\x00wait"
)

// defaultPath is searched when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// shell runs one shell line with all it starts.
type shell struct {
	grace    grace
	env      []string
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer
	procRoot string

	jobs jobs
	// leaves is held for reading by every program and built-in at work. Taking
	// it for writing waits for those that no job knows, such as a background
	// command inside of eval.
	leaves sync.RWMutex
}

func newShell(c Command) *shell {
	return &shell{
		grace: c.grace(),
		env:   c.Env,
		stdin: c.input(), stdout: c.Stdout, stderr: c.Stderr,
		procRoot: "/proc",
	}
}

// run interprets a line and waits for what it put into the background.
func (s *shell) run(ctx context.Context, line string) error {
	sc, err := parse(strings.NewReader(line))
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the working directory: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	err = s.interpret(ctx, sc, sc.stmts, room{env: variables(s.env), dir: dir, stdin: s.stdin, stdout: s.stdout, stderr: s.stderr})
	if late := s.jobs.wait(ctx); err == nil {
		err = late
	}
	cancel()
	s.jobs.drain()
	s.leaves.Lock()
	defer s.leaves.Unlock()
	return err
}

// exec runs a simple command that is no built-in of the interpreter.
func (s *shell) exec(sc *script) interp.ExecHandlerFunc {
	own := &jobs{}
	return func(ctx context.Context, args []string) error {
		hc := interp.HandlerCtx(ctx)
		switch args[0] {
		case wordBackground:
			return s.start(ctx, sc, own, hc, args[1:])
		case wordWait:
			return own.wait(ctx)
		case wordKill:
			return s.builtin(ctx, hc, kill, "kill", args[1:])
		}
		path, err := lookPath(hc.Dir, hc.Env.Get("PATH").String(), args[0])
		if err == nil {
			return s.program(ctx, hc, path, args)
		}
		name := standardName(args[0])
		if isShell(name) {
			return s.nested(ctx, hc, args)
		}
		if b := builtinNamed(name); b != nil {
			return s.builtin(ctx, hc, b, name, args[1:])
		}
		_, _ = fmt.Fprintf(hc.Stderr, "%s: %v\n", args[0], err)
		return interp.ExitStatus(127)
	}
}

// program runs an executable file; statuses are those of a shell.
func (s *shell) program(ctx context.Context, hc interp.HandlerContext, path string, args []string) error {
	s.leaves.RLock()
	defer s.leaves.RUnlock()
	err := s.grace.run(ctx, &exec.Cmd{
		Path: path, Args: args, Env: exported(hc.Env), Dir: hc.Dir,
		Stdin: hc.Stdin, Stdout: hc.Stdout, Stderr: hc.Stderr,
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	status, signal := exitOf(err)
	switch {
	case signal != 0:
		return interp.ExitStatus(128 + uint8(signal))
	case status != 0:
		return interp.ExitStatus(status)
	}
	_, _ = fmt.Fprintf(hc.Stderr, "%s: %v\n", args[0], err)
	return interp.ExitStatus(126)
}

// builtin runs a built-in. Its error goes to standard error, as a program's would.
func (s *shell) builtin(ctx context.Context, hc interp.HandlerContext, b builtin, name string, args []string) error {
	s.leaves.RLock()
	defer s.leaves.RUnlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	err := b(ctx, s, hc, args)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if text := err.Error(); text != "" {
		_, _ = fmt.Fprintf(hc.Stderr, "%s: %s\n", name, text)
	}
	if status := shellStatus(err); status != 0 {
		return interp.ExitStatus(status)
	}
	return interp.ExitStatus(1)
}

// call redirects commands that the interpreter claims but does not have.
func (s *shell) call(ctx context.Context, args []string) ([]string, error) {
	if args[0] == "command" && len(args) > 1 && args[1] == "kill" {
		args = args[1:]
	}
	switch {
	case args[0] == "kill":
		return append([]string{wordKill}, args[1:]...), nil
	case args[0] == "wait":
		return []string{wordWait}, nil
	case len(args) == 3 && args[0] == "command" && args[1] == "-v" && played(interp.HandlerCtx(ctx), args[2]):
		return []string{"echo", args[2]}, nil
	}
	return args, nil
}

// played tells whether a command is built in and the image has no such program.
func played(hc interp.HandlerContext, name string) bool {
	_, err := lookPath(hc.Dir, hc.Env.Get("PATH").String(), name)
	return err != nil && builtinNamed(name) != nil
}

// shellStatus takes the exit status out of an error of the interpreter; 0: none.
func shellStatus(err error) int {
	if status, ok := errors.AsType[interp.ExitStatus](err); ok {
		return int(status)
	}
	return 0
}

var errNotFound = errors.New("executable file not found in PATH")

// lookPath finds a program as execvp does, from a directory and a PATH.
func lookPath(dir, path, name string) (string, error) {
	if path == "" {
		path = defaultPath
	}
	found, err := interp.LookPathDir(dir, expand.ListEnviron("PATH="+path), name)
	if err == nil {
		return found, nil
	}
	if !strings.Contains(name, "/") {
		return "", errNotFound
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return "", errno
	}
	return "", err
}

// standardName strips the directories in which images keep their tools, so
// that /bin/sh and /usr/bin/pkill find their replacement.
func standardName(name string) string {
	switch filepath.Dir(name) {
	case "/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin":
		return filepath.Base(name)
	}
	return name
}

// replaceable tells whether a program the image lacks can be played by the shell.
func replaceable(name string) bool {
	name = standardName(name)
	switch name {
	case "true", "false", "test", "[", "echo", "printf", "pwd":
		return true
	}
	return isShell(name) || builtinNamed(name) != nil
}
