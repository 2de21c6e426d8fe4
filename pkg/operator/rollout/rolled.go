package rollout

import (
	"context"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Rolled tells whether every target runs with the change, and nothing with what was
// before. It is true where there are no targets. A target that is missing is never
// rolled: it may be the name of another one that was mistyped.
func (r *Restarter) Rolled(ctx context.Context, q Request) (bool, error) {
	count := &tally{}
	r.each(ctx, &q, count, func(t target, name string) error { return r.rolled(ctx, &q, t, name) })
	_, err := count.outcome(0)
	return len(count.pending) == 0 && err == nil, err
}

func (r *Restarter) rolled(ctx context.Context, q *Request, t target, name string) error {
	object, err := r.get(ctx, q, t, name)
	if err != nil {
		return err
	}
	value, err := t.place.read(object)
	if err != nil {
		return err
	}
	done, err := r.complete(ctx, q, t, object, value)
	if err == nil && !done {
		return pendingError("it is rolled out")
	}
	return err
}

func (r *Restarter) complete(ctx context.Context, q *Request, t target, object *unstructured.Unstructured, stamp string) (bool, error) {
	w := workload{object.Object}
	switch {
	case t.known && t.shown == cronJob:
		return r.replacedJobs(ctx, q, object)
	case !q.served(stamp) || !w.observed():
		return false, nil
	case !t.known:
		return w.ready(), nil
	case object.GetKind() == "DaemonSet":
		return w.daemons(), nil
	case object.GetKind() == "Rollout":
		return w.restartedBy(stamp, t.place) && w.replicas(), nil
	default:
		return w.replicas(), nil
	}
}

// workload reads the fields that workloads have in common.
type workload struct{ fields map[string]any }

func (w workload) number(path ...string) int64 {
	n, _, _ := unstructured.NestedInt64(w.fields, path...)
	return n
}

// observed tells whether the status is about the spec as it is now.
func (w workload) observed() bool {
	seen, has, err := unstructured.NestedInt64(w.fields, "status", "observedGeneration")
	if err != nil { // Argo Rollouts writes a text
		text, _, _ := unstructured.NestedString(w.fields, "status", "observedGeneration")
		return text == strconv.FormatInt(w.number("metadata", "generation"), 10)
	}
	return !has || seen >= w.number("metadata", "generation")
}

// replicas tells whether all replicas that are wanted are new ones, are available,
// and are the only ones.
func (w workload) replicas() bool {
	want, has, _ := unstructured.NestedInt64(w.fields, "spec", "replicas")
	if !has {
		want = 1
	}
	return w.number("status", "updatedReplicas") >= want &&
		w.number("status", "replicas") == w.number("status", "updatedReplicas") &&
		w.number("status", "availableReplicas") >= want &&
		w.number("status", "terminatingReplicas") == 0
}

func (w workload) daemons() bool {
	want := w.number("status", "desiredNumberScheduled")
	return w.number("status", "updatedNumberScheduled") >= want && w.number("status", "numberAvailable") >= want
}

// restartedBy tells whether Argo Rollouts has finished the restart of a time. It
// deletes pods, which are no newer revision.
func (w workload) restartedBy(stamp string, at place) bool {
	if len(at) != 2 { // not spec.restartAt
		return true
	}
	finished, _, _ := unstructured.NestedString(w.fields, "status", "restartedAt")
	return finished == stamp
}

// ready reads the condition Ready of a kind that is not known; without one the stamp
// has to do.
func (w workload) ready() bool {
	conditions, _, _ := unstructured.NestedSlice(w.fields, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "Ready" {
			return c["status"] == "True"
		}
	}
	return true
}
