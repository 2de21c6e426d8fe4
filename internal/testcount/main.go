// Command testcount runs `go test` and ends with one plain line that counts tests.
//
//	testcount -race -timeout 20m ./...
//
// Its arguments are those of `go test`. A package shows one line when it ends,
// a failed test its output, and a silence of half a minute what is still
// running. The last line is `N passed, N failed`; only tests without subtests
// are counted. The exit status is 1 if anything failed or no test ran, and, where
// the environment says CI=true, if a test was skipped: there a missing real
// server must not look like success.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, goTest(ctx, os.Args[1:]), options{out: os.Stdout, strict: os.Getenv("CI") == "true"})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testcount:", err)
		os.Exit(1)
	}
}

// graceful is how long `go test` may take to end after an interrupt: test
// servers are stopped by cleanup functions, the slowest within seconds.
const graceful = 15 * time.Second

func goTest(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = graceful
	cmd.Stderr = os.Stderr
	return cmd
}

type options struct {
	out    io.Writer
	strict bool // a skipped test is a failure
}

// run starts a command that writes test events and judges what it said.
func run(ctx context.Context, cmd *exec.Cmd, o options) error {
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("connect to %q: %w", cmd.Path, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %q: %w", cmd.Path, err)
	}
	t := newTally(o.out)
	readErr := follow(stdout, t)
	waitErr := cmd.Wait()
	t.finish()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if readErr != nil {
		return readErr
	}
	return t.verdict(o.strict, waitErr)
}
