package session

import (
	"context"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

const (
	// sweepEvery is how often sessions are looked for that nobody uses.
	sweepEvery = 5 * time.Minute
	// unused is how long a session is kept that nobody uses, that nobody watches
	// anything with and that no lease hangs on.
	unused = time.Hour
	// revokeTime bounds the revocation of tokens at the end of the process: it is on
	// the way to the next leader, who should not wait for a second.
	revokeTime = 500 * time.Millisecond
	// revokesAtOnce lets a thousand tokens be revoked in that time, at 10 ms each.
	revokesAtOnce = 32
)

// end stops the care for a token. The token itself stays valid until its end,
// because leases may hang on it. With forget, a kept one is given up.
func (l *login) end(forget bool) {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return
	}
	l.over = true
	close(l.gone)
	session, spaces := l.vault, len(l.spaces)
	if l.spaces[""] != nil {
		spaces--
	}
	l.keep.forget = forget
	close(l.news)
	l.news = make(chan struct{})
	l.mu.Unlock()
	for range spaces {
		l.sessions.counted(cloneEvictions)
	}
	if session != nil {
		session.Stop()
	}
	l.doubter.Stop()
	l.sessions.remove(l)
	l.keeper.Wake(time.Now())
	l.sessions.announce(TokenChange{CacheKey: l.made.key, Ended: true})
}

// linger notes an ended login whose secrets somebody watches.
func (s *Sessions) linger(l *login) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[l] = struct{}{}
}

// sweep is the task that gives up what nobody uses.
func (s *Sessions) sweep(ctx context.Context) time.Time {
	for _, l := range s.all() {
		if l.idle(time.Now()) {
			l.end(false)
			l.revoke(ctx)
		}
	}
	for _, l := range s.lingering() {
		if l.detach() {
			s.mu.Lock()
			delete(s.ended, l)
			s.mu.Unlock()
		}
	}
	s.accounts.forget()
	s.disconnect()
	return time.Now().Add(sweepEvery)
}

func (s *Sessions) lingering() []*login {
	s.mu.Lock()
	defer s.mu.Unlock()
	logins := make([]*login, 0, len(s.ended))
	for l := range s.ended {
		logins = append(logins, l)
	}
	return logins
}

// idle tells whether nobody needs the login any more.
func (l *login) idle(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Sub(time.Unix(0, l.used.Load())) >= unused && !l.held(now) && !l.watched()
}

// watched tells whether anything is watched with the login. The caller holds mu.
func (l *login) watched() bool {
	for _, space := range l.spaces {
		if space.attached && l.sessions.store.Watched(space.id) {
			return true
		}
	}
	return false
}

// detach takes the secrets of an ended login out of the store, once nobody watches
// them.
func (l *login) detach() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watched() {
		return false
	}
	for _, space := range l.spaces {
		if space.attached {
			l.sessions.store.Detach(space.id)
		}
		space.attached = false
	}
	return true
}

// revoke revokes the token of a login that has ended, unless it is somebody else's,
// or kept for other processes.
func (l *login) revoke(ctx context.Context) {
	session := l.session()
	if session == nil || l.made.login.Merged.Spec.Method == v1beta1.MethodToken || l.sessions.o.Persistence != PersistNone && !l.made.transient {
		return
	}
	if err := session.Revoke(ctx); err != nil && ctx.Err() == nil {
		l.sessions.o.Log.DebugContext(ctx, "a token that nobody uses could not be revoked; it ends by itself", "session", l.made.key, "error", err)
	}
}

// revokeUnneeded revokes, at the end of the process, the tokens that nobody needs
// after it: they are not kept, and no lease hangs on them that a workload uses.
func (s *Sessions) revokeUnneeded(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, revokeTime)
	defer cancel()
	var all sync.WaitGroup
	places := make(chan struct{}, revokesAtOnce)
	for _, l := range s.all() {
		l.mu.Lock()
		held := l.held(time.Now())
		l.mu.Unlock()
		if held || enter(ctx, places) != nil {
			continue
		}
		all.Go(func() {
			defer leave(places)
			l.revoke(ctx)
		})
	}
	all.Wait()
}

// disconnect closes the connections that no session was made with for long.
func (s *Sessions) disconnect() {
	needed := map[connectionKey]bool{}
	for _, l := range s.all() {
		needed[connectionKey{l.made.connection.UID, l.made.connection.Generation}] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, c := range s.connections {
		if !needed[key] && time.Since(time.Unix(0, c.used.Load())) >= unused {
			delete(s.connections, key)
			c.close()
		}
	}
}

func (s *Sessions) closeConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.connections {
		c.close()
	}
}

func (c *connection) close() {
	c.task.Stop()
	if made := c.client.Load(); made != nil {
		made.Close()
	}
}
