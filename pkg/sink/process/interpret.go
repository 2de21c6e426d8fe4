package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// room is what surrounds a script while it runs.
type room struct {
	env            vars
	dir            string
	stdin          io.Reader
	stdout, stderr io.Writer
	options        []string // such as -e
	params         []string // $1 and so on
}

// interpret runs statements of a script to their end.
func (s *shell) interpret(ctx context.Context, sc *script, stmts []*syntax.Stmt, rm room) error {
	handler := s.exec(sc)
	r, err := interp.New(
		interp.Env(rm.env), interp.Dir(rm.dir), interp.StdIO(rm.stdin, rm.stdout, rm.stderr),
		interp.Params(append(append(rm.options, "--"), rm.params...)...),
		interp.CallHandler(s.call),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return handler }),
		interp.OpenHandler(open),
	)
	if err != nil {
		return fmt.Errorf("start the shell: %w", err)
	}
	return r.Run(ctx, &syntax.File{Stmts: stmts})
}

// vars is an environment that nobody changes: a script that runs beside
// another must not see its assignments.
type vars struct {
	names  []string
	values map[string]expand.Variable
}

// variables makes an environment of NAME=value entries; others are skipped.
func variables(env []string) vars {
	all := expand.ListEnviron(env...)
	return snapshot(all, func(expand.Variable) bool { return true })
}

func snapshot(env expand.Environ, keep func(expand.Variable) bool) vars {
	v := vars{values: map[string]expand.Variable{}}
	for name, value := range env.Each {
		if _, known := v.values[name]; !known {
			v.names = append(v.names, name)
		}
		v.values[name] = value
	}
	for name, value := range v.values {
		if !value.IsSet() || !keep(value) {
			delete(v.values, name)
		}
	}
	return v
}

// Get implements expand.Environ.
func (v vars) Get(name string) expand.Variable { return v.values[name] }

// Each implements expand.Environ, in the order of the original.
func (v vars) Each(yield func(string, expand.Variable) bool) {
	for _, name := range v.names {
		if value, ok := v.values[name]; ok && !yield(name, value) {
			return
		}
	}
}

func isExported(v expand.Variable) bool { return v.Exported && v.Kind == expand.String }

// exported is the environment of a program, sorted: the interpreter lists its
// variables in any order.
func exported(env expand.Environ) []string {
	var list []string
	for name, value := range snapshot(env, isExported).Each {
		list = append(list, name+"="+value.String())
	}
	slices.Sort(list)
	return list
}

// open opens the files of redirections. Opening a named pipe may block until
// somebody opens the other end; that must not outlive the command. To write
// ("echo reload > app.pipe") it is tried until there is a reader; to read, a
// pipe without a writer is empty.
func open(ctx context.Context, path string, flag int, perm fs.FileMode) (io.ReadWriteCloser, error) {
	if hc := interp.HandlerCtx(ctx); !filepath.IsAbs(path) {
		path = filepath.Join(hc.Dir, path)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		return os.OpenFile(path, flag, perm)
	}
	// Often enough that nobody notices, seldom enough to cost nothing.
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		f, err := os.OpenFile(path, flag|unix.O_NONBLOCK, perm)
		if err == nil {
			// A pipe that is full or idle must not outlive the command either.
			context.AfterFunc(ctx, func() { _ = f.SetDeadline(time.Now()) })
			return f, nil
		}
		if !errors.Is(err, unix.ENXIO) {
			return nil, err
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
