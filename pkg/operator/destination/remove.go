package destination

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Remove takes away the Secret of an object that stays, or with mergePolicy merge
// what the object has written of it, whatever the deletion policy says. One that is
// not there, or is somebody else's, is no error.
func (w *Writer) Remove(ctx context.Context, object client.Object, d v1beta1.Destination) error {
	o, err := w.ownerOf(object)
	if err != nil {
		return err
	}
	d.DeletionPolicy = v1beta1.DeletionDelete
	return w.letGo(ctx, o, d)
}
