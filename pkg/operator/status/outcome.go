package status

import "github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"

// State is how a resource stands after one look at it.
type State int

// The states, with what kstatus makes of them.
const (
	Done     State = iota // Current: it is as the spec says
	Retrying              // InProgress: an attempt failed, and another is due
	Waiting               // InProgress: nothing failed, but something is not there yet
	Stuck                 // Failed: no attempt helps until somebody changes something
)

// Outcome is the end of one look at a resource.
type Outcome struct {
	State   State
	Reason  string // one word in CamelCase, of Ready and of what goes with it
	Message string // for people; it never holds a value, and no time that differs at each look
}

// Conclude sets Ready and Healthy, which always agree, and puts in or takes out
// Reconciling and Stalled.
func (c *Conditions) Conclude(o Outcome) {
	fine := o.State == Done
	healthy := v1beta1.ReasonUnhealthy
	if fine {
		healthy = v1beta1.ReasonHealthy
	}
	c.Put(v1beta1.ConditionHealthy, fine, healthy, o.Message)
	c.Put(v1beta1.ConditionReady, fine, o.Reason, o.Message)
	c.keep(v1beta1.ConditionReconciling, o.State == Retrying || o.State == Waiting, o)
	c.keep(v1beta1.ConditionStalled, o.State == Stuck, o)
}

// Start marks a resource that is looked at for the first time, or after its spec
// changed, so that nobody takes the old Ready for an answer to the new spec.
func (c *Conditions) Start(reason, message string) {
	if ready, ok := c.Get(v1beta1.ConditionReady); ok && ready.ObservedGeneration == c.generation {
		return
	}
	c.keep(v1beta1.ConditionReconciling, true, Outcome{Reason: reason, Message: message})
	c.keep(v1beta1.ConditionStalled, false, Outcome{})
}

func (c *Conditions) keep(kind string, present bool, o Outcome) {
	if !present {
		c.Drop(kind)
		return
	}
	c.Put(kind, true, o.Reason, o.Message)
}
