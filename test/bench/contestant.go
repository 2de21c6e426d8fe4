package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
)

// contestant is one of the two agents.
type contestant struct {
	name    string
	binary  string
	size    int64  // of the binary, in bytes
	version string // of Go that it was built with
}

func newContestant(name, binary string) (contestant, error) {
	path, err := filepath.Abs(binary)
	if err != nil {
		return contestant{}, fmt.Errorf("find %s: %w", name, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return contestant{}, fmt.Errorf("find %s (build it first): %w", name, err)
	}
	built, err := buildinfo.ReadFile(path)
	if err != nil {
		return contestant{}, fmt.Errorf("find %s: %w", name, err)
	}
	return contestant{name: name, binary: path, size: info.Size(), version: built.GoVersion}, nil
}

// start runs an agent with a job, of which it prepares the directory anew.
func (s *scene) start(ctx context.Context, c contestant, j job) (*attendant.Process, error) {
	if err := j.prepare(); err != nil {
		return nil, err
	}
	argv := []string{c.binary, "agent", "-config=" + j.documentPath()}
	p, err := attendant.Start(ctx, s.attend, j.file("log"), agentEnv(j.dir), argv)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return p, nil
}

// agentEnv is all that an agent sees of the environment: nothing of the caller's may
// change what is measured. The old agent ignores our variable.
func agentEnv(dir string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "VAULTK8S_AGENT_SOCKET=" + filepath.Join(dir, "s")}
}

// finish runs an agent that ends by itself, and checks what it delivered.
func (s *scene) finish(ctx context.Context, c contestant, j job) (attendant.Cost, error) {
	p, err := s.start(ctx, c, j)
	if err != nil {
		return attendant.Cost{}, err
	}
	spent, err := p.Wait()
	if err == nil {
		err = j.check()
	}
	if err != nil {
		return spent, fmt.Errorf("%s: %w", c.name, err)
	}
	return spent, nil
}

// sidecar runs an agent that goes on, calls f once everything is rendered, and
// stops it.
func (s *scene) sidecar(ctx context.Context, c contestant, j job, f func(p *attendant.Process) error) error {
	p, err := s.start(ctx, c, j)
	if err != nil {
		return err
	}
	err = await(ctx, "rendered files", func() (bool, error) { return j.check() == nil, alive(p) })
	if err == nil {
		err = f(p)
	}
	_, stopErr := p.Stop()
	if err == nil {
		err = stopErr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// alive returns an error when the process has ended.
func alive(p *attendant.Process) error {
	_, err := p.Memory()
	return err
}
