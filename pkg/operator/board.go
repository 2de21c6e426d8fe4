package operator

import (
	"context"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shard"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

// board knows of each object whether it is ready, as its status says, so that
// neither a scrape nor a probe has to look through the cache.
type board struct {
	shards int

	mu    sync.Mutex
	kinds map[string]*standing
}

// standing is how the objects of a kind stand, by shard.
type standing struct {
	unready map[types.NamespacedName]bool
	counts  map[int]int // objects
	known   map[types.NamespacedName]struct{}
}

func newBoard(shards int) *board { return &board{shards: shards, kinds: map[string]*standing{}} }

// follow listens to the cache.
func (b *board) follow(ctx context.Context, c cache.Informers, optional []string) error {
	for _, kind := range append(required(), optional...) {
		i, err := c.GetInformerForKind(ctx, v1beta1.Kind(kind), cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		if _, err := i.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { b.see(kind, o) },
			UpdateFunc: func(_, o any) { b.see(kind, o) },
			DeleteFunc: func(o any) { b.forget(kind, o) },
		}); err != nil {
			return err
		}
	}
	return nil
}

func (b *board) see(kind string, o any) {
	object, ok := o.(client.Object)
	if !ok {
		return
	}
	name := client.ObjectKeyFromObject(object)
	ready := status.Ready(object).Status == metav1.ConditionTrue
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.of(kind)
	if _, ok := s.known[name]; !ok {
		s.known[name] = struct{}{}
		s.counts[shard.Of(name.Namespace, b.shards)]++
	}
	if ready {
		delete(s.unready, name)
		return
	}
	s.unready[name] = true
}

func (b *board) forget(kind string, o any) {
	if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	object, ok := o.(client.Object)
	if !ok {
		return
	}
	name := client.ObjectKeyFromObject(object)
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.of(kind)
	if _, ok := s.known[name]; ok {
		delete(s.known, name)
		s.counts[shard.Of(name.Namespace, b.shards)]--
	}
	delete(s.unready, name)
}

// of returns the standing of a kind; the lock is held.
func (b *board) of(kind string) *standing {
	s := b.kinds[kind]
	if s == nil {
		s = &standing{unready: map[types.NamespacedName]bool{}, counts: map[int]int{}, known: map[types.NamespacedName]struct{}{}}
		b.kinds[kind] = s
	}
	return s
}

// count tells how many objects of some shards are ready, and how many are not, by
// kind.
func (b *board) count(shards map[int]bool) (ready, unready map[string]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ready, unready = map[string]int{}, map[string]int{}
	for kind, s := range b.kinds {
		all, not := 0, 0
		for index, n := range s.counts {
			if shards[index] {
				all += n
			}
		}
		for name := range s.unready {
			if shards[shard.Of(name.Namespace, b.shards)] {
				not++
			}
		}
		ready[kind], unready[kind] = all-not, not
	}
	return ready, unready
}

// away names the VaultConnections that are not ready, up to ten.
func (b *board) away() (names []string, count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	unready := b.of("VaultConnection").unready
	for name := range unready {
		if len(names) < 10 {
			names = append(names, name.String())
		}
	}
	return names, len(unready)
}
