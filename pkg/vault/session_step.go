package vault

import (
	"context"
	"net/http"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
)

// heldToken is what a session knows of its token beyond what it shows.
type heldToken struct {
	token      *auth.Token
	terms      lease.Terms
	grace      time.Duration // the last part of its life, in which it is replaced
	renewAt    time.Time
	unverified bool // resumed; not looked up yet
	replace    bool // the credentials changed
	failures   int  // renewals that failed since the newest success
}

// tokenAction is what a session does next with its token.
type tokenAction int

const (
	actLogin tokenAction = iota
	actVerify
	actRenew
	actNothing
)

// next decides what to do with the token and when. It is pure.
func (h heldToken) next(now time.Time) (tokenAction, time.Time) {
	end := h.terms.Expires()
	switch {
	case h.token == nil, h.replace:
		return actLogin, now
	case h.unverified:
		return actVerify, now
	case end.IsZero():
		return actNothing, time.Time{}
	case !h.terms.Renewable, h.terms.Ending(now, h.grace), h.renewAt.After(end.Add(-h.grace)):
		return actLogin, end.Add(-h.grace)
	default:
		return actRenew, h.renewAt
	}
}

// renewBackoff spaces failed renewals of a token, as the old agent does: 10 s
// doubling to 5 min while the lease lasts.
func renewBackoff() lease.Backoff {
	return lease.Backoff{Initial: 10 * time.Second, Max: 5 * time.Minute}
}

// step is the session's task in the schedule.
func (s *Session) step(ctx context.Context) time.Time {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	action, at := held.next(time.Now())
	if action == actNothing || at.After(time.Now()) {
		return at
	}
	switch action {
	case actVerify:
		return s.verify(ctx, held)
	case actRenew:
		return s.renew(ctx, held)
	default:
		return s.login(ctx)
	}
}

// login takes a new token; the old one, if any, stays valid until its end.
func (s *Session) login(ctx context.Context) time.Time {
	token, err := s.method.Login(ctx, s.client.Exchanger(s.options.AuthNamespace))
	if err != nil && ctx.Err() != nil {
		return time.Time{} // the program ends; that is no failure
	}
	if err != nil {
		return s.loginFailed(err)
	}
	s.mounts.Forget() // other policies may see other mounts
	return s.adopt(token, true)
}

func (s *Session) loginFailed(err error) time.Time {
	s.mu.Lock()
	wait := s.options.Backoff.Wait(s.failures, s.rand)
	s.failures++
	s.state.Err, s.state.Failures = err, s.failures
	if s.state.Token != nil && !s.state.Expires.IsZero() && !s.state.Expires.After(time.Now()) {
		s.drop()
	}
	state := s.state
	s.mu.Unlock()
	s.changed(state)
	return time.Now().Add(max(wait, RetryAfter(err)))
}

// adopt makes a token the session's own: a fresh one, or a resumed one that was looked up.
func (s *Session) adopt(token *auth.Token, fresh bool) time.Time {
	now := time.Now()
	held := heldToken{token: token, terms: lease.Terms{Issued: now, TTL: token.TTL, Renewable: token.Renewable && !token.Batch}}
	held.grace = lease.Grace(token.TTL, s.rand)
	held.renewAt = held.terms.RenewAt(now, held.grace)
	s.mu.Lock()
	s.held, s.failures = held, 0
	if fresh {
		s.state.Epoch++
		s.state.PreviousEnds = s.state.Expires
		s.state.Resumed = false
	}
	s.state.Token, s.state.Expires = token, held.terms.Expires()
	s.state.Err, s.state.Failures = nil, 0
	state := s.state
	s.mu.Unlock()
	s.changed(state)
	_, at := held.next(now)
	return at
}

// verify looks a resumed token up. Vault gone: the token is kept and looked up
// later; Vault refuses it: log in.
func (s *Session) verify(ctx context.Context, held heldToken) time.Time {
	response, err := s.client.Do(ctx, held.token.Value, s.options.Namespace, Request{Method: http.MethodGet, Path: "auth/token/lookup-self"})
	if err == nil {
		return s.adopt(auth.FromLookup(held.token.Value, response.Data.Reveal()), false)
	}
	if ctx.Err() != nil {
		return time.Time{}
	}
	if KindOf(err).Temporary() {
		return s.loginFailed(err)
	}
	s.mu.Lock()
	s.drop()
	s.mu.Unlock()
	return s.login(ctx)
}

// renew extends the token. Where Vault refuses, it is used to its grace and
// then replaced.
func (s *Session) renew(ctx context.Context, held heldToken) time.Time {
	request := Request{Method: http.MethodPut, Path: "auth/token/renew-self", Body: map[string]any{"increment": int(held.token.TTL / time.Second)}}
	response, err := s.client.Do(ctx, held.token.Value, s.options.Namespace, request)
	if err != nil && ctx.Err() != nil {
		return time.Time{}
	}
	if err != nil && KindOf(err) == InvalidToken {
		s.invalidate(s.State().Epoch)
		return s.login(ctx)
	}
	if err != nil {
		return s.renewed(held.notRenewed(err, s.rand), err)
	}
	return s.renewed(held.extended(response.Auth), nil)
}

// extended is the token after a renewal.
func (h heldToken) extended(granted *auth.Token) heldToken {
	h.failures = 0
	if granted == nil {
		h.terms.Renewable = false
		return h
	}
	now := time.Now()
	h.terms = lease.Terms{Issued: now, TTL: granted.TTL, Renewable: granted.Renewable}
	h.renewAt = h.terms.RenewAt(now, h.grace)
	return h
}

// notRenewed is the token after a failed renewal: tried again later, or no more
// where Vault refused it.
func (h heldToken) notRenewed(err error, rnd lease.Rand) heldToken {
	if !KindOf(err).Temporary() {
		h.terms.Renewable = false
		return h
	}
	h.renewAt = time.Now().Add(max(renewBackoff().Wait(h.failures, rnd), RetryAfter(err)))
	h.failures++
	return h
}

// renewed keeps the outcome of a renewal, unless the token changed meanwhile.
func (s *Session) renewed(held heldToken, err error) time.Time {
	s.mu.Lock()
	if s.held.token != held.token {
		s.mu.Unlock()
		return time.Now()
	}
	held.replace = s.held.replace
	s.held = held
	s.state.Expires, s.state.Err = held.terms.Expires(), err
	state := s.state
	s.mu.Unlock()
	s.changed(state)
	_, at := held.next(time.Now())
	return at
}

func (s *Session) changed(state TokenState) {
	if s.options.OnChange != nil {
		s.options.OnChange(state)
	}
}
