package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// shell runs what a user would type in the folder of the repository.
type shell struct {
	dir string   // of the tour: home of the programs, so that their caches go with it
	env []string // what makes them find the servers
}

// run returns what the command writes, and its exit code.
func (s shell) run(ctx context.Context, command string) (out string, code int, err error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Env = append(os.Environ(), s.variables()...)
	// An interrupt at the terminal is for the tour, which passes it on to all of them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	text, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return string(text), -1, fmt.Errorf("%q did not end: %w", command, context.Cause(ctx))
	}
	if _, exited := errors.AsType[*exec.ExitError](err); exited {
		return string(text), cmd.ProcessState.ExitCode(), nil
	}
	return string(text), 0, err
}

func (s shell) variables() []string {
	return append([]string{"HOME=" + s.dir, "PATH=" + s.programs() + ":" + os.Getenv("PATH")}, s.env...)
}

func (s shell) programs() string { return filepath.Join(s.dir, "bin") }

// link puts the programs that a user types into one folder.
func (s shell) link(ctx context.Context, ours string) error {
	if err := os.Mkdir(s.programs(), 0o755); err != nil {
		return err
	}
	paths := map[string]string{"vaultk8s": ours}
	for name, t := range map[string]lab.Target{"kubectl": lab.TargetKubectl, "helm": lab.TargetHelm, "vault": lab.TargetVaultAgent} {
		path, err := lab.Binary(ctx, t)
		if err != nil {
			return err
		}
		paths[name] = path
	}
	for name, path := range paths {
		if err := os.Symlink(path, filepath.Join(s.programs(), name)); err != nil {
			return err
		}
	}
	return nil
}

// envFile writes the variables for the shell of somebody who plays on. Nobody else can
// read it, because the token of Vault is in it.
func (s shell) envFile() (path string, err error) {
	text := "export PATH=" + s.programs() + ":$PATH\n"
	for _, v := range s.env {
		text += "export " + v + "\n"
	}
	path = filepath.Join(s.dir, "env")
	return path, os.WriteFile(path, []byte(text), 0o600)
}
