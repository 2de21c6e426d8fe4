package vault

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits holds the rate limits of a process, one per Vault address: however many
// clients there are, they share what the server can take.
type Limits struct {
	mu        sync.Mutex
	addresses map[string]*limit
}

// NewLimits makes an empty registry.
func NewLimits() *Limits { return &Limits{addresses: map[string]*limit{}} }

// at returns the limit of an address. Where several clients of an address set a
// rate the newest counts; one that sets none leaves it as it is.
func (l *Limits) at(address string, perSecond float64, burst int) *limit {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.addresses[address]
	if found == nil {
		found = &limit{rate: rate.NewLimiter(rate.Inf, 1)}
		l.addresses[address] = found
	}
	if perSecond > 0 {
		if burst <= 0 {
			burst = max(1, int(perSecond))
		}
		found.set(rate.Limit(perSecond), burst)
	}
	return found
}

// limit holds back the requests to one address.
type limit struct {
	mu    sync.Mutex
	rate  *rate.Limiter
	until time.Time // no request before; Vault asked for it
}

// set changes the rate. A new limiter begins with its burst unspent; one that
// stays the same is kept, so that a new client does not give the burst anew.
func (l *limit) set(perSecond rate.Limit, burst int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate.Limit() != perSecond || l.rate.Burst() != burst {
		l.rate = rate.NewLimiter(perSecond, burst)
	}
}

// reserve takes the next turn.
func (l *limit) reserve() *rate.Reservation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate.Reserve()
}

// heldBack is the error of a request that was not sent: Vault asked for a pause,
// or its turn would come after its caller has given up.
type heldBack struct{ wait time.Duration }

// Error implements error.
func (heldBack) Error() string { return "held back by the rate limit of the address" }

// wait returns when a request may be sent. During a pause that Vault asked for
// it fails at once, so that the caller can plan for later instead of waiting.
func (l *limit) wait(ctx context.Context) error {
	if left := l.pause(); left > 0 {
		return heldBack{left}
	}
	turn := l.reserve()
	delay := turn.Delay()
	if delay == 0 {
		return ctx.Err()
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < delay {
		turn.Cancel()
		return heldBack{delay}
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		turn.Cancel()
		return ctx.Err()
	case <-timer.C:
	}
	if left := l.pause(); left > 0 {
		return heldBack{left}
	}
	return nil
}

// pause returns how long the pause still lasts that Vault asked for.
func (l *limit) pause() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.until)
}

// hold begins the pause that a refusal asks for.
func (l *limit) hold(refusal *Error) {
	if refusal.RetryAfter <= 0 {
		return
	}
	until := time.Now().Add(refusal.RetryAfter)
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.until) {
		l.until = until
	}
}
