package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
	"github.com/vaultk8s/vaultk8s/test/bench/proc"
)

const (
	// 20 templates, each rendered anew in 500 rounds, are 10,000 re-renders.
	flatTemplates = 20
	flatRounds    = 500
	flatPaths     = 4
	// flatInterval is between reads of a path: short, so that changes are seen at once.
	flatInterval = "20ms"
	// flatGrowth is what memory may grow by from the first tenth of the re-renders
	// to the last: a leak of 1 kB per re-render would be 9 MiB, and a heap that is
	// collected has varied by less than a tenth.
	flatGrowth = 1.10
)

// runFlat lets our sidecar follow secrets that change all the time, and looks
// whether its memory grows.
func runFlat(ctx context.Context, s *scene) (*table, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	j := s.job(flatTemplates, flatPaths)
	j.interval = flatInterval
	t := &table{header: []string{"re-renders", "resident", "of it private", "seconds"}}
	var tenth, last proc.Memory
	err := s.sidecar(ctx, s.ours, j, func(p *attendant.Process) error {
		begin := time.Now()
		for round := range flatRounds + 1 {
			if err := s.follow(ctx, p, &j, round); err != nil {
				return err
			}
			if !slices.Contains([]int{0, flatRounds / 10, flatRounds / 2, flatRounds}, round) {
				continue
			}
			m, err := steadiest(ctx, p)
			if err != nil {
				return err
			}
			s.progress("re-renders: %d", round*flatTemplates)
			t.add(fmt.Sprint(round*flatTemplates), digits(mib(m.RSS))+" MiB", digits(mib(m.Anon))+" MiB", digits(time.Since(begin).Seconds()))
			if round == flatRounds/10 {
				tenth = m
			}
			last = m
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	growth := ratio(mib(last.Anon), mib(tenth.Anon))
	t.note("Private memory after the last to that after a tenth: %s / %s = %.2f; target ≤ %.2f: %s.",
		digits(mib(last.Anon)), digits(mib(tenth.Anon)), growth, flatGrowth, verdict(growth, flatGrowth))
	return t, s.writeSecrets(ctx, flatPaths, 0)
}

// follow changes all secrets and waits until every file shows it.
func (s *scene) follow(ctx context.Context, p *attendant.Process, j *job, round int) error {
	j.round = round
	if err := s.writeSecrets(ctx, j.paths, round); err != nil {
		return err
	}
	return await(ctx, fmt.Sprintf("round %d", round), func() (bool, error) { return j.check() == nil, alive(p) })
}

// steadiest is the least of a few readings: what is left between collections of
// garbage.
func steadiest(ctx context.Context, p *attendant.Process) (proc.Memory, error) {
	var least proc.Memory
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for range 10 {
		m, err := p.Memory()
		if err != nil {
			return m, err
		}
		if least.RSS == 0 || m.Anon < least.Anon {
			least = m
		}
		select {
		case <-ctx.Done():
			return m, ctx.Err()
		case <-ticker.C:
		}
	}
	return least, nil
}
