package lab

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// fetch downloads what the targets are compiled from, in their order and ahead of the
// builds, so that the processors do not wait for the network. A failure is not told
// here: the build that needs the module meets it again.
func fetch(ctx context.Context, targets []Target) {
	for _, t := range targets {
		s, err := slotFor(ctx, t)
		if err != nil || s.filled() {
			continue // installed, not compiled, or there already
		}
		_ = s.command(ctx, "list", "-deps").Run()
	}
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
