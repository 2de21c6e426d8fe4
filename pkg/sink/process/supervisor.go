package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const (
	defaultStopTimeout = 30 * time.Second
	defaultDebounce    = 2 * time.Second
)

// SupervisorOptions say what is run, and how.
type SupervisorOptions struct {
	// Argv is the program and its arguments. A single element with blanks or
	// shell syntax is a shell line.
	Argv []string
	// Env is the environment as NAME=value, to which the variables of Update are
	// added; they win. Nil: that of this process.
	Env []string
	// RestartOnChange starts the application again when its variables change.
	// Without it, it goes on with those it was started with.
	RestartOnChange bool
	// StopSignal asks the application to end; 0: SIGTERM.
	StopSignal syscall.Signal
	// StopTimeout is the time between StopSignal and SIGKILL; 0: 30s.
	StopTimeout time.Duration
	// Debounce is the time from the first change to the restart, in which other
	// changes are collected; 0: 2s.
	Debounce time.Duration
	// Stdin, Stdout and Stderr are those of the application; nil: those of this
	// process.
	Stdin          *os.File
	Stdout, Stderr io.Writer
	// StdoutFile and StderrFile are names of files that get the output in place
	// of Stdout and Stderr. They are created with mode 0644 and appended to.
	StdoutFile, StderrFile string
	// OnStart is called before each start; nil: nobody is. changed are the names
	// of the variables, in order, that are not what they were at the last start;
	// none for the first.
	OnStart func(changed []string)
}

// Supervisor keeps one application running with an environment that changes.
//
// It has three states. It waits for the first Update; then the application runs;
// and a change of its variables opens a window of Debounce, at the end of which
// the application is stopped and started again, unless the variables are again
// those it runs with. Whatever comes meanwhile, also while it is being stopped,
// is part of that restart: only the newest variables are kept, and they are taken
// when the application starts. An end that nobody asked for ends the supervisor.
type Supervisor struct {
	o      SupervisorOptions
	roster *roster
	launch launcher
	reap   func(context.Context)

	changed chan struct{} // holds one notice of news
	// newest is behind a pointer so that nothing that prints a Supervisor gets to
	// the values: fields that are not exported cannot redact themselves.
	newest atomic.Pointer[map[string]sensitive.String]
}

// NewSupervisor prepares an application and starts nothing. It fails if there is
// no command, or if its shell line cannot be run.
func NewSupervisor(o SupervisorOptions) (*Supervisor, error) {
	if len(o.Argv) == 0 || strings.TrimSpace(o.Argv[0]) == "" {
		return nil, errors.New("command is empty")
	}
	if isShellLine(o.Argv) {
		if words, ok := literalWords(o.Argv[0]); ok && (len(words) > 1 || !isShellLine(words)) {
			o.Argv = words
		} else if _, err := parse(strings.NewReader(o.Argv[0])); err != nil {
			return nil, fmt.Errorf("command %q cannot run: %w", firstWord(o.Argv[0]), err)
		}
	}
	o = o.withDefaults()
	s := &Supervisor{o: o, roster: newRoster(), changed: make(chan struct{}, 1)}
	s.launch, s.reap = s.run, Reap
	return s, nil
}

func (o SupervisorOptions) withDefaults() SupervisorOptions {
	if o.StopSignal == 0 {
		o.StopSignal = unix.SIGTERM
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = defaultStopTimeout
	}
	if o.Debounce == 0 {
		o.Debounce = defaultDebounce
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.OnStart == nil {
		o.OnStart = func([]string) {}
	}
	return o
}

// Update hands over all variables as they are now. It never blocks, may be called
// at any time and by several at once, and takes a copy. It fails, and changes
// nothing, if no program can be given these variables: the application goes on
// as it is.
func (s *Supervisor) Update(env map[string]sensitive.String) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(env)) {
		problems = append(problems, checkVariable(name, env[name]))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	env = maps.Clone(env)
	s.newest.Store(&env)
	select {
	case s.changed <- struct{}{}:
	default: // a notice is there already
	}
	return nil
}

// longestVariable is what Linux takes of one entry with its name and the NUL at
// its end, in bytes: 32 pages (MAX_ARG_STRLEN).
func longestVariable() int { return 32 * os.Getpagesize() }

// checkVariable finds what the kernel would refuse, or a program misread.
func checkVariable(name string, value sensitive.String) error {
	longest := longestVariable()
	switch size := len(name) + len("=") + len(value.Reveal()) + len("\x00"); {
	case name == "" || strings.ContainsAny(name, "=\x00"):
		return fmt.Errorf("variable %q: not the name of an environment variable", name)
	case strings.Contains(value.Reveal(), "\x00"):
		return fmt.Errorf("variable %q: the value holds a NUL, which no environment can hold", name)
	case size > longest:
		return fmt.Errorf("variable %q: %d bytes are more than the %d that a program can be given in one variable", name, size, longest)
	}
	return nil
}

// Started tells whether the application has been started yet: its program, or
// the first program of its shell line.
func (s *Supervisor) Started() bool { return s.roster.started() }

// Signal sends a signal to the application, or to each program of a shell line
// that runs now, also to those that such a signal ends: in "app | tee log" both
// get it. See [Forwarded]. It fails if none does, as before the first
// Update and for a moment at a restart.
func (s *Supervisor) Signal(sig os.Signal) error { return s.roster.signal(sig) }

// current returns the newest variables, which nobody changes, after the first
// Update.
func (s *Supervisor) current() map[string]sensitive.String { return *s.newest.Load() }

// difference names, in order, the variables that two environments do not share.
func difference(a, b map[string]sensitive.String) []string {
	var names []string
	for name, value := range a {
		if other, ok := b[name]; !ok || other != value {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
