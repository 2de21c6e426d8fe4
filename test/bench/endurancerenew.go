package main

import "time"

// expectedRenewals is how many there are in a time for leases that templates use
// and leases in the listener's cache, all of them new at its begin. The moments
// depend on the grace, which is a tenth to a fifth of the TTL at random, and on
// the fraction of the second in which Vault issues; this is the mean of both.
func expectedRenewals(delivered, cached int, d time.Duration) int {
	const graces, phases = 10, 10
	var sum int
	for g := range graces {
		for p := range phases {
			l := lifeOfLease{
				ttl: enduranceTTL, limit: enduranceMax,
				grace: enduranceTTL/10 + enduranceTTL*time.Duration(2*g+1)/(20*graces),
				phase: time.Second * time.Duration(2*p+1) / (2 * phases),
			}
			sum += delivered * l.renewals(d)
			l.untilTheEnd = true
			sum += cached * l.renewals(d)
		}
	}
	return (sum + graces*phases/2) / (graces * phases)
}

// lifeOfLease is what decides when one lease after the other is renewed.
type lifeOfLease struct {
	ttl, limit  time.Duration
	grace       time.Duration
	phase       time.Duration // of the second in which it was issued
	untilTheEnd bool          // renewed even where less is granted than was asked for, as the cache does
}

// renewals counts those of one secret in a time. A lease is renewed after two
// thirds of what is left of it and a third of its grace. It is replaced when its
// max TTL is no farther than the grace, and not renewed any more once less than
// nine tenths of its TTL are granted.
func (l lifeOfLease) renewals(elapsed time.Duration) int {
	n := 0
	for begin := time.Duration(0); begin < elapsed; begin += l.limit - l.grace {
		at, granted := time.Duration(0), l.ttl
		for l.untilTheEnd || granted >= l.ttl*9/10 {
			at += granted*2/3 + l.grace/3
			if at >= l.limit-l.grace || begin+at >= elapsed {
				break
			}
			n++
			granted = l.grantedAt(at)
		}
	}
	return n
}

// grantedAt is what Vault grants to a renewal: it counts in whole seconds.
func (l lifeOfLease) grantedAt(at time.Duration) time.Duration {
	left := l.phase.Truncate(time.Second) + l.limit - (l.phase + at).Truncate(time.Second)
	return min(l.ttl, left)
}
