package sync

import (
	"context"
	"slices"
	gosync "sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// revocable is something in Vault that can be revoked.
type revocable struct {
	id      string
	what    string // as events show it
	done    string // reason of the event that tells of it
	failed  string // likewise, where Vault refuses
	request vault.Request
}

// orphan is a revocable whose object is gone.
type orphan struct {
	revocable
	ask      session.Ask
	until    time.Time // its end, after which nothing is left to revoke
	next     time.Time
	failures int
}

const (
	// mostOrphans is how many are remembered. An orphan is 500 bytes, and ends by itself.
	mostOrphans = 10_000
	// oneTry is how long a deletion waits for Vault. 500 objects that are deleted by
	// 100 workers while Vault hangs take 500 / 100 * 2 s = 10 s.
	oneTry = 2 * time.Second
	// orphanTry is how long an attempt without an object may take.
	orphanTry = 10 * time.Second
)

// orphans revokes later what could not be revoked at once. It remembers in memory
// only: what a process that ends leaves behind ends by its own time.
type orphans struct {
	o    Options
	mu   gosync.Mutex
	all  []*orphan
	wake chan struct{}
}

func newOrphans(o Options) *orphans { return &orphans{o: o, wake: make(chan struct{}, 1)} }

// ask says which login an object has.
func (v *visit) ask() session.Ask {
	return session.Ask{Namespace: v.name.Namespace, AuthRef: v.parts.authRef, VaultNamespace: v.parts.namespace}
}

// revoke makes one attempt for an object that is being deleted, and tells its end as
// an event.
func (s *orphans) revoke(ctx context.Context, v *visit, ask session.Ask, what revocable, until time.Time) {
	err := s.try(ctx, oneTry, ask, what)
	switch {
	case err == nil:
		s.o.Events.Event(v.object, corev1.EventTypeNormal, what.done, "revoked "+what.what)
	case passes(err):
		s.add(ask, what, until)
		s.o.Events.Event(v.object, corev1.EventTypeWarning, v1beta1.ReasonLeaseOrphaned, what.what+" is revoked later: "+text(err))
	default:
		s.o.Events.Event(v.object, corev1.EventTypeWarning, what.failed, "revoke "+what.what+": "+text(err))
	}
}

// passes tells whether an error may be gone at a later attempt.
func passes(err error) bool {
	kind := vault.KindOf(err)
	return kind.Temporary() || kind == vault.InvalidToken
}

func (s *orphans) try(ctx context.Context, limit time.Duration, ask session.Ask, what revocable) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	login, err := s.o.Login(ctx, ask)
	if err != nil {
		return err
	}
	_, err = login.Do(ctx, what.request)
	return err
}

// add remembers an orphan until its end.
func (s *orphans) add(ask session.Ask, what revocable, until time.Time) {
	if what.id == "" || !time.Now().Before(until) {
		return
	}
	s.mu.Lock()
	if len(s.all) >= mostOrphans {
		s.all = s.all[1:]
	}
	s.all = append(s.all, &orphan{revocable: what, ask: ask, until: until})
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run works until ctx ends.
func (s *orphans) run(ctx context.Context) error {
	for {
		wait := time.Hour
		if o, at := s.first(); o != nil {
			if wait = time.Until(at); wait <= 0 {
				s.attempt(ctx, o)
				continue
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// first returns the orphan whose attempt comes next.
func (s *orphans) first() (*orphan, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return nil, time.Time{}
	}
	o := slices.MinFunc(s.all, func(a, b *orphan) int { return a.next.Compare(b.next) })
	return o, o.next
}

// attempt revokes, and forgets what is done, refused, or at its end.
func (s *orphans) attempt(ctx context.Context, o *orphan) {
	err := s.try(ctx, orphanTry, o.ask, o.revocable)
	s.mu.Lock()
	defer s.mu.Unlock()
	o.next = time.Now().Add(s.o.Backoff.Wait(o.failures, s.o.Random))
	o.failures++
	if err == nil || !passes(err) || o.next.After(o.until) {
		s.all = slices.DeleteFunc(s.all, func(other *orphan) bool { return other == o })
	}
}

// waiting is how many there are.
func (s *orphans) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}
