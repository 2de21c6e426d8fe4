package process

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// launcher runs the application once, to its end. When the context ends it asks
// the application to end too, and makes it.
type launcher func(ctx context.Context, env []string) error

// Run runs the application, from the first Update until it ends by itself, which
// is an [*ExitError], also with code 0. When the context ends the application is
// stopped in order and Run returns nil, soon after StopTimeout at the latest. It
// also fails, at once, if an output file cannot be opened. It is called once.
func (s *Supervisor) Run(ctx context.Context) error {
	closeOutputs, err := s.openOutputs()
	if err != nil {
		return err
	}
	defer closeOutputs()
	// Orphans are buried also while the application is being stopped.
	reaping, stop := context.WithCancel(context.WithoutCancel(ctx))
	var reaper sync.WaitGroup
	reaper.Go(func() { s.reap(reaping) })
	defer reaper.Wait()
	defer stop()
	select {
	case <-s.changed:
		return s.supervise(ctx)
	case <-ctx.Done():
		return nil
	}
}

func (s *Supervisor) supervise(ctx context.Context) error {
	env := s.current()
	s.o.OnStart(nil)
	for {
		if end := s.live(ctx, env); end != nil || ctx.Err() != nil {
			return end
		}
		next := s.current()
		s.o.OnStart(difference(env, next))
		env = next
	}
}

// live is one life of the application. It returns nil if the application was
// stopped, be it for new variables or because the context ended.
func (s *Supervisor) live(ctx context.Context, env map[string]sensitive.String) error {
	own, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.launch(own, environment(s.o.Env, env)) }()
	var window <-chan time.Time
	for {
		select {
		case err := <-ended:
			if own.Err() != nil {
				return nil
			}
			return exitError(Command{Argv: s.o.Argv}.program(), err)
		case <-s.changed:
			if window == nil && s.outdated(env) {
				window = time.After(s.o.Debounce)
			}
		case <-window:
			window = nil
			if s.outdated(env) {
				stop() // it may take its time to end
			}
		}
	}
}

// outdated tells whether the application should run with other variables.
func (s *Supervisor) outdated(env map[string]sensitive.String) bool {
	return s.o.RestartOnChange && !maps.Equal(env, s.current())
}

// environment adds variables, which win, to a base.
func environment(base []string, env map[string]sensitive.String) []string {
	custom := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		custom = append(custom, name+"="+env[name].Reveal())
	}
	return FilterEnv(base, false, custom, nil, nil)
}

// run is the launcher of real programs.
func (s *Supervisor) run(ctx context.Context, env []string) error {
	c := Command{
		Argv: s.o.Argv, Env: env, KillSignal: s.o.StopSignal, KillTimeout: s.o.StopTimeout,
		Stdout: s.o.Stdout, Stderr: s.o.Stderr, stdin: s.o.Stdin, roster: s.roster,
	}
	return c.withDefaults().dispatch(ctx)
}

// openOutputs puts files in the place of the outputs, and returns what closes them.
func (s *Supervisor) openOutputs() (closeAll func(), err error) {
	var opened []*os.File
	closeAll = func() {
		for _, f := range opened {
			_ = f.Close()
		}
	}
	for _, output := range []struct {
		path string
		at   *io.Writer
	}{{s.o.StdoutFile, &s.o.Stdout}, {s.o.StderrFile, &s.o.Stderr}} {
		if output.path == "" {
			continue
		}
		f, err := os.OpenFile(output.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		if err != nil {
			closeAll()
			return nil, fmt.Errorf("open the output of the application: %w", err)
		}
		opened = append(opened, f)
		*output.at = f
	}
	return closeAll, nil
}
