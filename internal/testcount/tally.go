package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// id names a test; Test is "" for what belongs to its package.
type id struct{ Package, Test string }

// progress is a test that has not ended.
type progress struct {
	begin    time.Time
	output   []string
	children int
	failed   int // of the children
}

// tally counts what events say and shows what a person needs of them.
type tally struct {
	out       io.Writer
	lastShown time.Time
	running   map[id]*progress
	broken    map[string]int // failed tests by package
	skips     []string

	passed, failed int
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, lastShown: time.Now(), running: map[id]*progress{}, broken: map[string]int{}}
}

func (t *tally) show(format string, args ...any) {
	t.lastShown = time.Now()
	fmt.Fprintf(t.out, format, args...)
}

func (t *tally) add(e event) {
	switch e.Action {
	case "build-output":
		t.show("%s", e.Output)
	case "output":
		t.output(e)
	case "pass", "fail", "skip":
		t.end(e)
	case "run", "start":
		t.at(e)
	}
}

// at returns the test of an event, which begins with its first event.
func (t *tally) at(e event) *progress {
	key := id{e.Package, e.Test}
	p := t.running[key]
	if p == nil {
		p = &progress{begin: time.Now()}
		t.running[key] = p
	}
	return p
}

// output shows the line of a package at once, and keeps that of a test until it
// is known whether anybody needs it.
func (t *tally) output(e event) {
	if e.Test != "" {
		p := t.at(e)
		p.output = append(p.output, e.Output)
		return
	}
	if e.Output == "PASS\n" || e.Output == "FAIL\n" || strings.HasPrefix(e.Output, "testing: warning: no tests to run") {
		return // the line with the package's name follows
	}
	t.show("%s", e.Output)
}

func (t *tally) end(e event) {
	key := id{e.Package, e.Test}
	p := t.at(e)
	delete(t.running, key)
	if e.Test == "" {
		t.endPackage(e)
		return
	}
	parent := t.parent(key)
	if parent != nil {
		parent.children++
	}
	switch e.Action {
	case "pass":
		t.count(p, &t.passed)
	case "fail":
		t.fail(key, p, parent)
	case "skip":
		t.skips = append(t.skips, e.Package+" "+e.Test)
		t.show("%s", strings.Join(p.output, ""))
	}
}

// count adds a test, but not one that only holds others.
func (t *tally) count(p *progress, n *int) {
	if p.children == 0 {
		*n++
	}
}

func (t *tally) fail(key id, p, parent *progress) {
	if parent != nil {
		parent.failed++
	}
	t.broken[key.Package]++
	if p.failed == 0 { // else the failed ones inside it are counted
		t.failed++
	}
	t.show("%s", strings.Join(p.output, ""))
}

// parent returns the running test that a subtest belongs to; nil for others.
func (t *tally) parent(key id) *progress {
	i := strings.LastIndexByte(key.Test, '/')
	for i > 0 {
		if p := t.running[id{key.Package, key.Test[:i]}]; p != nil {
			return p
		}
		i = strings.LastIndexByte(key.Test[:i], '/') // the name itself held a slash
	}
	return nil
}

// endPackage counts a package that failed without a failed test as one failure:
// it did not build, its main function failed, or it ran out of time.
func (t *tally) endPackage(e event) {
	t.abandon(e.Package)
	if e.Action != "fail" || t.broken[e.Package] > 0 {
		return
	}
	t.broken[e.Package]++
	t.failed++
}

// abandon fails the tests of a package that ended before they did. The
// deepest come first, so that a parent is not counted beside its subtest.
func (t *tally) abandon(pkg string) {
	for _, key := range slices.Backward(t.unfinished()) {
		if key.Package != pkg {
			continue
		}
		p := t.running[key]
		delete(t.running, key)
		p.output = append(p.output, fmt.Sprintf("--- FAIL: %s (did not end)\n", key.Test))
		t.fail(key, p, t.parent(key))
	}
}

// unfinished returns the tests that run, in order; a parent before its subtests.
func (t *tally) unfinished() []id {
	keys := slices.SortedFunc(maps.Keys(t.running), func(a, b id) int {
		return strings.Compare(a.Package+"\x00"+a.Test, b.Package+"\x00"+b.Test)
	})
	return slices.DeleteFunc(keys, func(k id) bool { return k.Test == "" })
}

// namedAtMost bounds the list of running tests: a line stays readable.
const namedAtMost = 4

// stillRunning names what is running, if nothing was shown for a while.
func (t *tally) stillRunning(now time.Time) {
	if now.Sub(t.lastShown) < silence {
		return
	}
	var names []string
	keys := t.unfinished()
	for i, k := range keys {
		if i+1 < len(keys) && keys[i+1].Package == k.Package && strings.HasPrefix(keys[i+1].Test, k.Test+"/") {
			continue // its subtest says more
		}
		names = append(names, fmt.Sprintf("%s %s (%s)", k.Package, k.Test, now.Sub(t.running[k].begin).Round(time.Second)))
	}
	t.show("...\trunning: %s\n", enumerate(names))
}

func enumerate(names []string) string {
	switch {
	case len(names) == 0:
		return "the build of the tests"
	case len(names) > namedAtMost:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:namedAtMost], ", "), len(names)-namedAtMost)
	}
	return strings.Join(names, ", ")
}

// finish shows the result; nothing is shown after it.
func (t *tally) finish() {
	for _, s := range t.skips {
		t.show("skipped: %s\n", s)
	}
	t.show("%d passed, %d failed\n", t.passed, t.failed)
}

// verdict tells why the run is no success, whatever the events were.
func (t *tally) verdict(strict bool, exit error) error {
	switch {
	case t.failed > 0:
		return fmt.Errorf("%d failed", t.failed)
	case exit != nil:
		return fmt.Errorf("go test: %w", exit)
	case strict && len(t.skips) > 0:
		return fmt.Errorf("%d skipped, which CI does not allow", len(t.skips))
	case t.passed == 0:
		return errors.New("no test ran")
	}
	return nil
}
