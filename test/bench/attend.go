package main

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
)

// attendCommand makes this program an attendant: it starts one process, waits
// for its end, and prints what it cost.
//
// There is an attendant because the kernel counts the memory of the one who
// starts a process as a part of that process's peak: a new process shares the
// memory of its parent until it executes its program. An attendant is as small as
// a Go program can be; what it occupied itself is reported as the floor, below
// which a peak cannot be told. It also makes sure that no agent outlives this
// program: when its standard input ends it stops the process.
const attendCommand = "attend"

// cost is what an attendant prints at the end of its process.
type cost struct {
	Start  time.Time     // just before the process was created
	Wall   time.Duration // until it was gone
	CPU    time.Duration // user and system
	MaxRSS int64         // peak, in bytes
	Floor  int64         // peak of the attendant when it started the process, in bytes
	Exit   int           // exit code; -1: ended by a signal
}

// begun is what an attendant prints first.
type begun struct{ PID int }

// attend is the attendant: attend LOG PROGRAM ARGS...
func attend(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) < 2 {
		return errors.New("attend: expected a log file and a program")
	}
	log, err := os.Create(args[0])
	if err != nil {
		return fmt.Errorf("attend: %w", err)
	}
	defer log.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := exec.CommandContext(ctx, args[1], args[2:]...)
	c.Stdout, c.Stderr = log, log
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = stopGrace
	out := json.NewEncoder(stdout)
	report := cost{Floor: peak(), Start: time.Now()}
	if err := c.Start(); err != nil {
		return fmt.Errorf("attend: %w", err)
	}
	// This one ends with the attendant: nothing can interrupt its read.
	go func() { _, _ = io.Copy(io.Discard, stdin); cancel() }()
	if err := out.Encode(begun{c.Process.Pid}); err != nil {
		cancel()
	}
	_ = c.Wait() // how it ended is in the state
	report.Wall = time.Since(report.Start)
	report.fill(c.ProcessState)
	return out.Encode(report)
}

// stopGrace is how long a process may take to end before it is killed.
const stopGrace = 10 * time.Second

func (r *cost) fill(state *os.ProcessState) {
	r.Exit = state.ExitCode()
	r.CPU = state.UserTime() + state.SystemTime()
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		r.MaxRSS = int64(usage.Maxrss) << 10 // Linux counts in kB
	}
}

// peak is the most that this process has occupied, in bytes.
func peak() int64 {
	fields, err := readFields("/proc/self/status")
	if err != nil {
		return 0
	}
	return fields["VmHWM"]
}
