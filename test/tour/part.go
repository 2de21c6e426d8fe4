package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
	"github.com/vaultk8s/vaultk8s/test/stage"
)

// play shows all of it, or the part that can be shown here.
func (o options) play(ctx context.Context, w io.Writer) error {
	if why := o.missing(runtime.GOOS, os.Geteuid()); why != "" {
		return o.playPart(ctx, w, why)
	}
	if err := provide(ctx, w, wholeTargets()); err != nil {
		return err
	}
	return o.playWhole(ctx, w)
}

// missing says why no node can run here; empty if one can.
func (o options) missing(system string, user int) string {
	switch {
	case o.noNode:
		return "it was asked for without a node"
	case system != "linux":
		return "a node takes Linux"
	case user != 0:
		return "a node takes root (sudo make demo)"
	}
	return ""
}

const leftOut = `Left out, because %s: the cluster with a node,
helm install, the injector, the CSI provider and the operator at work.
What follows needs no node: the agent, with a real Vault, a Kubernetes control plane
and PostgreSQL.
`

// playPart runs test/demo, which is a program of its own.
func (o options) playPart(ctx context.Context, w io.Writer, why string) (err error) {
	fmt.Fprintf(w, leftOut, why)
	if err := provide(ctx, w, partTargets()); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vaultk8s-tour-")
	if err != nil {
		return err
	}
	defer func() {
		if problem := os.RemoveAll(dir); problem != nil {
			err = errors.Join(err, stage.LeftBehind{Err: problem})
		}
	}()
	demo := filepath.Join(dir, "demo")
	if err := goBuild(ctx, demo, "./test/demo"); err != nil {
		return err
	}
	if err := runProgram(ctx, w, demo, "-bin", o.program); err != nil {
		return fmt.Errorf("the part without a node: %w", err)
	}
	fmt.Fprintf(w, "\nLeft out, because %s: everything with a node.\n", why)
	return nil
}

// runProgram passes the interrupt on, once, and waits for the program to end in order.
func runProgram(ctx context.Context, w io.Writer, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	// It stops servers, which have ten seconds each.
	cmd.WaitDelay = time.Minute
	return cmd.Run()
}

// goBuild makes a static program.
func goBuild(ctx context.Context, path, source string) error {
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o", path, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %q: %w\n%s", source, err, out)
	}
	return nil
}

func partTargets() []lab.Target {
	return []lab.Target{lab.TargetVault, lab.TargetEtcd, lab.TargetAPIServer, lab.TargetControllerManager, lab.TargetPostgres}
}

// wholeTargets has the command line of Vault as well, which is what users type.
func wholeTargets() []lab.Target {
	return append(append(partTargets(), lab.TargetScheduler, lab.TargetVaultAgent, lab.TargetHelm), lab.NodeTargets()...)
}

// provide builds what is missing, which takes minutes once.
func provide(ctx context.Context, w io.Writer, targets []lab.Target) error {
	for _, t := range targets {
		_, err := lab.Binary(ctx, t)
		if _, missing := errors.AsType[*lab.NotBuiltError](err); missing {
			err = lab.Build(ctx, w, t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
