package shard

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"

	"github.com/vaultk8s/vaultk8s/pkg/pause"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// leases is an API server that has one Lease.
type leases struct {
	coordinationclient.LeaseInterface

	mu       sync.Mutex
	lease    *coordinationv1.Lease
	version  int
	watchers map[*watch.FakeWatcher]bool
	down     bool
	requests int
}

func (s *leases) begin() error {
	s.requests++
	if s.down {
		return errors.New("connection refused")
	}
	return nil
}

func resource() schema.GroupResource {
	return schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}
}

func (s *leases) Get(_ context.Context, name string, _ metav1.GetOptions) (*coordinationv1.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return nil, err
	}
	if s.lease == nil {
		return nil, apierrors.NewNotFound(resource(), name)
	}
	return s.lease.DeepCopy(), nil
}

func (s *leases) Create(_ context.Context, l *coordinationv1.Lease, _ metav1.CreateOptions) (*coordinationv1.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return nil, err
	}
	if s.lease != nil {
		return nil, apierrors.NewAlreadyExists(resource(), l.Name)
	}
	return s.store(l, watch.Added), nil
}

func (s *leases) Update(_ context.Context, l *coordinationv1.Lease, _ metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return nil, err
	}
	if s.lease == nil || s.lease.ResourceVersion != l.ResourceVersion {
		return nil, apierrors.NewConflict(resource(), l.Name, errors.New("changed"))
	}
	return s.store(l, watch.Modified), nil
}

func (s *leases) store(l *coordinationv1.Lease, kind watch.EventType) *coordinationv1.Lease {
	s.version++
	s.lease = l.DeepCopy()
	s.lease.ResourceVersion = strconv.Itoa(s.version)
	for w := range s.watchers {
		if !w.IsStopped() {
			w.Action(kind, s.lease.DeepCopy())
		}
	}
	return s.lease.DeepCopy()
}

func (s *leases) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return nil, err
	}
	w := watch.NewFakeWithChanSize(100, false)
	if s.watchers == nil {
		s.watchers = map[*watch.FakeWatcher]bool{}
	}
	s.watchers[w] = true
	return w, nil
}

func (s *leases) set(change func(s *leases)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *leases) current() *coordinationv1.Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lease.DeepCopy()
}

// member is a process that takes part.
type member struct {
	lease *Lease
	held  chan bool // true at the begin of a term, false at its end
	stop  context.CancelFunc
	done  chan error
}

func join(t *testing.T, s *leases, name string, patience func() time.Duration) *member {
	t.Helper()
	m := &member{held: make(chan bool, 100), done: make(chan error, 1)}
	m.lease = &Lease{Client: s, Name: "l", Identity: name, Patience: patience, Report: func(error) {}}
	ctx, cancel := context.WithCancel(t.Context())
	m.stop = cancel
	go func() {
		m.done <- m.lease.Hold(ctx, func(ctx context.Context) error {
			m.held <- true
			<-ctx.Done()
			m.held <- false
			return nil
		})
	}()
	return m
}

func (m *member) end(t *testing.T) {
	t.Helper()
	m.stop()
	if err := <-m.done; err != nil {
		t.Error(err)
	}
}

func TestGivenBackLeaseIsTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &leases{}
		a := join(t, s, "a", nil)
		<-a.held
		b := join(t, s, "b", nil)
		pause.For(t.Context(), time.Minute)
		if len(b.held) > 0 {
			t.Fatal("two hold the Lease")
		}
		began := time.Now()
		a.end(t)
		<-b.held
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v", took)
		}
		if l := s.current(); *l.Spec.HolderIdentity != "b" || *l.Spec.LeaseTransitions != 1 {
			t.Errorf("the Lease is %v", l.Spec)
		}
		b.end(t)
		if l := s.current(); *l.Spec.HolderIdentity != "" || *l.Spec.LeaseDurationSeconds != 1 {
			t.Errorf("the Lease is %v, want it given back", l.Spec)
		}
	})
}

func TestLostHolderIsReplacedAfterTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := "dead"
		s := &leases{lease: &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: "l", ResourceVersion: "1"},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &other, LeaseDurationSeconds: new(int32(15)), RenewTime: new(metav1.NowMicro())},
		}, version: 1}
		began := time.Now()
		a := join(t, s, "a", nil)
		<-a.held
		if took := time.Since(began); took != 15*time.Second {
			t.Errorf("it took %v, want 15s", took)
		}
		a.end(t)
	})
}

func TestHolderThatCannotRenewGivesUpBeforeOthersTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &leases{}
		a := join(t, s, "a", nil)
		<-a.held
		s.set(func(s *leases) { s.down = true })
		began := time.Now()
		if <-a.held {
			t.Fatal("a second term")
		}
		if took := time.Since(began); took < giveUp || took >= leaseTime {
			t.Errorf("it gave up after %v, want at least %v and less than %v", took, giveUp, leaseTime)
		}
		s.set(func(s *leases) { s.down = false })
		if !<-a.held {
			t.Error("no new term")
		}
		a.end(t)
	})
}

func TestOneFailureIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &leases{}
		a := join(t, s, "a", nil)
		<-a.held
		pause.For(t.Context(), 4*time.Second)
		s.set(func(s *leases) { s.down = true })
		pause.For(t.Context(), 2*time.Second)
		s.set(func(s *leases) { s.down = false })
		pause.For(t.Context(), time.Minute)
		if len(a.held) > 0 {
			t.Error("the term ended")
		}
		a.end(t)
	})
}

func TestHolderThatWasReplacedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &leases{}
		a := join(t, s, "a", nil)
		<-a.held
		s.set(func(s *leases) {
			l := s.lease.DeepCopy()
			other := "b"
			l.Spec.HolderIdentity, l.Spec.RenewTime = &other, new(metav1.NowMicro())
			s.store(l, watch.Modified)
		})
		if <-a.held {
			t.Error("it goes on")
		}
		a.end(t)
		if l := s.current(); *l.Spec.HolderIdentity != "b" {
			t.Errorf("the Lease of %q was given back", *l.Spec.HolderIdentity)
		}
	})
}

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &leases{}
		patient := join(t, s, "patient", func() time.Duration { return 20 * time.Second })
		began := time.Now()
		<-patient.held
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("it took a free Lease after %v, want 20s", took)
		}
		quick := join(t, s, "quick", nil)
		synctest.Wait()
		patient.end(t)
		<-quick.held
		quick.end(t)
	})
}

func TestTermThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &leases{}
		l := &Lease{Client: s, Name: "l", Identity: "a", Report: func(error) {}}
		want := errors.New("no manager")
		if err := l.Hold(t.Context(), func(context.Context) error { return want }); !errors.Is(err, want) {
			t.Errorf("got %v", err)
		}
		if got := *s.current().Spec.HolderIdentity; got != "" {
			t.Errorf("%q still holds the Lease", got)
		}
	})
}

func TestWaitingCostsNoRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &leases{}
		a := join(t, s, "a", nil)
		<-a.held
		b := join(t, s, "b", nil)
		synctest.Wait()
		s.set(func(s *leases) { s.requests = 0 })
		pause.For(t.Context(), time.Hour)
		s.mu.Lock()
		got := s.requests
		s.mu.Unlock()
		// The holder asks twice every five seconds.
		if want := 2 * 3600 / 5; got > want+2 {
			t.Errorf("%d requests in an hour, want %d", got, want)
		}
		a.end(t)
		<-b.held
		b.end(t)
	})
}

// TestLeaseHasOwners: it goes with them. One that is there already is left as it is.
func TestLeaseHasOwners(t *testing.T) {
	owners := func() []metav1.OwnerReference {
		return []metav1.OwnerReference{{Kind: "ServiceAccount", Name: "operator"}}
	}
	for name, tc := range map[string]struct {
		there *coordinationv1.Lease
		want  int
	}{
		"New":         {nil, 1},
		"ThereBefore": {&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "l", ResourceVersion: "1"}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &leases{lease: tc.there}
			l := &Lease{Client: s, Name: "l", Identity: "a", Owners: owners}
			if held, err := l.take(t.Context()); !held || err != nil {
				t.Fatal(held, err)
			}
			if got := s.current().OwnerReferences; len(got) != tc.want {
				t.Errorf("owners %v, want %d", got, tc.want)
			}
		})
	}
}
