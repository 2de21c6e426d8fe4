package process

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// jobs are background statements. A shell has two lists: all of a line, which
// run waits for, and for each script those it started itself, which its wait
// command waits for.
type jobs struct {
	mu      sync.Mutex
	started []chan struct{} // each closed when its statement has ended
}

func (j *jobs) all() []chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.started)
}

func (j *jobs) add(done chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.started = append(j.started, done)
}

// wait waits for every statement, also those that others start meanwhile, or
// for the end of the context, whose error it returns.
func (j *jobs) wait(ctx context.Context) error {
	for i := 0; i < len(j.all()); i++ {
		select {
		case <-j.all()[i]:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// drain waits for every statement; the context that they run in has ended.
func (j *jobs) drain() {
	for i := 0; i < len(j.all()); i++ {
		<-j.all()[i]
	}
}

// start runs a background statement beside the line that holds it. It gets a
// copy of the variables, the functions of the script, and no input.
func (s *shell) start(ctx context.Context, sc *script, own *jobs, hc interp.HandlerContext, args []string) error {
	index, err := strconv.Atoi(args[0])
	if err != nil || index >= len(sc.background) {
		return fmt.Errorf("unknown background statement %q", args[0])
	}
	stmts := append(slices.Clone(sc.functions), sc.background[index])
	rm := room{
		env: snapshot(hc.Env, func(expand.Variable) bool { return true }), dir: hc.Dir,
		stdout: hc.Stdout, stderr: hc.Stderr, params: args[1:],
	}
	done := make(chan struct{})
	s.jobs.add(done)
	own.add(done)
	go s.job(ctx, sc, stmts, rm, done)
	return nil
}

// job is owned by run, which waits for done. As in any shell, nobody asks for
// the status of a background statement.
func (s *shell) job(ctx context.Context, sc *script, stmts []*syntax.Stmt, rm room, done chan<- struct{}) {
	defer close(done)
	_ = s.interpret(ctx, sc, stmts, rm)
}
