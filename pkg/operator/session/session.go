package session

import (
	"context"
	"errors"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Session is a token of one identity, in one Vault namespace. It is good until
// the objects that it was made of change; ask [Sessions.For] again at each look at
// a resource, which costs nothing when nothing changed.
type Session struct{}

// CacheKey names the session as status.vaultClientMeta.cacheKey does, with the
// Vault namespace of the resource at its end where it names one.
func (s *Session) CacheKey() string { return "" }

// ClientID names the token as it is now, as status.vaultClientMeta.id does; ""
// where there is none, and for a token without an accessor.
func (s *Session) ClientID() string { return "" }

// Token describes the token as it is now.
func (s *Session) Token() vault.TokenState { return vault.TokenState{} }

// Identity is the key under which the store holds what the session reads.
func (s *Session) Identity() secret.Identity { return secret.Identity{} }

// Do sends a request in the session's Vault namespace. Errors are of type
// *vault.Error. A token that Vault does not take any more is replaced; the request
// itself fails all the same, and is to be tried again later.
func (s *Session) Do(ctx context.Context, r vault.Request) (*vault.Response, error) {
	return nil, errors.New("soon")
}

// Watch opens an interest in a query, which is read once for all resources of the
// session. Notify must not block; see [secret.Store.Watch].
func (s *Session) Watch(q secret.Query, notify func()) *secret.Watch { return nil }

// Announce tells that a query changed in Vault: it is read again within the spread.
func (s *Session) Announce(q secret.Query, spread time.Duration) {}

// Hold says that a lease hangs on the token until then, so that the session is
// kept alive though nobody asks for it. What Do and Watch get is held by itself.
func (s *Session) Hold(until time.Time) {}
