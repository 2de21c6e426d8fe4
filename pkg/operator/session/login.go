package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/store"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// login is one token of one identity, with everything that hangs on it.
type login struct {
	sessions *Sessions
	made     *spec
	number   uint64        // counts all logins
	used     atomic.Int64  // when somebody asked for it or worked with it, in ns since 1970
	starting chan struct{} // holds a value while somebody begins it
	keeper   *lease.Entry
	doubter  *lease.Entry

	mu       sync.Mutex
	vault    *vault.Session // nil: not begun
	over     bool           // it has ended
	gone     chan struct{}  // closed when it has
	news     chan struct{}  // closed at each change of the token
	verified bool           // Vault has taken the token at least once
	troubled bool           // the newest attempt to log in failed
	awaited  bool           // somebody went away before there was a token
	epoch    uint64         // of the newest token known
	since    time.Time      // when that came
	holds    time.Time      // until when a lease may hang on the token
	spaces   map[string]*Session
	doubt    doubt
	keep     keeping
}

// newLogin makes a login that has not begun. The caller holds the mu of the sessions.
func newLogin(s *Sessions, made *spec) *login {
	s.number++
	l := &login{sessions: s, made: made, number: s.number, starting: make(chan struct{}, 1), news: make(chan struct{}), gone: make(chan struct{}), spaces: map[string]*Session{}}
	l.keeper = s.schedule.AddUrgent(time.Time{}, l.keepToken)
	l.doubter = s.schedule.AddUrgent(time.Time{}, l.lookUp)
	l.touch()
	return l
}

func (l *login) touch() { l.used.Store(time.Now().UnixNano()) }

// errEnded is what a login says that ended while somebody waited for it.
var errEnded = errors.New("what the session was made of has changed: ask again")

// ready begins the login where nobody has, and waits until Vault has taken its
// token or refused it.
func (l *login) ready(ctx context.Context) error {
	session, err := l.start(ctx)
	if err != nil {
		return err
	}
	for {
		l.mu.Lock()
		news, verified, over := l.news, l.verified, l.over
		l.mu.Unlock()
		state := session.State()
		switch {
		case over:
			return errEnded
		case state.Token != nil && verified:
			return nil
		case state.Err != nil:
			return state.Err
		}
		select {
		case <-news:
		case <-ctx.Done():
			l.mu.Lock()
			l.awaited = true
			l.mu.Unlock()
			return fmt.Errorf("wait for the login of VaultAuth %s: %w", l.made.references[0].name, ctx.Err())
		}
	}
}

// start begins the login: with the token that was kept, or a new one.
func (l *login) start(ctx context.Context) (*vault.Session, error) {
	if session := l.session(); session != nil {
		return session, nil
	}
	if err := enter(ctx, l.starting); err != nil {
		return nil, err
	}
	defer leave(l.starting)
	if session := l.session(); session != nil {
		return session, nil
	}
	client, err := l.shared().dial(ctx)
	if err != nil {
		return nil, err
	}
	resume, err := l.restore(ctx)
	if err != nil {
		return nil, err
	}
	session := vault.NewSession(client, &method{sessions: l.sessions, made: l.made}, l.sessions.schedule, vault.SessionOptions{
		AuthNamespace: l.made.namespace(), Rand: l.sessions.o.Rand, OnChange: l.changed,
		// An outage of Vault ends for every session within half a minute after it is over.
		Backoff: lease.Backoff{Initial: time.Second, Max: 30 * time.Second, Jitter: 0.5},
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		session.Stop()
		return nil, errEnded
	}
	l.vault = session
	session.Start(resume)
	return session, nil
}

func (l *login) shared() *connection {
	m := l.made
	return l.sessions.connection(m.connection, m.references[1].name, m.login.Vault, m.login.Files)
}

// session returns the session with Vault, nil where there is none yet.
func (l *login) session() *vault.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.vault
}

// changed hears of every login, renewal and failed attempt.
func (l *login) changed(state vault.TokenState) {
	l.countRenewal(state)
	l.mu.Lock()
	replaced := state.Epoch != l.epoch
	first := l.epoch == 0
	recovered := state.Err == nil && (l.troubled || l.awaited)
	if replaced {
		l.epoch, l.since = state.Epoch, time.Now()
		l.keep.due = !state.Resumed
	}
	l.verified = l.verified || state.Err == nil
	l.troubled = state.Err != nil && state.Failures > 0
	if state.Err == nil {
		l.awaited = false
	}
	for _, space := range l.spaces {
		space.tell(state, replaced)
	}
	due, over := l.keep.due, l.over
	close(l.news)
	l.news = make(chan struct{})
	l.mu.Unlock()
	if due {
		l.keeper.Wake(time.Now())
	}
	if !over && (replaced && !first || recovered) {
		l.sessions.announce(TokenChange{CacheKey: l.made.key, ClientID: clientID(state)})
	}
}

func clientID(state vault.TokenState) string {
	if state.Token == nil {
		return ""
	}
	return store.ClientID(state.Token.Accessor)
}

func (s *Sessions) announce(change TokenChange) {
	if s.o.OnToken != nil {
		s.o.OnToken(change)
	}
}

// state returns the token as it is now.
func (l *login) state() vault.TokenState {
	if session := l.session(); session != nil {
		return session.State()
	}
	return vault.TokenState{}
}

// hold keeps the login alive until then.
func (l *login) hold(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.holds) {
		l.holds = until
	}
}

// held tells whether a lease may hang on the token now. The caller holds mu.
func (l *login) held(now time.Time) bool { return now.Before(l.holds) }
