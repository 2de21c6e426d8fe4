// Package lease knows when: pure time arithmetic for everything that ends, and
// one schedule for all of it.
//
// [Terms] is a lease as its issuer granted it; its methods say when to renew it
// and when to replace it. [Backoff] spaces failed attempts, [Quota] caps how
// often something may be issued, and [Schedule] runs tasks at their times with
// a single timer. The package knows neither Vault nor Kubernetes, takes its
// random numbers as arguments, and uses only the standard library.
package lease

import "time"

// Rand yields random numbers in [0,1). math/rand/v2.Float64 is one.
type Rand func() float64

// Terms is a lease as granted: tokens, dynamic credentials, certificates.
type Terms struct {
	Issued    time.Time
	TTL       time.Duration // 0: it does not end
	Renewable bool
}

// Expires returns the end of the lease, the zero time when it has none.
func (t Terms) Expires() time.Time {
	if t.TTL <= 0 {
		return time.Time{}
	}
	return t.Issued.Add(t.TTL)
}

// Grace returns the last part of a lease of that TTL, in which it is replaced
// rather than renewed: a tenth to a fifth of it, so that many clients that
// started together do not come back together.
func Grace(ttl time.Duration, rnd Rand) time.Duration {
	return time.Duration(float64(ttl) * (0.1 + 0.1*rnd()))
}

// RenewAt returns when to renew a lease at the moment now: after two thirds of
// what remains plus a third of the grace. With grace g in 0.1..0.2 of the TTL
// that is 0.70 to 0.73 of a fresh lease, which leaves room for several more
// attempts when Vault does not answer.
func (t Terms) RenewAt(now time.Time, grace time.Duration) time.Time {
	remaining := t.Expires().Sub(now)
	if remaining <= 0 {
		return now
	}
	return now.Add(remaining*2/3 + grace/3)
}

// Ending tells whether a lease is so near its end that renewing it again is
// useless: what remains at the moment now is no more than the grace.
func (t Terms) Ending(now time.Time, grace time.Duration) bool {
	return t.TTL > 0 && t.Expires().Sub(now) <= grace
}

// ReplaceAt returns when to replace a lease that cannot be renewed: after the
// given fraction of its TTL.
func (t Terms) ReplaceAt(fraction float64) time.Time {
	return t.Issued.Add(time.Duration(float64(t.TTL) * fraction))
}

// Fraction spreads a threshold by 0.05 in both directions, so that 0.90 gives
// 0.85 to 0.95. Where that leaves (0,1) the threshold itself is the answer.
func Fraction(threshold float64, rnd Rand) float64 {
	f := threshold - 0.05 + 0.1*rnd()
	if f <= 0 || f >= 1 {
		return threshold
	}
	return f
}

// Earliest returns the earliest of the times that are not zero, and the zero
// time when all are.
func Earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
