package main

import (
	"context"
	"fmt"
	"time"
)

// await calls a condition until it holds, every few milliseconds, and gives up
// when ctx ends.
func await(ctx context.Context, what string, condition func() (bool, error)) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, err := condition()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}
