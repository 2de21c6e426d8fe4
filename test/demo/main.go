// Command demo shows the agent at work on real servers, while somebody watches:
// it starts Vault, a Kubernetes control plane and PostgreSQL on loopback, sets
// them up as an administrator would, runs `vaultk8s agent` beside nothing but a
// directory, and lets things happen. Every step is announced before it happens,
// and proven by what the servers, the files and the agent's log say.
//
//	go run ./test/demo
//
// It needs the servers of package lab (`go run ./test/lab/cmd/lab build`) and
// the program (flag -bin). It takes about a minute and leaves nothing behind,
// also when it is interrupted. The exit code is 0 when every step was seen, 1
// with a sentence that says what was not, and 130 after an interrupt.
//
// To read on, start with steps in story.go, which lists the story, and await,
// with which every step waits for what it has announced.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout)
	stop()
	os.Exit(code)
}

// run plays the story once and returns the exit code.
func run(ctx context.Context, args []string, w io.Writer) int {
	program, err := parseArguments(args, w)
	if err == nil {
		err = play(ctx, w, program)
	}
	return stage.End(ctx, w, "demo", err)
}

// parseArguments returns the absolute path of the program to show.
func parseArguments(args []string, w io.Writer) (string, error) {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(w)
	bin := flags.String("bin", filepath.Join("bin", "vaultk8s"), "the `program` to show")
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if flags.NArg() > 0 {
		return "", fmt.Errorf("argument %q is unexpected: the demo takes only flags", flags.Arg(0))
	}
	path, err := filepath.Abs(*bin)
	if err != nil {
		return "", fmt.Errorf("find the program %q: %w", *bin, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("there is no program %q: build it (make build), or name another one with -bin", *bin)
	}
	return path, nil
}
