package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
)

const (
	// FieldManager is who the fields that a restart writes belong to.
	FieldManager = "vault-secrets-operator-rollout"

	// A request waits as long as it has waited already, within these bounds: after
	// 5, 10, 20 ... seconds, and then every 5 minutes.
	leastWait = 5 * time.Second
	mostWait  = 5 * time.Minute
	// attempts is how often a workload is read again that somebody else changes.
	attempts = 5
)

// Restart restarts the targets that have not the change yet. The error holds all
// that failed, a line each; the other targets are restarted all the same. It is
// called again after Outcome.After, while it fails or something is pending.
//
// A workload is restarted in a later second than that of the change, because a stamp
// has no more than seconds: the call takes up to a second.
func (r *Restarter) Restart(ctx context.Context, q Request) (Outcome, error) {
	if len(q.Targets) == 0 || !Wanted(q.Policy, q.Changed) {
		return Outcome{}, nil
	}
	now := time.Now()
	if at := q.since().Add(q.debounce()); now.Before(at) {
		return Outcome{Pending: "further changes are waited for", After: at.Sub(now)}, nil
	}
	t := &tally{}
	r.each(ctx, &q, t, func(t target, name string) error { return r.restart(ctx, &q, t, name) })
	return t.outcome(r.after(&q, now))
}

// after grows with the time that the request has waited for.
func (r *Restarter) after(q *Request, now time.Time) time.Duration {
	waited := now.Sub(q.since().Add(q.debounce()))
	return due.Horizon(min(max(waited, leastWait), mostWait), r.random)
}

// each does something with every workload that is meant.
func (r *Restarter) each(ctx context.Context, q *Request, count *tally, do func(target, string) error) {
	for _, want := range q.Targets {
		t, err := newTarget(want, q)
		if err != nil {
			count.add("", err)
			continue
		}
		names, err := r.names(ctx, q, want, t)
		if err != nil {
			count.add("", err)
		}
		for _, name := range names {
			count.add(fmt.Sprintf("%s %q", t.shown, name), do(t, name))
		}
	}
}

// restart writes the stamp of one workload, unless it has one of this change.
func (r *Restarter) restart(ctx context.Context, q *Request, t target, name string) error {
	for attempt := 1; ; attempt++ {
		object, err := r.get(ctx, q, t, name)
		if err != nil {
			return err
		}
		value, err := t.place.read(object)
		if err != nil {
			return err
		}
		if q.served(value) {
			return errServed
		}
		if err := hindered(t, object); err != nil {
			return err
		}
		if err = r.write(ctx, q, t, object); !apierrors.IsConflict(err) || attempt == attempts {
			return err
		}
	}
}

func (r *Restarter) get(ctx context.Context, q *Request, t target, name string) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(t.gvk)
	err := r.live.Get(ctx, types.NamespacedName{Namespace: q.Namespace, Name: name}, object)
	if apierrors.IsNotFound(err) {
		return nil, errors.New("it does not exist")
	}
	if err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	return object, nil
}

func (r *Restarter) write(ctx context.Context, q *Request, t target, object *unstructured.Unstructured) error {
	if err := nextSecond(ctx, q); err != nil {
		return err
	}
	if t.known && t.shown == cronJob {
		if err := r.createJob(ctx, q, object); err != nil {
			return err
		}
	}
	patch, err := json.Marshal(t.place.patch(object.GetResourceVersion(), q.stamp(time.Now())))
	if err != nil {
		return fmt.Errorf("encode the patch: %w", err)
	}
	err = r.cluster.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(FieldManager))
	if err != nil {
		return fmt.Errorf("patch it: %w", err)
	}
	return nil
}

// nextSecond waits until the second of the change is over, at most one.
func nextSecond(ctx context.Context, q *Request) error {
	wait := time.Until(q.At.Truncate(time.Second).Add(time.Second))
	if wait <= 0 || q.hashed() {
		return nil
	}
	timer := time.NewTimer(min(wait, time.Second))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hindered tells what keeps a workload from being restarted now.
func hindered(t target, object *unstructured.Unstructured) error {
	if !t.known {
		return nil
	}
	switch object.GetKind() {
	case "Deployment":
		if paused, _, _ := unstructured.NestedBool(object.Object, "spec", "paused"); paused {
			return pendingError("it is paused")
		}
	case cronJob:
		return hinderedJob(object)
	}
	return nil
}

// errServed says that a workload has been restarted since the change.
var errServed = errors.New("served")

// pendingError is what a workload waits for.
type pendingError string

func (e pendingError) Error() string { return string(e) }

// tally gathers what became of each workload.
type tally struct {
	restarted, pending []string
	failed             []error
}

func (c *tally) add(workload string, err error) {
	var pending pendingError
	switch {
	case err == nil:
		c.restarted = append(c.restarted, workload)
	case errors.Is(err, errServed):
	case errors.As(err, &pending):
		c.pending = append(c.pending, fmt.Sprintf("restart %s: %s", workload, pending))
	case workload == "":
		c.failed = append(c.failed, fmt.Errorf("restart: %w", err))
	default:
		c.failed = append(c.failed, fmt.Errorf("restart %s: %w", workload, err))
	}
}

func (c *tally) outcome(after time.Duration) (Outcome, error) {
	out := Outcome{Restarted: c.restarted, Pending: strings.Join(c.pending, "\n")}
	if len(c.pending)+len(c.failed) > 0 {
		out.After = after
	}
	return out, errors.Join(c.failed...)
}
