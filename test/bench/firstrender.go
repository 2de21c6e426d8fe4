package main

import (
	"context"
	"fmt"
	"time"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
)

// rendering is one run of an init container.
type rendering struct {
	attendant.Cost
	delivered time.Duration // from exec to the last file
}

// runFirstRender measures an init container: from exec to rendered files, and to
// its end. One template is the least work there is; ten show what each one adds.
func runFirstRender(ctx context.Context, s *scene) (*table, error) {
	var all []comparison
	var floor int64
	for _, n := range []int{1, 10} {
		ours, old, err := s.firstRenders(ctx, n)
		if err != nil {
			return nil, err
		}
		all = append(all, compareRenderings(n, ours, old)...)
		floor = max(floor, ours[0].Floor)
	}
	t := newComparisons(all...)
	t.note("Medians. Peaks below %s MiB, the attendant's own, could not be told.", digits(mib(floor)))
	return t, nil
}

// firstRenders runs both agents in turn. The first run of each fills the page
// cache and does not count.
func (s *scene) firstRenders(ctx context.Context, n int) (ours, old []rendering, err error) {
	for i := range s.runs + 1 {
		s.progress("templates: %d, run %d of %d", n, i, s.runs)
		for _, c := range s.contestants() {
			r, err := s.firstRender(ctx, c, n)
			switch {
			case err != nil:
				return nil, nil, err
			case i == 0:
			case c == s.ours:
				ours = append(ours, r)
			default:
				old = append(old, r)
			}
		}
	}
	return ours, old, nil
}

func (s *scene) firstRender(ctx context.Context, c contestant, n int) (rendering, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	j := s.job(n, n)
	j.exit = true
	spent, err := s.finish(ctx, c, j)
	if err != nil {
		return rendering{}, err
	}
	at, err := j.delivered()
	return rendering{spent, at.Sub(spent.Start)}, err
}

func compareRenderings(n int, ours, old []rendering) []comparison {
	all := []struct {
		what, unit string
		limit      float64
		property   func(rendering) float64
	}{
		{"exec to last file", "ms", 1.0 / 3, func(r rendering) float64 { return milliseconds(r.delivered) }},
		{"exec to exit", "ms", 1.0 / 3, func(r rendering) float64 { return milliseconds(r.Wall) }},
		{"CPU, user and system", "ms", 1.0 / 5, func(r rendering) float64 { return milliseconds(r.CPU) }},
		{"peak resident", "MiB", 0, func(r rendering) float64 { return mib(r.MaxRSS) }},
	}
	var found []comparison
	for _, a := range all {
		what := fmt.Sprintf("templates: %d, %s", n, a.what)
		found = append(found, comparison{what, a.unit, medianOf(ours, a.property), medianOf(old, a.property), a.limit})
	}
	return found
}
