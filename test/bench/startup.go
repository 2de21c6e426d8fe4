package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
)

// sizeLimit is the target for our binary: all modes in one image that a node
// pulls once.
const sizeLimit = 60 << 20

// runStartup measures what every start costs before any work is done: the
// runtime, and what packages do when they are linked in.
func runStartup(ctx context.Context, s *scene) (*table, error) {
	found := map[contestant][]attendant.Cost{}
	for i := range 2*s.runs + 1 {
		for _, c := range s.contestants() {
			spent, err := s.version(ctx, c)
			if err != nil {
				return nil, err
			}
			if i > 0 { // the first fills the page cache
				found[c] = append(found[c], spent)
			}
		}
	}
	t := newComparisons(compareStarts(found[s.ours], found[s.old])...)
	t.addSize("binary", s.ours.size, s.old.size)
	t.note("Medians of %d runs. The old binary is built with the tag minimal, without most plugins; the one that is shipped is larger. "+
		"Peaks below %s MiB, the attendant's own, could not be told.", 2*s.runs, digits(mib(found[s.ours][0].Floor)))
	return t, nil
}

// addSize adds the size of the binaries, whose target is not a ratio.
func (t *table) addSize(what string, ours, old int64) {
	row := comparison{what: what, unit: "MiB", ours: mib(ours), old: mib(old)}.cells()
	row[4], row[5] = fmt.Sprintf("≤ %.0f MiB", mib(sizeLimit)), verdict(mib(ours), mib(sizeLimit))
	t.add(row...)
}

func (s *scene) version(ctx context.Context, c contestant) (attendant.Cost, error) {
	p, err := attendant.Start(ctx, s.attend, filepath.Join(s.dir, "version.log"), agentEnv(s.dir), []string{c.binary, "version"})
	if err != nil {
		return attendant.Cost{}, err
	}
	return p.Wait()
}

func compareStarts(ours, old []attendant.Cost) []comparison {
	all := []struct {
		what, unit string
		property   func(attendant.Cost) float64
	}{
		{"version, exec to exit", "ms", func(c attendant.Cost) float64 { return milliseconds(c.Wall) }},
		{"version, CPU", "ms", func(c attendant.Cost) float64 { return milliseconds(c.CPU) }},
		{"version, peak resident", "MiB", func(c attendant.Cost) float64 { return mib(c.MaxRSS) }},
	}
	var found []comparison
	for _, a := range all {
		found = append(found, comparison{a.what, a.unit, medianOf(ours, a.property), medianOf(old, a.property), 0})
	}
	return found
}
