package stage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// lookEvery is how often a condition is looked at. A database login that is
// replaced overlaps with its successor by half a second at least, and a
// twenty-fifth of that is soon enough to see both alive.
const lookEvery = 20 * time.Millisecond

// Broken is the error of a look that has seen what must never be, so that
// waiting on is of no use.
type Broken struct{ Err error }

func (b Broken) Error() string { return b.Err.Error() }
func (b Broken) Unwrap() error { return b.Err }

// Await looks until look has no error, and returns what it saw. It ends early
// when ctx does, or with [Broken]; the error names what was awaited
// and tells the newest look.
func Await[T any](ctx context.Context, what string, look func(context.Context) (T, error)) (T, error) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var last error
	for {
		seen, err := look(ctx)
		if err == nil {
			return seen, nil
		}
		// A look that the end of ctx cut short has seen nothing.
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if _, is := errors.AsType[Broken](err); is {
			return seen, fmt.Errorf("waited for %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return seen, fmt.Errorf("%s was not seen: %w; the newest look: %w", what, context.Cause(ctx), last)
		case <-ticker.C:
		}
	}
}
