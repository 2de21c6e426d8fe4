package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
)

// look reads the Secret that is to be written.
func (v *visit) look(ctx context.Context) (*destination.Found, *outcome) {
	return v.found(v.r.o.Destination.Look(ctx, v.object, *v.parts.destination))
}

// expect is look where a surprise at the write costs nothing: the Secret of an object
// that was never synced is expected to be missing, so that thousands of new ones are
// not asked for one by one. An attempt that failed is reason enough to ask.
func (v *visit) expect(ctx context.Context) (*destination.Found, *outcome) {
	if *v.parts.synced != 0 || v.memory.failures > 0 {
		return v.look(ctx)
	}
	return v.found(v.r.o.Destination.Expect(ctx, v.object, *v.parts.destination))
}

func (v *visit) found(f *destination.Found, err error) (*destination.Found, *outcome) {
	if err != nil {
		o := v.refused(err)
		return nil, &o
	}
	return f, nil
}

// absent says that somebody has to make the Secret first.
func (v *visit) absent(d due.Decision) outcome {
	message := fmt.Sprintf("there is no Secret %q, and destination.create is false", v.parts.destination.Name)
	return v.unsynced(waiting(d.Reason, message, d.Next))
}

// refused says why a Secret could not be written.
func (v *visit) refused(err error) outcome {
	switch {
	case errors.Is(err, destination.ErrMissing):
		return v.unsynced(failed(v1beta1.ReasonInexistentDestination, err))
	case errors.Is(err, destination.ErrForeign), errors.Is(err, destination.ErrInvalid):
		o := stuck(v1beta1.ReasonSecretSyncError, err)
		o.backoff = true // nobody tells when somebody else's Secret goes
		return v.unsynced(o)
	default:
		return v.unsynced(ofCluster(err))
	}
}

// prune ends what was written under another name before. A failure is no failure of
// the sync; it is tried again at the next one. An object that was never edited has
// had one name only.
func (v *visit) prune(ctx context.Context) {
	if v.object.GetGeneration() == 1 {
		return
	}
	if err := v.r.o.Destination.Prune(ctx, v.object, *v.parts.destination); err != nil {
		v.warn(v1beta1.ReasonK8sClientError, text(err))
	}
}
