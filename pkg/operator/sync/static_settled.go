package sync

import (
	"context"
	"fmt"
	"hash/fnv"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
)

// settled is what a Secret was made of beside its data, whose keyed hash is in the
// status, and the version that it was in then.
type settled struct {
	of      uint64
	version string // "": nothing is known
}

func settledBy(v *visit, out *shape.Output, version string) settled {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, fingerprint(v), out.Labels, out.Annotations) // a hash takes everything
	return settled{of: h.Sum64(), version: version}
}

// settled tells that the Secret needs no look: it is as this process has left it, and
// would be made of the same. So an outage of Vault, which thousands of objects notice
// at once, costs each of them its status and no more.
func (k *static) settled(ctx context.Context, v *visit, s *v1beta1.VaultStaticSecret, out *shape.Output) bool {
	was := v.memory.settled
	if k.o.Drift == nil || k.o.Key.None() || !s.Spec.HMAC() || !s.Spec.Destination.Create || v.forced() ||
		s.Status.LastGeneration != s.Generation {
		return false
	}
	name := types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.Destination.Name}
	return was == settledBy(v, out, was.version) && s.Status.SecretMAC == k.o.Key.Text(out.Data) &&
		k.o.Destination.Unchanged(ctx, name, was.version)
}
