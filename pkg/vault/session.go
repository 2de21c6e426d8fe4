package vault

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Session is a token kept alive for one identity: it logs in, renews in time,
// logs in again before the token ends or as soon as Vault calls it invalid, and
// sends requests with it. It works as one entry of a lease.Schedule.
type Session struct {
	client   *Client
	method   auth.Method
	options  SessionOptions
	mounts   Mounts
	rand     lease.Rand
	entry    *lease.Entry
	mu       sync.Mutex
	held     heldToken
	state    TokenState
	failures int // logins that failed since the newest success
}

// SessionOptions says how a session behaves.
type SessionOptions struct {
	Namespace     string           // of every request; "" takes AuthNamespace
	AuthNamespace string           // of the login; "" takes Namespace
	Backoff       lease.Backoff    // between failed logins
	Rand          lease.Rand       // nil: math/rand/v2
	OnChange      func(TokenState) // called, without locks held, after each login, renewal and failed attempt; nil: none
}

// TokenState is a session's token at one moment.
type TokenState struct {
	Epoch        uint64      // counts tokens; 0: none yet
	Resumed      bool        // the token was taken over, not made by a login of this session
	Token        *auth.Token // nil: there is none
	Expires      time.Time   // zero: never
	PreviousEnds time.Time   // when the token before ends, with every lease made with it
	Err          error       // of the newest attempt to log in or renew; nil: it succeeded
	Failures     int         // attempts to log in that failed since the newest success
}

// NewSession makes a session and puts it into the schedule, which keeps its
// token alive. Without a token to resume it logs in as soon as the schedule runs.
func NewSession(c *Client, m auth.Method, schedule *lease.Schedule, o SessionOptions) *Session {
	s := &Session{client: c, method: m, options: o, rand: o.Rand}
	if s.rand == nil {
		s.rand = rand.Float64
	}
	if s.options.AuthNamespace == "" {
		s.options.AuthNamespace = o.Namespace
	}
	if s.options.Namespace == "" {
		s.options.Namespace = o.AuthNamespace
	}
	s.entry = schedule.AddUrgent(time.Time{}, s.step)
	return s
}

// Start begins to keep a token alive: the given one, which is looked up first,
// or with nil a new login.
func (s *Session) Start(resume *auth.Token) {
	s.mu.Lock()
	if resume != nil {
		s.held = heldToken{token: resume, unverified: true}
		s.state = TokenState{Epoch: 1, Token: resume, Resumed: true}
	}
	s.mu.Unlock()
	s.entry.Wake(time.Now())
}

// TakeOver begins like Start, with the token that another session of the same
// identity holds, and stops that session. The count of tokens goes on, so what
// was read through the other session keeps its epoch.
func (s *Session) TakeOver(from *Session) {
	from.entry.Stop()
	state := from.State()
	s.mu.Lock()
	s.state = TokenState{Epoch: state.Epoch, Token: state.Token, Expires: state.Expires, PreviousEnds: state.PreviousEnds, Resumed: state.Token != nil}
	if state.Token != nil {
		s.held = heldToken{token: state.Token, unverified: true}
	}
	s.mu.Unlock()
	s.entry.Wake(time.Now())
}

// Stop ends the care for the token, which stays valid until its end.
func (s *Session) Stop() { s.entry.Stop() }

// State returns the token as it is now.
func (s *Session) State() TokenState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Relogin logs in again at once, because the credentials changed. The old token
// stays valid until its end.
func (s *Session) Relogin() {
	s.mu.Lock()
	s.held.replace = true
	s.mu.Unlock()
	s.entry.Wake(time.Now())
}

// Do sends a request with the session's token. Errors are of type *Error; where
// there is no token, or Vault calls it invalid, their kind is InvalidToken and
// the session logs in again.
func (s *Session) Do(ctx context.Context, r Request) (*Response, error) {
	token, epoch := s.current()
	if !r.Token.Empty() {
		token = r.Token
	}
	if token.Empty() {
		return nil, &Error{Kind: InvalidToken, Method: r.Method, Path: r.Path, Address: s.client.Address(), Messages: []string{"not logged in yet"}}
	}
	send := func(ctx context.Context, r Request) (*Response, error) {
		return s.client.Do(ctx, token, s.options.Namespace, r)
	}
	response, err := s.resolved(ctx, send, r)
	if err != nil {
		if KindOf(err) == InvalidToken && r.Token.Empty() {
			s.invalidate(epoch)
		}
		return nil, err
	}
	response.Epoch = epoch
	return response, nil
}

// resolved sends a request, its path completed where it lies in a KV mount.
func (s *Session) resolved(ctx context.Context, send Sender, r Request) (*Response, error) {
	if r.KV {
		return s.mounts.Send(ctx, send, r)
	}
	return send(ctx, r)
}

// Revoke revokes the token and with it every lease that was made with it, and
// stops the session.
func (s *Session) Revoke(ctx context.Context) error {
	s.entry.Stop()
	token, _ := s.current()
	if token.Empty() {
		return nil
	}
	_, err := s.client.Do(ctx, token, s.options.Namespace, Request{Method: http.MethodPut, Path: "auth/token/revoke-self"})
	return err
}

func (s *Session) current() (sensitive.String, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Token == nil {
		return sensitive.String{}, s.state.Epoch
	}
	return s.state.Token.Value, s.state.Epoch
}

// invalidate drops the token of an epoch that Vault does not know any more.
// Requests still under way with it find the epoch changed and do nothing.
func (s *Session) invalidate(epoch uint64) {
	s.mu.Lock()
	stale := s.state.Epoch != epoch || s.state.Token == nil
	if !stale {
		s.drop()
	}
	s.mu.Unlock()
	if !stale {
		s.entry.Wake(time.Now())
	}
}

// drop forgets the token: it ended now, with every lease made with it. The caller holds mu.
func (s *Session) drop() {
	s.held = heldToken{}
	s.state.Token = nil
	s.state.Expires = time.Now()
}
