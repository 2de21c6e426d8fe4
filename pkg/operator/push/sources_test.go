package push

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

func name(n string) types.NamespacedName { return types.NamespacedName{Namespace: "shop", Name: n} }

func at(version string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{ResourceVersion: version}}
}

// stage plays the API server for watches of sources.
type stage struct {
	*sources
	open  map[string][]*watch.FakeWatcher
	woken []string
}

// play runs sources in virtual time.
func play(t *testing.T, act func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{sources: newSources(nil, func() float64 { return 0 }), open: map[string][]*watch.FakeWatcher{}}
		s.watcher = func(_ context.Context, n types.NamespacedName) (watch.Interface, error) {
			if n.Name == "denied" {
				s.open[n.Name] = append(s.open[n.Name], nil)
				return nil, errors.New("denied")
			}
			w := watch.NewFake()
			s.open[n.Name] = append(s.open[n.Name], w)
			return w, nil
		}
		s.wake = func(n types.NamespacedName) { s.woken = append(s.woken, n.Name) }
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Start(ctx) }()
		synctest.Wait()
		act(s)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// last is the newest watch of a source.
func (s *stage) last(n string) *watch.FakeWatcher {
	synctest.Wait()
	return s.open[n][len(s.open[n])-1]
}

func (s *stage) awaitWoken(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	slices.Sort(s.woken)
	if diff := cmp.Diff(want, s.woken); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
	s.woken = nil
}

func TestSources(t *testing.T) {
	play(t, func(s *stage) {
		s.follow(name("one"), name("a"))
		s.follow(name("two"), name("a"))
		s.follow(name("two"), name("a"))
		s.saw(name("a"), "1")
		s.saw(name("nobody's"), "1")
		w := s.last("a")
		w.Add(at("1"))
		s.awaitWoken(t)
		w.Modify(at("2"))
		s.awaitWoken(t, "one", "two")
		w.Modify(at("2"))
		w.Action(watch.Bookmark, at("3"))
		s.awaitWoken(t)
		s.follow(name("two"), name("b"))
		w.Delete(at("4"))
		s.awaitWoken(t, "one")
		s.leave(name("one"))
		s.leave(name("one"))
		synctest.Wait()
		if !w.IsStopped() || len(s.open["a"]) != 1 {
			t.Error("the watch of a source that nobody follows goes on")
		}
		s.last("b").Add(at("9"))
		s.awaitWoken(t, "two")
	})
}

// TestSourcesGoOn has watches that end, as each does after some time.
func TestSourcesGoOn(t *testing.T) {
	play(t, func(s *stage) {
		s.follow(name("one"), name("a"))
		s.last("a").Add(at("1"))
		s.awaitWoken(t, "one")
		s.last("a").Stop()
		<-time.After(time.Second)
		s.last("a").Add(at("1"))
		s.awaitWoken(t)
		s.last("a").Error(&metav1.Status{Reason: metav1.StatusReasonExpired})
		<-time.After(time.Second)
		s.last("a").Modify(at("2"))
		s.awaitWoken(t, "one")

		s.follow(name("two"), name("denied"))
		<-time.After(time.Minute)
		synctest.Wait()
		// After 1, 2, 4, 8, 16 seconds and then each 30.
		if n := len(s.open["denied"]); n < 5 || n > 8 {
			t.Errorf("%d attempts in a minute", n)
		}
	})
}
