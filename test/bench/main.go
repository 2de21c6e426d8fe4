// Command bench measures `vaultk8s agent` beside the original `vault agent`:
// both as whole processes, in one run, alternating, against the same real Vault.
//
//	go run ./test/lab/cmd/lab build bench        once: the servers and the old agent
//	go build -o bin/vaultk8s ./cmd/vaultk8s      what is measured
//	go run ./test/bench                          everything, about five minutes
//	go run ./test/bench -only steady -runs 1     one measurement, quickly
//	go run ./test/bench -write                   also into docs/performance.md
//	go run ./test/bench -only endurance          ten minutes of work; only when asked for
//
// Each measurement is one function in a file of its own, listed in
// [measurements]; start reading there, and go on with [runSteady].
// Targets are bounds on the ratio of ours to the old agent's. A missed target is
// shown, and is no error.
//
// Processes are started by a small attendant (see package attendant), and what is
// measured inside one process runs in a process of its own (see scale.go). Both
// keep this program's memory out of the numbers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:])
	cancel()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// dispatch recognizes the role in which this program starts itself.
func dispatch(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == scaleCommand {
		return scaleChild(ctx, args[1:], os.Stdout)
	}
	return run(ctx, args, os.Stdout, os.Stderr)
}

// options are the flags.
type options struct {
	bin      string        // our binary
	runs     int           // of each agent, for medians
	only     []string      // names of measurements; empty: all but the long ones
	duration time.Duration // of the endurance run
	write    bool          // into the document
	doc      string
}

// leastDuration is the shortest endurance run: a lease lives for a minute in it.
const leastDuration = time.Minute

func parseOptions(args []string, w io.Writer) (options, error) {
	var o options
	var only string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(w)
	flags.StringVar(&o.bin, "bin", "bin/vaultk8s", "our binary")
	flags.IntVar(&o.runs, "runs", 11, "runs of each agent, of which the median counts")
	flags.StringVar(&only, "only", "", "measurements to make, separated by commas: "+strings.Join(measurementNames(), ", "))
	flags.DurationVar(&o.duration, "duration", 10*time.Minute, "how long the endurance run lasts")
	flags.BoolVar(&o.write, "write", false, "write the tables into the document, too")
	flags.StringVar(&o.doc, "doc", "docs/performance.md", "the document")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	return o, o.check(flags.Args())
}

func (o options) check(rest []string) error {
	var problems []error
	if len(rest) > 0 {
		problems = append(problems, fmt.Errorf("unexpected argument %q", rest[0]))
	}
	if o.runs < 1 {
		problems = append(problems, fmt.Errorf("-runs %d: expected at least 1", o.runs))
	}
	if o.duration < leastDuration {
		problems = append(problems, fmt.Errorf("-duration %v: expected at least %v", o.duration, leastDuration))
	}
	for _, name := range o.only {
		if !slices.Contains(measurementNames(), name) {
			problems = append(problems, fmt.Errorf("-only %q: expected one of %s", name, strings.Join(measurementNames(), ", ")))
		}
	}
	return errors.Join(problems...)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	s, err := newScene(ctx, o, stderr)
	if err != nil {
		return err
	}
	return errors.Join(s.measure(ctx, o, stdout), s.close())
}

// measure makes the measurements that were asked for, and shows each as soon as
// it is there.
func (s *scene) measure(ctx context.Context, o options, stdout io.Writer) error {
	fmt.Fprintln(stdout, s.machine)
	for _, m := range measurements() {
		if !m.wanted(o) {
			continue
		}
		s.progress("%s", m.title)
		t, err := m.run(ctx, s)
		if t != nil { // what is known is shown also where the rest has failed
			fmt.Fprintf(stdout, "\n%s\n\n%s", m.title, t.text())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if !o.write {
			continue
		}
		if err := writeSection(o.doc, m.name, s.machine+"\n\n"+t.markdown()); err != nil {
			return err
		}
	}
	return nil
}

// measurement is one row of what this program can do.
type measurement struct {
	name, title string
	run         func(context.Context, *scene) (*table, error)
	long        bool // made only when it is named
}

func (m measurement) wanted(o options) bool {
	if len(o.only) == 0 {
		return !m.long
	}
	return slices.Contains(o.only, m.name)
}

// measurements lists everything, in the order of the document.
func measurements() []measurement {
	return []measurement{
		{name: "first-render", title: "From exec to rendered files, and out (init container)", run: runFirstRender},
		{name: "steady", title: "Memory at rest, ten templates (sidecar)", run: runSteady},
		{name: "flat", title: "Memory over 10,000 re-renders (sidecar)", run: runFlat},
		{name: "requests", title: "Requests to Vault for N templates over M paths", run: runRequests},
		{name: "scale", title: "Many templates and leases in one process", run: runScale},
		{name: "startup", title: "Binary, and the cost of starting it", run: runStartup},
		{name: "injector", title: "Admissions of the injector", run: runInjector},
		{name: "csi", title: "Mounts of the CSI provider", run: runCSI},
		{name: "operator", title: "Custom resources of the operator", run: runOperator},
		{name: "endurance", title: "Minutes of work with short leases (sidecar)", run: runEndurance, long: true},
	}
}

func measurementNames() []string {
	var names []string
	for _, m := range measurements() {
		names = append(names, m.name)
	}
	return names
}
