package process

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
)

// lastSignal is the highest signal number of Linux, SIGRTMAX.
const lastSignal = 64

// parseSignal reads HUP, SIGHUP, hup or 1. Signal 0 only asks whether a
// process is there.
func parseSignal(text string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= lastSignal {
		return syscall.Signal(n), nil
	}
	name := "SIG" + strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	return 0, usage("unknown signal %q", text)
}

// kill sends a signal: kill [-HUP | -1 | -s HUP | -n 1] PID..., kill -l.
func kill(_ context.Context, _ *shell, hc interp.HandlerContext, args []string) error {
	if len(args) > 0 && args[0] == "-l" {
		return listSignals(hc)
	}
	sig, targets, err := killArgs(args)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return usage("no process given")
	}
	var failed []error
	for _, target := range targets {
		failed = append(failed, send(target, sig))
	}
	return errors.Join(failed...)
}

// killArgs takes the signal off the arguments. Only the first one can be a
// signal: behind it, -7 is process group 7.
func killArgs(args []string) (syscall.Signal, []string, error) {
	sig := unix.SIGTERM
	var err error
	switch {
	case len(args) == 0 || len(args[0]) < 2 || args[0][0] != '-' || args[0] == "--":
	case args[0] == "-s" || args[0] == "-n":
		if len(args) == 1 {
			return 0, nil, usage("%s needs a signal", args[0])
		}
		sig, err = parseSignal(args[1])
		args = args[2:]
	default:
		sig, err = parseSignal(args[0][1:])
		args = args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	return sig, args, err
}

// send signals a process or, by a negative number, a group. 0 would be the
// group of this process, which a line of the user cannot mean.
func send(target string, sig syscall.Signal) error {
	pid, err := strconv.Atoi(target)
	if err != nil {
		return fmt.Errorf("%q is not a process id", target)
	}
	if pid == 0 {
		return errors.New("0 is refused: it would hit the agent itself")
	}
	if err := unix.Kill(pid, sig); err != nil {
		return fmt.Errorf("%d: %w", pid, err)
	}
	return nil
}

func listSignals(hc interp.HandlerContext) error {
	var names []string
	for n := syscall.Signal(1); n < lastSignal; n++ {
		if name := unix.SignalName(n); name != "" {
			names = append(names, strings.TrimPrefix(name, "SIG"))
		}
	}
	_, err := fmt.Fprintln(hc.Stdout, strings.Join(names, " "))
	return err
}
