package lease

import "time"

// Backoff is how failed attempts are spaced: the n-th wait is Initial times
// Multiplier to the power n, bounded by Max, and shortened by a random part of
// up to Jitter. The zero value waits one second doubling to five minutes with a
// jitter of a quarter.
type Backoff struct {
	Initial    time.Duration // 0: 1s
	Max        time.Duration // 0: 5m
	Multiplier float64       // below 1: 2
	Jitter     float64       // part of a wait that is random, 0 to 1; 0: 0.25
}

// Wait returns the time between the failure with that number (0 is the first)
// and the next attempt.
func (b Backoff) Wait(failure int, rnd Rand) time.Duration {
	b = b.withDefaults()
	wait := float64(b.Initial)
	for range failure {
		wait *= b.Multiplier
		if wait >= float64(b.Max) {
			break
		}
	}
	wait = min(wait, float64(b.Max))
	return time.Duration(wait * (1 - b.Jitter*rnd()))
}

func (b Backoff) withDefaults() Backoff {
	if b.Initial <= 0 {
		b.Initial = time.Second
	}
	if b.Max <= 0 {
		b.Max = 5 * time.Minute
	}
	if b.Multiplier < 1 {
		b.Multiplier = 2
	}
	if b.Jitter <= 0 || b.Jitter > 1 {
		b.Jitter = 0.25
	}
	return b
}
