package session

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// indexCounts is how long reads ask for a state that is as new as a change that was
// announced: replication takes milliseconds, and a server that is restored from a
// copy may never reach a state of before.
const indexCounts = time.Minute

// index is a state of Vault's storage.
type index struct {
	text  string
	until time.Time
}

// VaultNamespace is where the session's requests go; "" for the root.
func (s *Session) VaultNamespace() string { return cmp.Or(s.namespace, s.login.made.namespace()) }

// Ended is closed when the session is over: what it was made of has changed, or
// nobody used it.
func (s *Session) Ended() <-chan struct{} { return s.login.gone }

// Changed notes the state of Vault's storage after a change that was announced. A
// server that does not have it yet passes reads on to the one that does.
func (s *Session) Changed(text string) {
	s.newest.Store(&index{text: text, until: time.Now().Add(indexCounts)})
}

// consistent returns the headers that make a read see what was announced.
func (s *Session) consistent(method string) []config.Header {
	newest := s.newest.Load()
	if newest == nil || method != http.MethodGet || time.Now().After(newest.until) {
		return nil
	}
	return []config.Header{{Name: "X-Vault-Index", Value: newest.text}, {Name: "X-Vault-Inconsistent", Value: "forward-active-node"}}
}

// Upgrade opens a connection of another protocol in the session's Vault namespace;
// see [vault.Client.Upgrade].
func (s *Session) Upgrade(ctx context.Context, r vault.Request, dial vault.Dial) error {
	session := s.login.session()
	if session == nil {
		return &vault.Error{Kind: vault.InvalidToken, Method: r.Method, Path: r.Path, Messages: []string{"not logged in yet"}}
	}
	r.Namespace = cmp.Or(r.Namespace, s.namespace)
	return session.Upgrade(ctx, r, dial)
}
