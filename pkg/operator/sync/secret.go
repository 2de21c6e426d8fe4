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
	found, err := v.r.o.Destination.Look(ctx, v.object, *v.parts.destination)
	if err != nil {
		o := v.refused(err)
		return nil, &o
	}
	return found, nil
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
// the sync; it is tried again at the next one.
func (v *visit) prune(ctx context.Context) {
	if err := v.r.o.Destination.Prune(ctx, v.object, *v.parts.destination); err != nil {
		v.warn(v1beta1.ReasonK8sClientError, text(err))
	}
}
