package lease

import "time"

// quotaBurst is how many issues may follow each other at once. Five covers the
// honest cases: a first issue, a lost lease, a token that was replaced, and a
// repetition of one of them.
const quotaBurst = 5

// Quota caps how often one thing is issued anew, so that no defect can make a
// flood of credentials. Five issues may come at once; after that there is one
// per half TTL, with the half TTL taken between a second and a minute: at most
// 60 in an hour for long leases, and never less than short leases need. The
// zero value is ready to use.
type Quota struct {
	spent   float64
	updated time.Time
}

// Next returns when the next issue is allowed: now or later.
func (q *Quota) Next(now time.Time, ttl time.Duration) time.Time {
	refill := refillTime(ttl)
	spent := q.spentAt(now, refill)
	if spent <= quotaBurst-1 {
		return now
	}
	return now.Add(time.Duration((spent - (quotaBurst - 1)) * float64(refill)))
}

// Spend counts one issue at the moment now.
func (q *Quota) Spend(now time.Time, ttl time.Duration) {
	q.spent = q.spentAt(now, refillTime(ttl)) + 1
	q.updated = now
}

// Refund takes back an issue that was spent and did not happen. What is left to
// wait is then a matter of the backoff between failed attempts.
func (q *Quota) Refund() { q.spent = max(0, q.spent-1) }

func (q *Quota) spentAt(now time.Time, refill time.Duration) float64 {
	if q.updated.IsZero() {
		return 0
	}
	return max(0, q.spent-float64(now.Sub(q.updated))/float64(refill))
}

func refillTime(ttl time.Duration) time.Duration {
	return min(max(ttl/2, time.Second), time.Minute)
}
