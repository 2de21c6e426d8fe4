package session

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Session is a token of one identity, in one Vault namespace. It is good until
// the objects that it was made of change; ask [Sessions.For] again at each look at
// a resource, which costs nothing when nothing changed.
type Session struct {
	login     *login
	namespace string // that the resource names; "": that of the login
	id        secret.Identity
	mounts    vault.Mounts
	newest    atomic.Pointer[index]
	attached  bool // the store knows it; guarded by the login's mu
}

// in returns the session in a Vault namespace; "" for that of the login.
func (l *login) in(namespace string) *Session {
	namespace = strings.Trim(namespace, "/")
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.spaces[namespace]
	l.sessions.clone(namespace, found != nil)
	if found == nil {
		found = &Session{login: l, namespace: namespace, id: l.identity(namespace)}
		l.spaces[namespace] = found
	}
	return found
}

// identity is what the store holds secrets by. The cache key makes two logins
// differ that are equal in all that has a name: in their parameters or headers, or
// in the ServiceAccount that was deleted and made again. The number makes this one
// differ from those before it that had the same key.
func (l *login) identity(namespace string) secret.Identity {
	c, credential := l.made.login.Auth, l.made.login.Credential
	return secret.Identity{
		Connection: l.made.references[1].name.String(), Namespace: cmp.Or(namespace, c.Namespace), Method: c.Method,
		Mount: c.Mount, Role: c.Role, Subject: credential.Namespace + "/" + credential.Name + "#" + l.made.key + "." + strconv.FormatUint(l.number, 10),
		Audience: strings.Join(credential.Audiences, ","),
	}
}

// CacheKey names the session as status.vaultClientMeta.cacheKey does, with the
// Vault namespace of the resource at its end where it names one.
func (s *Session) CacheKey() string { return effective.CloneKey(s.login.made.key, s.namespace) }

// ClientID names the token as it is now, as status.vaultClientMeta.id does; ""
// where there is none, and for a token without an accessor.
func (s *Session) ClientID() string { return clientID(s.login.state()) }

// Token describes the token as it is now.
func (s *Session) Token() vault.TokenState { return s.login.state() }

// Identity is the key under which the store holds what the session reads.
func (s *Session) Identity() secret.Identity { return s.id }

// Do sends a request in the session's Vault namespace. Errors are of type
// *vault.Error. A token that Vault does not take any more is replaced; the request
// itself fails all the same, and is to be tried again later.
func (s *Session) Do(ctx context.Context, r vault.Request) (*vault.Response, error) {
	s.login.touch()
	if r.KV {
		return s.mounts.Send(ctx, s.send, r)
	}
	return s.send(ctx, r)
}

// send sends a request whose path is complete.
func (s *Session) send(ctx context.Context, r vault.Request) (*vault.Response, error) {
	r.KV, r.Namespace, r.Headers = false, cmp.Or(r.Namespace, s.namespace), slices.Concat(r.Headers, s.consistent(r.Method))
	session := s.login.session()
	if session == nil {
		return nil, &vault.Error{Kind: vault.InvalidToken, Method: r.Method, Path: r.Path, Messages: []string{"not logged in yet"}}
	}
	began := time.Now()
	response, err := session.Do(ctx, r)
	s.login.sessions.requested(operationOf(r.Method), s.login.made, began, err)
	switch {
	case err != nil && vault.KindOf(err) == vault.Denied && r.Token.Empty():
		s.login.doubted()
	case err == nil && response.LeaseID != "":
		s.login.hold(response.Received.Add(response.LeaseDuration))
	case err == nil && response.Auth != nil:
		s.login.hold(response.Received.Add(response.Auth.TTL))
	}
	return response, err
}

// Watch opens an interest in a query, which is read once for all resources of the
// session. Notify must not block; see [secret.Store.Watch]. What is watched in a
// session that has ended is not read any more: OnToken tells of the end.
func (s *Session) Watch(q secret.Query, notify func()) *secret.Watch {
	l := s.login
	l.touch()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !s.attached {
		s.attach()
	}
	return l.sessions.store.Watch(s.id, q, notify)
}

// attach makes the session known to the store. The caller holds the login's mu.
func (s *Session) attach() {
	l := s.login
	o := l.sessions.o
	// Polls come after 0.80 to 0.90 of their interval, as those of the older operator.
	l.sessions.store.Attach(s.id, s, secret.Policy{Threshold: 0.85, Backoff: o.Backoff})
	if l.vault != nil && l.verified {
		l.sessions.store.TokenChanged(s.id, l.vault.State())
	}
	s.attached = true
	if l.over {
		l.sessions.linger(l)
	}
}

// tell passes a token on to the store. The caller holds the login's mu.
func (s *Session) tell(state vault.TokenState, replaced bool) {
	if replaced {
		s.mounts.Forget() // other policies may see other mounts
	}
	if s.attached {
		s.login.sessions.store.TokenChanged(s.id, state)
	}
}

// Announce tells that a query changed in Vault: it is read again within the spread.
func (s *Session) Announce(q secret.Query, spread time.Duration) {
	s.login.sessions.store.Notify(s.id, q, spread)
}

// Hold says that a lease hangs on the token until then, so that the session is
// kept alive though nobody asks for it. What Do and Watch get is held by itself.
func (s *Session) Hold(until time.Time) { s.login.hold(until) }
