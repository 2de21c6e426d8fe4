// Command lab builds and runs the real servers that the tests use.
//
//	go run ./test/lab/cmd/lab build [TARGET...]   compile what is missing
//	go run ./test/lab/cmd/lab status              show what is there
//	go run ./test/lab/cmd/lab up                  run Vault, Kubernetes and PostgreSQL until interrupted
//	go run ./test/lab/cmd/lab cluster             start a Kubernetes with a node, and Vault
//	go run ./test/lab/cmd/lab cluster-down        end it
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: lab COMMAND

commands:
  build [TARGET...]  build what is missing: everything, or the named targets
  status             show each target, its path and its size
  up                 run Vault, Kubernetes and PostgreSQL on free loopback ports,
                     print how to reach them, stop them on interrupt
  cluster            start a Kubernetes whose node runs containers, and Vault, print
                     how to use them, and let them run (Linux, as root)
  cluster-down       end what cluster has started

targets: %v

Binaries are cached in $VAULTK8S_LAB_DIR, by default vaultk8s-lab in the user's
cache directory.
`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	cancel()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, w io.Writer) error {
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.SetOutput(w)
	flags.Usage = func() { printUsage(w) }
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch flags.Arg(0) {
	case "build":
		return build(ctx, w, flags.Args()[1:])
	case "status":
		return status(ctx, w)
	case "up":
		return up(ctx, w)
	case "cluster":
		return cluster(ctx, w)
	case serveWord:
		return clusterServe(ctx)
	case "cluster-down":
		return clusterDown(ctx, w)
	case "":
		printUsage(w)
		return errors.New("expected a command: build, status, up, cluster or cluster-down")
	default:
		return fmt.Errorf("unknown command %q: expected build, status, up, cluster or cluster-down", flags.Arg(0))
	}
}
