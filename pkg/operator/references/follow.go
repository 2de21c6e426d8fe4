package references

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Changer ends sessions that would be made differently now.
type Changer interface {
	Changed(kind string, name types.NamespacedName)
}

// Follow tells of each change of a spec that sessions are made of, from now on and
// as long as the cache runs.
func Follow(ctx context.Context, c cache.Informers, s Changer) error {
	for kind, object := range map[string]client.Object{
		kindConnection: &v1beta1.VaultConnection{}, kindAuth: &v1beta1.VaultAuth{}, kindGlobal: &v1beta1.VaultAuthGlobal{},
	} {
		i, err := c.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch %ss: %w", kind, err)
		}
		if _, err := i.AddEventHandler(follower{kind: kind, tell: s}); err != nil {
			return fmt.Errorf("watch %ss: %w", kind, err)
		}
	}
	return nil
}

// follower tells of changes of one kind.
type follower struct {
	kind string
	tell Changer
}

// OnAdd implements toolscache.ResourceEventHandler.
func (f follower) OnAdd(o any, _ bool) { f.changed(o) }

// OnUpdate implements toolscache.ResourceEventHandler.
func (f follower) OnUpdate(before, o any) {
	a, ok1 := before.(client.Object)
	b, ok2 := o.(client.Object)
	if ok1 && ok2 && a.GetGeneration() == b.GetGeneration() && a.GetUID() == b.GetUID() {
		return // a status
	}
	f.changed(o)
}

// OnDelete implements toolscache.ResourceEventHandler.
func (f follower) OnDelete(o any) {
	if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	f.changed(o)
}

func (f follower) changed(o any) {
	if o, ok := o.(client.Object); ok {
		f.tell.Changed(f.kind, client.ObjectKeyFromObject(o))
	}
}
