package sync

import (
	"context"
	"errors"
	"fmt"
	gosync "sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

// gate is a client whose writes of statuses ask first.
type gate struct {
	mu   gosync.Mutex
	pass func() error
}

func (g *gate) set(pass func() error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pass = pass
}

func (g *gate) ask() error {
	g.mu.Lock()
	pass := g.pass
	g.mu.Unlock()
	if pass == nil {
		return nil
	}
	return pass()
}

// newGatedWorld is a world whose first visits are written down through a gate.
func newGatedWorld(t *testing.T) (*world, *gate) {
	g := &gate{}
	w := newWorldWith(t, func(o *Options) {
		o.Client = interceptor.NewClient(o.Client.(client.WithWatch), interceptor.Funcs{ //nolint:forcetypeassert // as newWorldWith makes it
			SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
				if err := g.ask(); err != nil {
					return err
				}
				return c.SubResource(sub).Update(ctx, o, opts...)
			},
		})
	})
	w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
	// What the tests read is held from now on: who has to wait for a read may be visited
	// twice, first as it is there and then as it is announced.
	before := staticSecret("before")
	w.create(before)
	if err := w.cluster.Delete(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	w.wake(before)
	w.wantEvents(`before | Normal | SecretSynced | synced Secret "before"`)
	return w, g
}

// keepBooks runs the bookkeepers of VaultStaticSecrets.
func (w *world) keepBooks() {
	ctx, cancel := context.WithCancel(w.t.Context())
	var running gosync.WaitGroup
	running.Go(func() { _ = w.kinds.all[0].keepBooks(ctx) })
	w.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	synctest.Wait()
}

// wantWritten checks that an object says that it is synced, and is guarded.
func (w *world) wantWritten(s *v1beta1.VaultStaticSecret) {
	w.t.Helper()
	w.get(s)
	if c := status.Ready(s); c.Reason != v1beta1.ReasonSynced || len(s.Finalizers) != 1 || s.Status.LastGeneration != 1 {
		w.t.Errorf("%s: ready for %q, finalizers %v, generation %d", s.Name, c.Reason, s.Finalizers, s.Status.LastGeneration)
	}
}

// TestSecretsComeFirst: as long as no status can be written, Secrets still are.
func TestSecretsComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, g := newGatedWorld(t)
		w.keepBooks()
		open := make(chan struct{})
		g.set(func() error {
			<-open
			return nil
		})
		var all []*v1beta1.VaultStaticSecret
		for i := range 3 * bookkeepers {
			s := staticSecret(fmt.Sprintf("db-%d", i))
			w.create(s)
			all = append(all, s)
		}
		w.wantWrites(map[string]int{"create Secret": 1}) // of the last: counts begin anew with each
		for _, s := range all {
			if w.secret(s.Name) == nil {
				t.Errorf("%s has no Secret", s.Name)
			}
		}
		close(open)
		pass(time.Second)
		for _, s := range all {
			w.wantWritten(s)
		}
		w.wantWrites(map[string]int{"patch VaultStaticSecret": len(all), "status VaultStaticSecret": len(all)})
	})
}

// TestVisitWritesDownFirst: what a first visit has left is written down before the
// next, which does its own work then.
func TestVisitWritesDownFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newGatedWorld(t)
		w.kinds.all[0].books.begin() // and nobody writes
		s := staticSecret("db")
		w.create(s)
		w.wantWrites(map[string]int{"create Secret": 1})
		w.wantEvents()
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"})
		w.edit(s, func() { s.Spec.RefreshAfter = "30s" })
		pass(time.Minute)
		w.wantData("db", map[string]string{"password": "b"})
		w.get(s)
		if s.Status.LastGeneration != 2 || len(s.Finalizers) != 1 {
			t.Errorf("generation %d, finalizers %v", s.Status.LastGeneration, s.Finalizers)
		}
		w.wantEvents(`db | Normal | SecretSynced | synced Secret "db"`, `db | Normal | SecretRotated | wrote Secret "db": DataChanged`)
	})
}

// TestFullBooks: what finds no room is written down at once.
func TestFullBooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newGatedWorld(t)
		w.kinds.all[0].books.queue = make(chan *memory, 1)
		waits, written := staticSecret("a"), staticSecret("b")
		w.create(waits)
		w.create(written)
		w.wantWritten(written)
		w.get(waits)
		if waits.Status.LastGeneration != 0 || w.secret("a") == nil {
			t.Errorf("generation %d", waits.Status.LastGeneration)
		}
	})
}

// TestWritingDownFails: whatever the API server says, the object ends as it should,
// with one event.
func TestWritingDownFails(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "vaultstaticsecrets"}, "db", errors.New("changed"))
	for name, problem := range map[string]error{"Unavailable": errors.New("no API server"), "Conflict": conflict} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, g := newGatedWorld(t)
				w.keepBooks()
				g.set(func() error { return problem })
				s := staticSecret("db")
				w.create(s)
				pass(rebook / 100)
				g.set(nil)
				pass(2 * rebook)
				w.wantWritten(s)
				w.wantEvents(`db | Normal | SecretSynced | synced Secret "db"`)
				w.wantWrites(map[string]int{"create Secret": 1, "patch VaultStaticSecret": 1, "status VaultStaticSecret": 1})
			})
		})
	}
}

// TestDeletedBeforeItIsWrittenDown: an object without a finalizer is gone at once, and
// nothing is held of it.
func TestDeletedBeforeItIsWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newGatedWorld(t)
		queue := w.kinds.all[0].books.begin()
		s := staticSecret("db")
		w.create(s)
		if err := w.cluster.Delete(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		w.kinds.all[0].writeDown(t.Context(), <-queue)
		w.wake(s)
		w.wantWrites(map[string]int{"create Secret": 1, "delete VaultStaticSecret": 1, "status VaultStaticSecret": 1, "patch VaultStaticSecret": 1})
		if n := len(w.kinds.all[0].memories.all); n != 0 {
			t.Errorf("%d objects are remembered", n)
		}
	})
}

// TestHeavyObjectsAreGuardedFirst: what the garbage collector would not end has its
// finalizer before anything is written.
func TestHeavyObjectsAreGuardedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newGatedWorld(t)
		w.kinds.all[0].books.begin()
		s := staticSecret("db", func(s *vss) { s.Spec.Destination.DeletionPolicy = v1beta1.DeletionRetain })
		w.create(s)
		w.wantWritten(s)
	})
}
