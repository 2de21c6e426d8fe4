package stage

import (
	"context"
	"fmt"
	"time"
)

// Step is one step of a story that a T tells.
type Step[T any] struct {
	Title  string
	Plan   string        // announced before anything happens
	Within time.Duration // after that, what was not seen counts as not happening
	Run    func(T, context.Context) (string, error)
}

// Outcome is a row of the summary.
type Outcome struct {
	Title string
	Seen  string
	Took  time.Duration
}

// Perform announces a step, the number-th of so many, and does it. The outcome counts
// only without an error.
func Perform[T any](ctx context.Context, screen *Screen, teller T, s Step[T], number, of int) (Outcome, error) {
	screen.Announce(number, of, s.Title, s.Plan)
	ctx, cancel := context.WithTimeoutCause(ctx, s.Within, fmt.Errorf("%s have passed", s.Within))
	defer cancel()
	begin := time.Now()
	seen, err := s.Run(teller, ctx)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Title: s.Title, Seen: seen, Took: time.Since(begin)}, nil
}

// Summarize prints what was seen, and how long all of it took.
func (s *Screen) Summarize(outcomes []Outcome) {
	rows := [][]string{{"STEP", "SEEN", "TOOK"}}
	for i, o := range outcomes {
		rows = append(rows, []string{fmt.Sprintf("%d  %s", i+1, o.Title), o.Seen, fmt.Sprintf("%.1f s", o.Took.Seconds())})
	}
	s.Table(fmt.Sprintf("What was seen, in %.0f s:", time.Since(s.begin).Seconds()), rows)
}
