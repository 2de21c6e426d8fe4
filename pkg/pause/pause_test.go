package pause_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/pause"
)

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if !pause.For(t.Context(), time.Hour) || time.Since(start) != time.Hour {
			t.Errorf("waited %v, want the hour", time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if start = time.Now(); pause.For(ctx, time.Hour) || time.Since(start) != time.Minute {
			t.Errorf("waited %v, want the minute of the context", time.Since(start))
		}
	})
}
