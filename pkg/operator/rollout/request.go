package rollout

import (
	"math/rand/v2"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Request is a change of a Secret that workloads have to see.
type Request struct {
	Namespace string
	Targets   []v1beta1.RolloutRestartTarget
	Policy    *v1beta1.RolloutRestartPolicy // nil: all defaults
	Changed   []string                      // keys of the Secret that differ; nil: unknown, which counts as any
	Hash      string                        // keyed hash of the data, for the stamp hash; "": the time is written instead
	At        time.Time                     // of the last change; a workload restarted in a later second has it
	Since     time.Time                     // of the first change that nobody was restarted for; zero: At
}

// Outcome is what became of a request that did not fail.
type Outcome struct {
	Restarted []string      // workloads that were restarted by this call, as Deployment "name"
	Pending   string        // what is waited for, in stable words; "": every target has the change
	After     time.Duration // when to call again, where something is pending or has failed; else 0
}

// Options is what a [Restarter] works with.
type Options struct {
	Live    client.Reader // of the API server, not of a cache
	Cluster client.Writer
	Random  lease.Rand // nil: math/rand/v2
}

// Restarter restarts workloads. It keeps nothing, and may be used by several
// goroutines at once.
type Restarter struct {
	live    client.Reader
	cluster client.Writer
	random  lease.Rand
}

// New returns a Restarter.
func New(o Options) *Restarter {
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return &Restarter{live: o.Live, cluster: o.Cluster, random: o.Random}
}

// Wanted tells whether a change of these keys restarts anybody; nil keys are unknown,
// and do.
func Wanted(policy *v1beta1.RolloutRestartPolicy, changed []string) bool {
	if policy == nil || len(policy.OnlyOnKeys) == 0 || changed == nil {
		return true
	}
	return slices.ContainsFunc(policy.OnlyOnKeys, func(key string) bool { return slices.Contains(changed, key) })
}

func (q *Request) since() time.Time {
	if q.Since.IsZero() || q.Since.After(q.At) {
		return q.At
	}
	return q.Since
}

func (q *Request) debounce() time.Duration {
	if q.Policy == nil {
		return 0
	}
	length, _ := q.Policy.Debounce.Parse() // the API server has checked its pattern
	return length
}

// annotation is the key of the annotation that is written.
func (q *Request) annotation() string {
	if q.Policy == nil || q.Policy.Annotation == "" {
		return v1beta1.AnnotationRestartedAt
	}
	return q.Policy.Annotation
}

// hashed tells that the hash is written instead of the time.
func (q *Request) hashed() bool {
	return q.Policy != nil && q.Policy.Stamp == v1beta1.StampHash && q.Hash != ""
}

// served tells whether a workload that holds this value has the change. A time of
// the same second does not count: the restart may have been before the change.
func (q *Request) served(value string) bool {
	if q.hashed() {
		return value == q.Hash
	}
	at, err := time.Parse(time.RFC3339, value)
	return err == nil && at.Truncate(time.Second).After(q.At.Truncate(time.Second))
}

// stamp is the value that is written at a moment: at least the second after the
// change, for an operator whose clock is behind.
func (q *Request) stamp(now time.Time) string {
	if q.hashed() {
		return q.Hash
	}
	if earliest := q.At.Truncate(time.Second).Add(time.Second); now.Before(earliest) {
		now = earliest
	}
	return now.UTC().Format(time.RFC3339)
}
