package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"
)

// scaleCommand makes this program measure itself: scale WHAT N DIRECTORY. It is a
// process of its own, so that each measurement begins with an empty heap.
const scaleCommand = "scale"

// scaled is what N things in one process cost.
type scaled struct {
	N          int
	Heap       uint64        // bytes that went when the things went
	Ready      time.Duration // until the last of them was there
	Goroutines int           // at rest, beyond those before
}

func (s scaled) perThing() float64 { return ratio(float64(s.Heap), float64(s.N)) }

// scaleCase is a kind of thing with two numbers of it, the second twice the first.
type scaleCase struct {
	what  string
	numbs [2]int
	bytes float64 // target of heap for each
	run   func(ctx context.Context, dir string, n int) (scaled, error)
}

const (
	// templateBytes is the target for a template with a secret of its own. Its
	// document entry (1/4 kB), its parsed form and its function table, its secret
	// with an entry in the schedule are what must be held.
	templateBytes = 16 << 10
	// leaseBytes is the target for a lease: 100,000 of them fit into 400 MB.
	leaseBytes = 4 << 10
	// linear is how far the cost of each may grow when their number doubles.
	linear = 1.25
	// settledGoroutines is what may come and go between two readings, as a timer's
	// or a connection's; anything per thing would be thousands.
	settledGoroutines = 10
)

func scaleCases() []scaleCase {
	return []scaleCase{
		{"templates", [2]int{5_000, 10_000}, templateBytes, scaleTemplates},
		{"leases", [2]int{50_000, 100_000}, leaseBytes, scaleLeases},
	}
}

// runScale measures inside one process: what a template and a lease cost, and
// whether many cost as much each as few do.
func runScale(ctx context.Context, s *scene) (*table, error) {
	t := &table{header: []string{"what", "number", "heap", "heap each", "goroutines", "until all are there", "each"}}
	for _, c := range scaleCases() {
		var pair [2]scaled
		for i, n := range c.numbs {
			s.progress("%s: %d", c.what, n)
			found, err := s.scaleApart(ctx, c.what, n)
			if err != nil {
				return nil, err
			}
			pair[i] = found
			t.add(c.what, fmt.Sprint(n), digits(float64(found.Heap)/(1<<20))+" MiB", digits(found.perThing()/1024)+" KiB", fmt.Sprint(found.Goroutines),
				digits(milliseconds(found.Ready))+" ms", digits(milliseconds(found.Ready)*1000/float64(n))+" µs")
		}
		c.judge(t, pair)
	}
	t.note("The agent's own code with an in-process Vault as its transport. Heap is what a collection frees once the agent is let go: the in-process Vault's part is not in it; its time is.")
	return t, nil
}

// judge compares with the targets.
func (c scaleCase) judge(t *table, pair [2]scaled) {
	few, many := pair[0], pair[1]
	t.note("%s: %s KiB each; target ≤ %s KiB: %s.", c.what, digits(many.perThing()/1024), digits(c.bytes/1024), verdict(many.perThing(), c.bytes))
	heap := ratio(many.perThing(), few.perThing())
	t.note("%s: heap each, twice as many to few: %.2f; target ≤ %.2f: %s.", c.what, heap, linear, verdict(heap, linear))
	wait := ratio(float64(many.Ready)/float64(many.N), float64(few.Ready)/float64(few.N))
	t.note("%s: time each, twice as many to few: %.2f; target ≤ %.2f: %s.", c.what, wait, linear, verdict(wait, linear))
	grown := float64(many.Goroutines - few.Goroutines)
	t.note("%s: goroutines more for twice as many: %.0f; target ≤ %d: %s.", c.what, grown, settledGoroutines, verdict(grown, settledGoroutines))
}

func (s *scene) scaleApart(ctx context.Context, what string, n int) (scaled, error) {
	self, err := os.Executable()
	if err != nil {
		return scaled{}, fmt.Errorf("measure apart: %w", err)
	}
	dir, err := os.MkdirTemp(s.dir, "scale-")
	if err != nil {
		return scaled{}, fmt.Errorf("measure apart: %w", err)
	}
	var stderr bytes.Buffer
	c := exec.CommandContext(ctx, self, scaleCommand, what, strconv.Itoa(n), dir)
	c.Env, c.Stderr = agentEnv(dir), &stderr
	out, err := c.Output()
	if err != nil {
		return scaled{}, fmt.Errorf("measure %d %s: %w: %s", n, what, err, stderr.String())
	}
	var found scaled
	if err := json.Unmarshal(out, &found); err != nil {
		return scaled{}, fmt.Errorf("measure %d %s: %w", n, what, err)
	}
	return found, os.RemoveAll(dir)
}

// scaleChild is the process of its own.
func scaleChild(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("%s: expected a kind, a number and a directory", scaleCommand)
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 1 {
		return fmt.Errorf("%s: %q is no number of things", scaleCommand, args[1])
	}
	for _, c := range scaleCases() {
		if c.what != args[0] {
			continue
		}
		found, err := c.run(ctx, args[2], n)
		if err != nil {
			return err
		}
		return json.NewEncoder(stdout).Encode(found)
	}
	return fmt.Errorf("%s: unknown kind %q", scaleCommand, args[0])
}

// heap returns the bytes of live objects. The second collection takes what the
// first made unreachable: finalizers, and the pools' older half.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// difference is a - b, and 0 where that would be negative.
func difference(a, b uint64) uint64 {
	if a < b {
		return 0
	}
	return a - b
}
