// Package pause waits for a time or for the end of a context, whichever comes
// first. [For] is all of it.
package pause

import (
	"context"
	"time"
)

// For waits, and reports false if ctx ended first.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
