// Command labnode is what the lab's cluster needs besides Kubernetes' own programs:
//
//	labnode init CONFIG    the first process of the node's namespaces
//	labnode pause          the process that keeps a pod's namespaces
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "labnode:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("expected a command: init or pause")
	}
	switch args[0] {
	case "init":
		return initialize(args[1:])
	case "pause":
		reap()
		return nil
	}
	return fmt.Errorf("unknown command %q: expected init or pause", args[0])
}

// reap waits for a signal to end, and for every process that is left to the first
// one meanwhile.
func reap() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
