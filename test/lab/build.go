package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Build makes the targets available ([AllTargets] when none is given) and
// writes its progress to w. What is there already costs milliseconds; from empty
// caches all of them take more than half an hour on two cores. Two builds at the
// same time wait for each other. A failed build leaves the cache
// as it was.
func Build(ctx context.Context, w io.Writer, targets ...Target) error {
	if len(targets) == 0 {
		targets = AllTargets()
	}
	ctx, cancel := context.WithCancel(ctx)
	var fetching sync.WaitGroup
	defer fetching.Wait()
	defer cancel()
	fetching.Go(func() { fetch(ctx, targets) })
	for _, t := range targets {
		if err := buildOne(ctx, w, t); err != nil {
			return err
		}
	}
	return nil
}

func buildOne(ctx context.Context, w io.Writer, t Target) error {
	switch t {
	case TargetPostgres:
		return installedPostgres().install(ctx, w)
	case TargetLDAP:
		return installedLDAP().install(ctx, w)
	case TargetNodePackages:
		return installedNodePackages().install(ctx, w)
	}
	s, err := slotFor(ctx, t)
	if err != nil {
		return err
	}
	if s.filled() {
		fmt.Fprintf(w, "%s: up to date\n", t)
		return nil
	}
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return fmt.Errorf("build %s: %w", t, err)
	}
	unlock, err := lock(ctx, w, filepath.Join(s.root, "..", "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if s.filled() { // by the build that held the lock
		fmt.Fprintf(w, "%s: up to date\n", t)
		return nil
	}
	return s.build(ctx, w)
}

func (s slot) build(ctx context.Context, w io.Writer) error {
	tmp, err := os.MkdirTemp(s.root, "building-")
	if err != nil {
		return fmt.Errorf("build %s: %w", s.target, err)
	}
	defer os.RemoveAll(tmp)
	out := filepath.Join(tmp, string(s.target))
	p := startProgress(w, string(s.target))
	err = s.compile(ctx, out, p)
	if err != nil {
		p.finish("failed")
		return fmt.Errorf("build %s in %q: %w", s.target, s.dir, err)
	}
	info, err := os.Stat(out)
	if err != nil {
		p.finish("failed")
		return fmt.Errorf("build %s: %w", s.target, err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("build %s: %w", s.target, err)
	}
	p.finish(fmt.Sprintf("built, %.1f MiB", float64(info.Size())/(1<<20)))
	return s.install(tmp)
}

// compile runs `go build -v`, which names each package that it compiles: those
// lines feed the progress, all others are kept for the error.
func (s slot) compile(ctx context.Context, out string, p *progress) error {
	cmd := s.command(ctx, "build", "-v", "-o", out)
	sink := &compilerOutput{progress: p}
	cmd.Stdout, cmd.Stderr = sink, sink
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("go build: %w:\n%s", err, sink.messages())
	}
	return nil
}

// command is one of the go command for the target's package, in its module.
func (s slot) command(ctx context.Context, verb string, args ...string) *exec.Cmd {
	args = append(append([]string{verb}, args...), s.flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, s.pkg)...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	cmd.Env = append(cmd.Env, s.env...)
	// The go command removes its work directory when it is interrupted, but not
	// when it is killed. In a group of its own it and its compilers get the
	// interrupt from here, once, and not a second time from the terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// compilerOutput splits what `go build -v` prints.
type compilerOutput struct {
	progress *progress
	partial  string
	kept     []string
}

// keptLines bounds what a failed build shows.
const keptLines = 40

func (c *compilerOutput) Write(b []byte) (int, error) {
	text := c.partial + string(b)
	for {
		line, rest, complete := strings.Cut(text, "\n")
		if !complete {
			c.partial = text
			return len(b), nil
		}
		c.line(line)
		text = rest
	}
}

func (c *compilerOutput) line(line string) {
	switch {
	case line == "":
	case strings.HasPrefix(line, "go: downloading "):
		c.progress.downloaded()
	case !strings.ContainsAny(line, " \t:"): // an import path
		c.progress.compiled()
	case len(c.kept) < keptLines:
		c.kept = append(c.kept, line)
	}
}

func (c *compilerOutput) messages() string {
	if c.partial != "" {
		c.line(c.partial)
		c.partial = ""
	}
	return strings.Join(c.kept, "\n")
}
