package sync

import (
	"context"

	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
)

// failing is a destination that cannot be written for a while.
type failing struct {
	*destination.Writer
	fail func() error
}

func (f failing) Apply(ctx context.Context, found *destination.Found, d destination.Data) (destination.Written, error) {
	if err := f.fail(); err != nil {
		return destination.Written{}, err
	}
	return f.Writer.Apply(ctx, found, d)
}
