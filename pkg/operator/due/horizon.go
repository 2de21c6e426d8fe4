package due

import (
	"math"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
)

const (
	// Retry is how long an error waits that has no backoff of its own.
	Retry = 5 * time.Second
	// DriftPoll is how often a Secret is compared that has no refreshAfter.
	DriftPoll = 60 * time.Second
	// DefaultPercent is the part of a lease after which it is renewed.
	DefaultPercent = 67
	// MaxPercent is the largest part. With the jitter of a tenth it is the whole lease.
	MaxPercent = 90
	// jitter is the part of a period that is left to chance.
	jitter = 10 // percent
)

// Horizon spreads a period, so that objects which started together do not stay
// together: from 80 % of it, exclusive, to 90 %. 30 s become 24 to 27 s. What is
// zero or less is 0: never.
func Horizon(period time.Duration, rnd lease.Rand) time.Duration {
	if period <= 0 {
		return 0
	}
	most := percent(period, jitter)
	return period - most - part(most, rnd)
}

// Renewal is the part of a lease after which it is renewed: the percentage, and
// up to a tenth of the lease more. 67 % become 67 to 77 %. Percentages outside of
// 0 to 90 are taken for the nearest of them. What is zero or less is 0: never.
func Renewal(lifetime time.Duration, pct int, rnd lease.Rand) time.Duration {
	if lifetime <= 0 {
		return 0
	}
	most := percent(lifetime, jitter)
	return percent(lifetime, clamp(pct)) + most - part(most, rnd)
}

// Soonest returns the shorter of two horizons, where 0 is never.
func Soonest(a, b time.Duration) time.Duration {
	if a <= 0 || (b > 0 && b < a) {
		return max(b, 0)
	}
	return a
}

func clamp(pct int) int { return min(max(pct, 0), MaxPercent) }

// percent does not overflow: 1 % of the longest duration times 100 is itself.
func percent(d time.Duration, pct int) time.Duration {
	return d/100*time.Duration(pct) + d%100*time.Duration(pct)/100
}

// part is a random part of a duration: from nothing to all of it, exclusive.
func part(d time.Duration, rnd lease.Rand) time.Duration {
	return time.Duration(math.Floor(float64(d) * rnd()))
}

// until is how long it takes from now to a time, at least 1 ns when it has come:
// a horizon of 0 would be never.
func until(now, at time.Time) time.Duration { return max(at.Sub(now), 1) }
