package vault

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
)

// WrappedLogin logs in for somebody else: the answer of the login comes wrapped,
// and only whoever opens it gets the token. It works as one entry of a
// lease.Schedule, takes the place of a [Session] and holds no token, so that
// there is nothing to renew, to revoke or to read secrets with.
type WrappedLogin struct {
	client   *Client
	method   auth.Method
	options  WrappedLoginOptions
	entry    *lease.Entry
	mu       sync.Mutex
	wanted   bool // a login that did not succeed yet
	failures int  // logins that failed since the newest success
}

// WrappedLoginOptions says how a WrappedLogin behaves. Its functions are called
// without locks held, and never at the same time.
type WrappedLoginOptions struct {
	Namespace string        // of the login; "" takes the connection's
	TTL       time.Duration // of the wrapping token; whole seconds
	Backoff   lease.Backoff // between failed logins
	Rand      lease.Rand    // nil: math/rand/v2
	OnLogin   func(WrapInfo)
	OnFailure func(err error, failures int) // failures since the newest success; nil: nobody hears of them
}

// NewWrappedLogin puts the logins into the schedule. The first is made after Start.
func NewWrappedLogin(c *Client, m auth.Method, schedule *lease.Schedule, o WrappedLoginOptions) *WrappedLogin {
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	w := &WrappedLogin{client: c, method: m, options: o}
	w.entry = schedule.AddUrgent(time.Time{}, w.step)
	return w
}

// Start logs in.
func (w *WrappedLogin) Start() { w.Relogin() }

// Relogin logs in again at once, because the credentials changed. What was handed
// out before stays valid until it ends.
func (w *WrappedLogin) Relogin() {
	w.mu.Lock()
	w.wanted = true
	w.mu.Unlock()
	w.entry.Wake(time.Now())
}

// Stop makes no more logins.
func (w *WrappedLogin) Stop() { w.entry.Stop() }

// step is the task in the schedule. A Relogin while it runs wakes it once more.
func (w *WrappedLogin) step(ctx context.Context) time.Time {
	w.mu.Lock()
	wanted := w.wanted
	w.wanted = false
	w.mu.Unlock()
	if !wanted {
		return time.Time{}
	}
	info, err := auth.LoginWrapped(ctx, w.method, w.client.Exchanger(w.options.Namespace), w.options.TTL)
	if err != nil && ctx.Err() != nil {
		return time.Time{} // the program ends; that is no failure
	}
	if err != nil {
		return w.failed(err)
	}
	w.mu.Lock()
	w.failures = 0
	w.mu.Unlock()
	w.options.OnLogin(*info)
	return time.Time{}
}

func (w *WrappedLogin) failed(err error) time.Time {
	w.mu.Lock()
	wait := w.options.Backoff.Wait(w.failures, w.options.Rand)
	w.failures++
	w.wanted = true
	failures := w.failures
	w.mu.Unlock()
	if w.options.OnFailure != nil {
		w.options.OnFailure(err, failures)
	}
	return time.Now().Add(max(wait, RetryAfter(err)))
}
