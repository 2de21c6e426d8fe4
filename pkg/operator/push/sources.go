package push

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
)

// sources watches the metadata of the Secrets that are pushed, each by its name:
// most Secrets of a cluster are nobody's source, and are not looked at.
type sources struct {
	watcher func(context.Context, types.NamespacedName) (watch.Interface, error)
	wake    func(types.NamespacedName) // an object
	random  lease.Rand

	mu       sync.Mutex
	ctx      context.Context // of Run; nil: it does not run
	running  sync.WaitGroup
	bySource map[types.NamespacedName]*source
	byUser   map[types.NamespacedName]types.NamespacedName
}

// source is one Secret and the objects that push it.
type source struct {
	version string // that the objects know of
	users   map[types.NamespacedName]bool
	stop    context.CancelFunc // nil: it is not watched yet
}

func newSources(c client.WithWatch, random lease.Rand) *sources {
	return &sources{
		watcher: func(ctx context.Context, name types.NamespacedName) (watch.Interface, error) {
			list := &metav1.PartialObjectMetadataList{}
			list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
			return c.Watch(ctx, list, client.InNamespace(name.Namespace), client.MatchingFields{"metadata.name": name.Name})
		},
		random: random, bySource: map[types.NamespacedName]*source{}, byUser: map[types.NamespacedName]types.NamespacedName{},
	}
}

// Start watches until ctx ends. It implements manager.Runnable.
func (s *sources) Start(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	for name, held := range s.bySource {
		s.begin(name, held) //nolint:contextcheck // it is the same
	}
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// follow makes changes of a Secret wake an object, instead of those of the Secret
// that it had before.
func (s *sources) follow(user, name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.byUser[user]; ok {
		if before == name {
			return
		}
		s.drop(user, before)
	}
	held := s.bySource[name]
	if held == nil {
		held = &source{users: map[types.NamespacedName]bool{}}
		s.bySource[name] = held
		s.begin(name, held)
	}
	held.users[user], s.byUser[user] = true, name
}

// leave ends that.
func (s *sources) leave(user types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, ok := s.byUser[user]; ok {
		s.drop(user, name)
	}
}

// drop is leave for a caller that holds mu.
func (s *sources) drop(user, name types.NamespacedName) {
	delete(s.byUser, user)
	held := s.bySource[name]
	delete(held.users, user)
	if len(held.users) > 0 {
		return
	}
	delete(s.bySource, name)
	if held.stop != nil {
		held.stop()
	}
}

// begin watches a source. The caller holds mu.
func (s *sources) begin(name types.NamespacedName, held *source) {
	if s.ctx == nil {
		return
	}
	ctx, stop := context.WithCancel(s.ctx)
	held.stop = stop
	s.running.Go(func() {
		defer stop()
		s.watch(ctx, name, held)
	})
}

// saw says that the objects of a source know a version of it.
func (s *sources) saw(name types.NamespacedName, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.bySource[name]; held != nil {
		held.version = version
	}
}

// watch passes on what happens to a source until ctx ends. The API server ends each
// watch after some time.
func (s *sources) watch(ctx context.Context, name types.NamespacedName, held *source) {
	backoff := lease.Backoff{Initial: time.Second, Max: 30 * time.Second, Multiplier: 2, Jitter: 0.5}
	for failures := 0; ctx.Err() == nil; failures++ {
		if s.once(ctx, name, held) {
			failures = 0
		}
		select {
		case <-time.After(backoff.Wait(failures, s.random)):
		case <-ctx.Done():
		}
	}
}

// once is one watch; it tells whether any news came.
func (s *sources) once(ctx context.Context, name types.NamespacedName, held *source) (news bool) {
	w, err := s.watcher(ctx, name)
	if err != nil {
		return false
	}
	defer w.Stop()
	for {
		select {
		case e, ok := <-w.ResultChan():
			object, is := e.Object.(metav1.Object)
			if !ok || !is {
				return news
			}
			news = true
			s.tell(held, e.Type, object.GetResourceVersion())
		case <-ctx.Done():
			return news
		}
	}
}

// tell wakes the objects of a source for a version that they do not know.
func (s *sources) tell(held *source, kind watch.EventType, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kind == watch.Bookmark || version == held.version {
		return
	}
	held.version = version
	for user := range held.users {
		s.wake(user)
	}
}
