package status

import (
	"slices"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMessage is the longest message that the API server accepts, in bytes.
const maxMessage = 32768

// Conditions is a list of conditions under change. Edit makes one.
type Conditions struct {
	list       []metav1.Condition
	generation int64
	now        metav1.Time
	changed    bool
}

// Edit starts with the conditions of a resource, which are not changed
// themselves. The generation is the one of the spec that was worked on, the time
// is now. Of several conditions of one type the first is kept.
func Edit(conditions []metav1.Condition, generation int64, now time.Time) *Conditions {
	c := &Conditions{generation: generation, now: metav1.NewTime(now.Truncate(time.Second))}
	for _, condition := range conditions {
		if c.find(condition.Type) < 0 {
			c.list = append(c.list, condition)
		}
	}
	c.changed = len(c.list) != len(conditions)
	return c
}

// Put sets the condition of a type. Its time of transition stays while its
// status and its reason do; a new message or generation alone does not move it. The
// message of a trouble stays while the new one is Alike.
func (c *Conditions) Put(kind string, is bool, reason, message string) {
	c.PutStatus(kind, truth(is), reason, message)
}

// PutStatus is Put for a status that may also be unknown.
func (c *Conditions) PutStatus(kind string, is metav1.ConditionStatus, reason, message string) {
	next := metav1.Condition{
		Type: kind, Status: is, Reason: reason, Message: shorten(message),
		ObservedGeneration: c.generation, LastTransitionTime: c.now,
	}
	i := c.find(kind)
	if i < 0 {
		c.list, c.changed = append(c.list, next), true
		return
	}
	next.Message = settled(c.list[i], next)
	if old := c.list[i]; old.Status == is && old.Reason == reason && !old.LastTransitionTime.IsZero() {
		next.LastTransitionTime = old.LastTransitionTime
	}
	c.changed = c.changed || next != c.list[i]
	c.list[i] = next
}

// Drop removes the conditions of some types.
func (c *Conditions) Drop(kinds ...string) {
	before := len(c.list)
	c.list = slices.DeleteFunc(c.list, func(condition metav1.Condition) bool { return slices.Contains(kinds, condition.Type) })
	c.changed = c.changed || len(c.list) != before
}

// Get returns the condition of a type, false where there is none.
func (c *Conditions) Get(kind string) (metav1.Condition, bool) {
	if i := c.find(kind); i >= 0 {
		return c.list[i], true
	}
	return metav1.Condition{}, false
}

// List returns the conditions in the order in which they first appeared.
func (c *Conditions) List() []metav1.Condition { return slices.Clone(c.list) }

// Changed tells whether the list differs from the one it started with. Where it
// does not, the status is not written.
func (c *Conditions) Changed() bool { return c.changed }

func (c *Conditions) find(kind string) int {
	return slices.IndexFunc(c.list, func(condition metav1.Condition) bool { return condition.Type == kind })
}

func truth(is bool) metav1.ConditionStatus {
	if is {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}

// shorten cuts a message that the API server would refuse, between characters.
func shorten(message string) string {
	const dots = "..."
	if len(message) <= maxMessage {
		return message
	}
	end := maxMessage - len(dots)
	for end > 0 && !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end] + dots
}
