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
	// It doubles as long as that does not help, four times: 5, 10, 20, 40, 80 min.
	replacePause = 5 * time.Minute
	// doubtForgotten is how long nothing must be denied for the pause to be short again.
	doubtForgotten = 3 * time.Hour
)

// doubt is what is known of a token since something was denied to it.
type doubt struct {
	due      bool
	looked   time.Time
	replaced int // tokens in a row that were replaced for it
}

// pause is the least age of a token that is replaced.
func (d doubt) pause() time.Duration { return replacePause << min(d.replaced, 4) }

// next is the doubt after a look.
func (d doubt) next(now time.Time) doubt {
	if now.Sub(d.looked) > doubtForgotten {
		d.replaced = 0
	}
	return doubt{looked: now, replaced: d.replaced}
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
	due, session := l.doubt.due, l.vault
	l.doubt = l.doubt.next(now)
	fresh, spared := now.Sub(l.since) < l.doubt.pause(), l.held(now)
	l.mu.Unlock()
	if !due || session == nil {
		return time.Time{}
	}
	epoch := session.State().Epoch
	_, err := session.Do(ctx, vault.Request{Method: http.MethodGet, Path: "auth/token/lookup-self"})
	switch {
	case fresh:
	case err == nil && !spared:
		l.replacedInDoubt()
		session.Relogin()
	case err != nil && vault.KindOf(err) == vault.Denied:
		l.replacedInDoubt()
		session.Invalid(epoch) // older servers say this of tokens that ended
	}
	return time.Time{}
}

func (l *login) replacedInDoubt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubt.replaced++
}
