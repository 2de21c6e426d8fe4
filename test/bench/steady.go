package main

import (
	"context"
	"time"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
	"github.com/vaultk8s/vaultk8s/test/bench/proc"
)

// steadyTemplates is a pod with many secrets.
const steadyTemplates = 10

// steadyRuns bounds how often each agent is brought to rest, which takes seconds
// and varies little.
const steadyRuns = 5

// runSteady measures a sidecar that has rendered everything and waits.
func runSteady(ctx context.Context, s *scene) (*table, error) {
	found := map[contestant][]proc.Memory{}
	runs := min(s.runs, steadyRuns)
	for i := range runs {
		s.progress("run %d of %d", i+1, runs)
		for _, c := range s.contestants() {
			m, err := s.atRest(ctx, c)
			if err != nil {
				return nil, err
			}
			found[c] = append(found[c], m)
		}
	}
	t := newComparisons(compareMemory(found[s.ours], found[s.old])...)
	t.note("Medians of %d runs. Private memory is what each further pod costs; file pages are shared by all pods of a node that use the same image.", runs)
	return t, nil
}

// atRest brings an agent to rest and reads its memory.
func (s *scene) atRest(ctx context.Context, c contestant) (m proc.Memory, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	err = s.sidecar(ctx, c, s.job(steadyTemplates, steadyTemplates), func(p *attendant.Process) error {
		m, err = proc.Settled(ctx, p.PID)
		return err
	})
	return m, err
}

func compareMemory(ours, old []proc.Memory) []comparison {
	all := []struct {
		what     string
		limit    float64
		property func(proc.Memory) int64
	}{
		{"resident (VmRSS)", 1.0 / 4, func(m proc.Memory) int64 { return m.RSS }},
		{"of it private (RssAnon)", 1.0 / 2, func(m proc.Memory) int64 { return m.Anon }},
		{"of it file pages (RssFile)", 0, func(m proc.Memory) int64 { return m.File }},
		{"proportional (Pss)", 0, func(m proc.Memory) int64 { return m.PSS }},
	}
	var found []comparison
	for _, a := range all {
		property := func(m proc.Memory) float64 { return mib(a.property(m)) }
		found = append(found, comparison{a.what, "MiB", medianOf(ours, property), medianOf(old, property), a.limit})
	}
	return found
}
