package shard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"

	"github.com/vaultk8s/vaultk8s/pkg/pause"
)

// The times of a Lease, which the old operator has, too. A holder that is lost is
// replaced after leaseTime. It renews after a third of that, so that one failure is
// no loss, and gives up when two thirds have passed without success.
const (
	leaseTime = 15 * time.Second
	renewTime = leaseTime / 3
	giveUp    = leaseTime * 2 / 3
	// requestTime bounds one request: two of them fit between a renewal and giveUp.
	requestTime = 4 * time.Second
)

// Lease is one that several processes want to hold. Its fields stay as they are
// while Hold runs.
type Lease struct {
	Client   coordinationclient.LeaseInterface // of the Lease's namespace
	Name     string
	Identity string      // who this process is
	Report   func(error) // hears of failed requests

	// Owners are asked for when the Lease is made; nil: it has none.
	Owners func() []metav1.OwnerReference

	// Patience is asked when the Lease is free: how long somebody else may take it
	// before this process does. nil: 0.
	Patience func() time.Duration

	// What was seen last of another holder, and when by our clock: clocks of
	// machines differ, so that the times in the Lease are not compared with it.
	seen   string
	seenAt time.Time
}

// Hold takes part until ctx ends, and calls term, with a context that ends with the
// Lease, whenever this process holds it. At the end it gives the Lease back after
// term has returned, so that nobody waits and no two work at a time. The error is
// that of a term that ended by itself.
func (l *Lease) Hold(ctx context.Context, term func(context.Context) error) error {
	for ctx.Err() == nil {
		free, err := l.follow(ctx)
		if err == nil && free {
			var held bool
			if held, err = l.take(ctx); held {
				if err := l.serve(ctx, term); err != nil {
					return err
				}
				continue
			}
		}
		if err != nil && ctx.Err() == nil {
			l.Report(fmt.Errorf("take Lease %q: %w", l.Name, err))
			pause.For(ctx, time.Second+rand.N(time.Second)) //nolint:gosec // only to spread the replicas
		}
	}
	return nil
}

// serve leads until the Lease is lost or ctx ends.
func (l *Lease) serve(ctx context.Context, term func(context.Context) error) error {
	serving, end := context.WithCancel(ctx)
	defer end()
	ended := make(chan error, 1)
	go func() {
		defer end()
		ended <- term(serving)
	}()
	lost := l.renew(serving)
	end()
	err := <-ended
	if !lost {
		l.release(context.WithoutCancel(ctx))
	}
	if ctx.Err() != nil || lost {
		return nil
	}
	return err
}

// renew keeps the Lease until ctx ends; it tells whether it was lost before.
func (l *Lease) renew(ctx context.Context) (lost bool) {
	renewed := time.Now()
	for pause.For(ctx, renewTime) {
		held, err := l.take(ctx)
		switch {
		case held:
			renewed = time.Now()
		case ctx.Err() != nil:
		case err == nil:
			l.Report(fmt.Errorf("lease %q was taken by somebody else", l.Name))
			return true
		case time.Since(renewed) >= giveUp:
			l.Report(fmt.Errorf("give up Lease %q: %w", l.Name, err))
			return true
		default:
			l.Report(fmt.Errorf("renew Lease %q: %w", l.Name, err))
		}
	}
	return false
}

// take makes this process the holder where it is free or held by this process
// already; it reports whether that is so now.
func (l *Lease) take(ctx context.Context) (held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	now := metav1.NowMicro()
	lease, err := l.Client.Get(ctx, l.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: l.Name}}
		if l.Owners != nil {
			lease.OwnerReferences = l.Owners()
		}
		l.sign(lease, now)
		_, err = l.Client.Create(ctx, lease, metav1.CreateOptions{})
		return err == nil, ignoreConflict(err)
	}
	if err != nil {
		return false, err
	}
	if holder(lease) != l.Identity && !l.free(lease) {
		return false, nil
	}
	l.sign(lease, now)
	_, err = l.Client.Update(ctx, lease, metav1.UpdateOptions{})
	return err == nil, ignoreConflict(err)
}

func ignoreConflict(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return nil // somebody else was quicker
	}
	return err
}

// sign writes this process as the holder.
func (l *Lease) sign(lease *coordinationv1.Lease, now metav1.MicroTime) {
	s := &lease.Spec
	if holder(lease) != l.Identity {
		transitions := int32(0)
		if s.LeaseTransitions != nil {
			transitions = *s.LeaseTransitions + 1
		}
		s.AcquireTime, s.LeaseTransitions = &now, &transitions
	}
	s.HolderIdentity, s.RenewTime, s.LeaseDurationSeconds = &l.Identity, &now, new(int32(leaseTime/time.Second))
}

// release gives the Lease back, if it is still ours, and says so as others do: no
// holder, and one second.
func (l *Lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	lease, err := l.Client.Get(ctx, l.Name, metav1.GetOptions{})
	if err == nil && holder(lease) == l.Identity {
		lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = new(""), new(int32(1))
		lease.Spec.RenewTime = new(metav1.NowMicro())
		_, err = l.Client.Update(ctx, lease, metav1.UpdateOptions{})
	}
	if ignoreConflict(err) != nil {
		l.Report(fmt.Errorf("give back Lease %q: %w", l.Name, err))
	}
}

// follow watches the Lease until it is free, and has been for as long as this
// process is patient; false when ctx ended, or the watch, which the API server
// ends now and then.
func (l *Lease) follow(ctx context.Context) (free bool, err error) {
	lease, err := l.Client.Get(ctx, l.Name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return false, err
	}
	options := metav1.ListOptions{FieldSelector: "metadata.name=" + l.Name}
	if err == nil {
		options.ResourceVersion = lease.ResourceVersion
	} else {
		lease = &coordinationv1.Lease{}
	}
	if l.free(lease) && l.patience() == 0 {
		return true, nil
	}
	events, err := l.Client.Watch(ctx, options)
	if err != nil {
		return false, err
	}
	defer events.Stop()
	return l.await(ctx, lease, events.ResultChan())
}

func (l *Lease) await(ctx context.Context, lease *coordinationv1.Lease, events <-chan watch.Event) (bool, error) {
	since := time.Now() // when it became free, if it is
	for {
		wait := l.left(lease)
		if wait <= 0 {
			wait = time.Until(since.Add(l.patience()))
		}
		if wait <= 0 {
			return true, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false, nil
		case <-timer.C:
			if l.left(lease) <= 0 && holder(lease) != "" {
				since = time.Now()
				lease = &coordinationv1.Lease{}
			}
		case e, ok := <-events:
			timer.Stop()
			if !ok || e.Type == watch.Error {
				return false, nil
			}
			lease, since = l.after(e, lease), time.Now()
		}
	}
}

// after is the Lease as an event leaves it.
func (l *Lease) after(e watch.Event, before *coordinationv1.Lease) *coordinationv1.Lease {
	next, ok := e.Object.(*coordinationv1.Lease)
	switch {
	case !ok || next.Name != l.Name:
		return before
	case e.Type == watch.Deleted:
		return &coordinationv1.Lease{}
	}
	return next
}

func (l *Lease) patience() time.Duration {
	if l.Patience == nil {
		return 0
	}
	return l.Patience()
}

// free tells whether the Lease may be taken.
func (l *Lease) free(lease *coordinationv1.Lease) bool { return l.left(lease) <= 0 }

// left is for how long the Lease has a holder, by the time that has passed since a
// change of it was seen.
func (l *Lease) left(lease *coordinationv1.Lease) time.Duration {
	if holder(lease) == "" || holder(lease) == l.Identity {
		return 0
	}
	mark := holder(lease)
	if t := lease.Spec.RenewTime; t != nil {
		mark += t.String()
	}
	if mark != l.seen {
		l.seen, l.seenAt = mark, time.Now()
	}
	span := leaseTime
	if s := lease.Spec.LeaseDurationSeconds; s != nil {
		span = time.Duration(*s) * time.Second
	}
	return time.Until(l.seenAt.Add(span))
}

func holder(lease *coordinationv1.Lease) string {
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}
