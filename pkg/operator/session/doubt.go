package session

import (
	"context"
	"net/http"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

const (
	// doubtPause is the least time between two look-ups of a token that Vault
	// refused something to. A thousand resources that are denied make one.
	doubtPause = 10 * time.Second
	// replacePause is the least age of a token that is replaced because something is
	// denied to it, though Vault knows it: a role may have got further policies since.
	replacePause = 5 * time.Minute
)

// doubt is what is known of a token since something was denied to it.
type doubt struct {
	due    bool
	looked time.Time
}

// doubted plans a look at the token: Vault may say "permission denied" of one that
// has ended.
func (l *login) doubted() {
	l.mu.Lock()
	l.doubt.due = true
	at := l.doubt.looked.Add(doubtPause)
	l.mu.Unlock()
	l.doubter.Wake(at)
}

// lookUp is the task that asks Vault about the token. A token that ended is
// replaced by the session itself. One that is alive is replaced too, for the sake
// of what its role may have got since, unless a lease would end with it sooner.
func (l *login) lookUp(ctx context.Context) time.Time {
	l.mu.Lock()
	now := time.Now()
	due, session, fresh := l.doubt.due, l.vault, now.Sub(l.since) < replacePause
	spared := l.held(now)
	l.doubt = doubt{looked: now}
	l.mu.Unlock()
	if !due || session == nil {
		return time.Time{}
	}
	epoch := session.State().Epoch
	_, err := session.Do(ctx, vault.Request{Method: http.MethodGet, Path: "auth/token/lookup-self"})
	switch {
	case fresh:
	case err == nil && !spared:
		session.Relogin()
	case err != nil && vault.KindOf(err) == vault.Denied:
		session.Invalid(epoch) // older servers say this of tokens that ended
	}
	return time.Time{}
}
