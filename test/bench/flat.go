package main

import (
	"context"
	"fmt"
	"slices"
	"time"
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
	var tenth, last memory
	err := s.ours.sidecar(ctx, j, func(p *attended) error {
		begin := time.Now()
		for round := range flatRounds + 1 {
			if err := s.follow(ctx, p, &j, round); err != nil {
				return err
			}
			if !slices.Contains([]int{0, flatRounds / 10, flatRounds / 2, flatRounds}, round) {
				continue
			}
			m, err := steadiest(ctx, p.pid)
			if err != nil {
				return err
			}
			s.progress("re-renders: %d", round*flatTemplates)
			t.add(fmt.Sprint(round*flatTemplates), digits(mib(m.rss))+" MiB", digits(mib(m.anon))+" MiB", digits(time.Since(begin).Seconds()))
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
	growth := ratio(mib(last.anon), mib(tenth.anon))
	t.note("Private memory after the last to that after a tenth: %s / %s = %.2f; target ≤ %.2f: %s.",
		digits(mib(last.anon)), digits(mib(tenth.anon)), growth, flatGrowth, verdict(growth, flatGrowth))
	return t, s.writeSecrets(ctx, flatPaths, 0)
}

// follow changes all secrets and waits until every file shows it.
func (s *scene) follow(ctx context.Context, p *attended, j *job, round int) error {
	j.round = round
	if err := s.writeSecrets(ctx, j.paths, round); err != nil {
		return err
	}
	return await(ctx, fmt.Sprintf("round %d", round), func() (bool, error) { return j.check() == nil, p.alive() })
}

// steadiest is the least of a few readings: what is left between collections of
// garbage.
func steadiest(ctx context.Context, pid int) (memory, error) {
	var least memory
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for range 10 {
		m, err := readMemory(pid)
		if err != nil {
			return m, err
		}
		if least.rss == 0 || m.anon < least.anon {
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
