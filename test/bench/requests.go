package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
)

// quietTime is how long an agent must be silent to count as done. Retries and
// second reads of the old agent come within a quarter of a second.
const quietTime = time.Second

// requestCase is one line of the table.
type requestCase struct {
	templates, paths int
	short            bool
}

func (c requestCase) String() string {
	form := "secret/data/…"
	if c.short {
		form = "secret/…"
	}
	return fmt.Sprintf("N=%d M=%d %s", c.templates, c.paths, form)
}

// allowed is the target: one login, one read of each path and, unless the path
// says itself that it is of KV version 2, one look-up of the mount.
func (c requestCase) allowed() int {
	if c.short {
		return 1 + c.paths + 1
	}
	return 1 + c.paths
}

func requestCases() []requestCase {
	return []requestCase{{1, 1, false}, {10, 10, false}, {10, 2, false}, {1, 1, true}, {10, 10, true}, {10, 2, true}}
}

// runRequests counts what a sidecar asks of Vault until it is at rest.
func runRequests(ctx context.Context, s *scene) (*table, error) {
	t := &table{header: []string{"case", "agent"}}
	for _, k := range kinds() {
		t.header = append(t.header, string(k))
	}
	t.header = append(t.header, "all", "target", "result")
	others := map[string]int{}
	for _, rc := range requestCases() {
		for _, c := range s.contestants() {
			s.progress("%v, %s", rc, c.name)
			counts, found, err := s.countRequests(ctx, c, rc)
			if err != nil {
				return nil, err
			}
			target := 0
			if c == s.ours {
				target = rc.allowed()
			}
			t.add(requestCells(rc, c.name, counts, target)...)
			for what, n := range found {
				others[c.name+": "+what] += n
			}
		}
	}
	if len(others) > 0 {
		t.note("Other requests, all cases together: %s.", list(others))
	}
	return t, nil
}

func (s *scene) countRequests(ctx context.Context, c contestant, rc requestCase) (counts map[kind]int, others map[string]int, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	p, err := startProxy(ctx, s.address)
	if err != nil {
		return nil, nil, err
	}
	j := s.job(rc.templates, rc.paths)
	j.address, j.short = p.address, rc.short
	err = s.sidecar(ctx, c, j, func(a *attendant.Process) error {
		err := await(ctx, "silence", func() (bool, error) { return p.quiet(quietTime), alive(a) })
		counts, others = p.take()
		return err
	})
	return counts, others, errors.Join(err, p.close())
}

func requestCells(rc requestCase, agent string, counts map[kind]int, target int) []string {
	cells := []string{rc.String(), agent}
	total := 0
	for _, k := range kinds() {
		cells = append(cells, fmt.Sprint(counts[k]))
		total += counts[k]
	}
	if target == 0 {
		return append(cells, fmt.Sprint(total), "–", "–")
	}
	return append(cells, fmt.Sprint(total), fmt.Sprintf("≤ %d", target), verdict(float64(total), float64(target)))
}

// list names counted things in a fixed order.
func list(counted map[string]int) string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(counted)) {
		parts = append(parts, fmt.Sprintf("%s (%d)", what, counted[what]))
	}
	return strings.Join(parts, ", ")
}
