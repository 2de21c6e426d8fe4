package attendant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/vaultk8s/vaultk8s/test/bench/proc"
)

// Attend runs one process, args being a log file for its output, its program and
// its arguments, and prints its id and its cost. When stdin ends it stops the
// process, so that no process outlives the one who wanted it.
func Attend(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) < 2 {
		return errors.New("expected a log file, a program and its arguments")
	}
	log, err := os.Create(args[0])
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := exec.CommandContext(ctx, args[1], args[2:]...)
	c.Stdout, c.Stderr = log, log
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = Grace
	return watch(c, stdin, cancel, json.NewEncoder(stdout))
}

func watch(c *exec.Cmd, stdin io.Reader, cancel func(), out *json.Encoder) error {
	before, err := proc.Read(os.Getpid())
	if err != nil {
		return err
	}
	report := Cost{Floor: before.Peak, Start: time.Now()}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start process: %w", err)
	}
	// This one ends with the program: nothing else can interrupt its read.
	go func() { _, _ = io.Copy(io.Discard, stdin); cancel() }()
	if err := out.Encode(begun{c.Process.Pid}); err != nil {
		cancel()
	}
	_ = c.Wait() // how it ended is in its state
	report.Wall = time.Since(report.Start)
	report.fill(c.ProcessState)
	return out.Encode(report)
}

func (c *Cost) fill(state *os.ProcessState) {
	c.Exit = state.ExitCode()
	c.CPU = state.UserTime() + state.SystemTime()
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		c.MaxRSS = usage.Maxrss << 10 // Linux counts in kB
	}
}
