package cluster

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
)

// forever calls f again and again until ctx ends: at once after it succeeded,
// after a pause that doubles while it fails. Failures go to report.
func forever(ctx context.Context, report func(error), f func(context.Context) error) {
	const least, most = time.Second, time.Minute
	wait := least
	for ctx.Err() == nil {
		begun := time.Now()
		err := f(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil || errors.Is(err, kube.ErrGone) || time.Since(begun) > most {
			wait = least
		}
		if err != nil && !errors.Is(err, kube.ErrGone) {
			report(err)
		}
		pause.For(ctx, wait/2+rand.N(wait)) //nolint:gosec // only to spread the replicas
		wait = min(2*wait, most)
	}
}
