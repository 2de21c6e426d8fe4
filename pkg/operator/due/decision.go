package due

import "time"

// Action is what to do with a secret.
type Action int

// The actions.
const (
	Wait    Action = iota // nothing, until the decision's time
	Sync                  // read or issue, and write the Secret
	Renew                 // extend the lease; issue anew where that fails
	Adopt                 // extend a lease of a former token; issue anew where that fails
	Restore               // write the Secret again from what is held
	Absent                // nothing but look again: the Secret that others must make is not there
)

// String returns the action in one word.
func (a Action) String() string {
	return [...]string{"wait", "sync", "renew", "adopt", "restore", "absent"}[a]
}

// Decision is what was judged.
type Decision struct {
	Action  Action
	Reason  string        // of v1beta1, or one of this package; "" for Wait without any
	Next    time.Duration // from now, for Wait and Absent; 0: only when something changes
	Restart bool          // applications that use the Secret have to see the change
}

// Reasons that the operator's former versions had no word for.
const (
	ReasonLeaseDue       = "LeaseRenewalDue"   // the renewal point of a lease has come
	ReasonLeaseTruncated = "LeaseTruncated"    // a lease gets shorter: it nears its max TTL
	ReasonRefresh        = "RefreshDue"        // the refreshAfter of what has no lease is over
	ReasonRotation       = "StaticRotationDue" // Vault should have rotated a static role by now
	ReasonDataChanged    = "DataChanged"       // Vault holds another value
	ReasonUnverified     = "DataUnverified"    // without hmacSecretData every look writes
	ReasonAdopted        = "LeaseAdopted"      // the lease is of a token that was not handed over
)

// check is one question. It has an answer, or leaves it to the next one.
type check func() (Decision, bool)

// first returns the first answer.
func first(checks ...check) Decision {
	for _, ask := range checks {
		if d, ok := ask(); ok {
			return d
		}
	}
	return Decision{}
}

// when makes a check of a condition.
func when(applies bool, d Decision) check {
	return func() (Decision, bool) { return d, applies }
}
