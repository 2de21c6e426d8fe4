// Command tour is `make demo`: it starts a real cluster with a node, Vault and
// PostgreSQL on this machine, installs the chart, and walks through the three modes. Each
// step says what it is about, shows the command that a user would type, and what came of
// it; secrets that Vault has made are masked.
//
//	go run ./test/tour          stays at the end, to be played with, until Ctrl-C
//	go run ./test/tour -ci      ends by itself
//
// It runs in the folder of the repository and needs the program (flag -bin). It takes
// root on Linux. Elsewhere, and with -without-node, the part that needs no node is played,
// which is test/demo, and a line says what was left out. Nothing is left behind, also after
// an interrupt. The exit code is 0 when every step was seen, 1 with a sentence that says
// what was not, and 130 after an interrupt before the end.
//
// To read on, start with steps in story.go, which lists the story, and perform in
// line.go, which does one line of it.
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

// run shows the tour once and returns the exit code.
func run(ctx context.Context, args []string, w io.Writer) int {
	o, err := parseArguments(args, w)
	if err == nil {
		err = o.play(ctx, w)
	}
	return stage.End(ctx, w, "tour", err)
}

// options are what the command line says.
type options struct {
	program string // absolute path of vaultk8s
	ci      bool   // end by itself
	noNode  bool   // play only what needs none
}

// chartFile is how the folder of the repository is recognized.
const chartFile = "charts/vaultk8s/Chart.yaml"

func parseArguments(args []string, w io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("tour", flag.ContinueOnError)
	flags.SetOutput(w)
	flags.StringVar(&o.program, "bin", filepath.Join("bin", "vaultk8s"), "the `program` to show")
	flags.BoolVar(&o.ci, "ci", false, "end by itself after the last step")
	flags.BoolVar(&o.noNode, "without-node", false, "play only the part that needs no node, and so no root")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("argument %q is unexpected: the tour takes only flags", flags.Arg(0))
	}
	if _, err := os.Stat(chartFile); err != nil {
		return o, fmt.Errorf("there is no %q here: run the tour in the folder of the repository", chartFile)
	}
	path, err := filepath.Abs(o.program)
	if err != nil {
		return o, fmt.Errorf("find the program %q: %w", o.program, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return o, fmt.Errorf("there is no program %q: build it (make build), or name another one with -bin", o.program)
	}
	o.program = path
	return o, nil
}
