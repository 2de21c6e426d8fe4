package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/store"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// keeping is what there is to do about the Secret of a login's token.
type keeping struct {
	due      bool // a new token is to be kept
	forget   bool // the kept one is to be given up
	failures int
}

// longestLease is how long a lease may hang on a token of which nothing else is
// known: the longest that Vault gives by default, 768 hours.
const longestLease = 768 * time.Hour

// restore returns the token that was kept of a login, nil where there is none. What
// cannot be read for the moment is an error: to log in instead would give up the
// leases of the kept token.
func (l *login) restore(ctx context.Context) (*auth.Token, error) {
	s := l.sessions
	if s.o.Persistence == PersistNone || l.made.transient {
		return nil, nil
	}
	kept := &corev1.Secret{}
	name := types.NamespacedName{Namespace: s.o.OperatorNamespace, Name: store.Entry{CacheKey: l.made.key}.Name()}
	err := s.o.Live.Get(ctx, name, kept)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, s.stored(opRestore, fmt.Errorf("read the kept token in Secret %s: %w", name, err))
	}
	token, err := s.open(ctx, kept)
	var unfit *unfitError
	if errors.As(err, &unfit) {
		s.o.Log.WarnContext(ctx, "a kept token cannot be used; logging in anew", "secret", name.String(), "error", err)
		_ = s.stored(opRestore, err)
		return nil, s.giveUp(ctx, name.Name)
	}
	if s.stored(opRestore, err) != nil {
		return nil, err
	}
	s.noteKept(name.Name, true)
	l.hold(time.Now().Add(longestLease))
	return token, nil
}

// unfitError is why a kept token is of no use to anybody.
type unfitError struct{ cause error }

// Error implements error.
func (e *unfitError) Error() string { return e.cause.Error() }

// Unwrap returns what was found.
func (e *unfitError) Unwrap() error { return e.cause }

// open takes the token out of its Secret.
func (s *Sessions) open(ctx context.Context, kept *corev1.Secret) (*auth.Token, error) {
	entry, payload, err := store.Open(kept, s.o.Key)
	if err != nil {
		return nil, &unfitError{err}
	}
	encrypted := entry.TransitRef != ""
	if !encrypted && s.o.Persistence == PersistEncrypted {
		return nil, &unfitError{fmt.Errorf("kept token %s/%s: it is not encrypted", kept.Namespace, kept.Name)}
	}
	if encrypted {
		if payload, err = s.decrypt(ctx, entry.TransitRef, payload); err != nil {
			return nil, err
		}
	}
	token, err := store.DecodeToken(payload)
	if err != nil {
		return nil, &unfitError{err}
	}
	return &token, nil
}

// keepToken is the task that keeps a login's newest token, or gives it up.
func (l *login) keepToken(ctx context.Context) time.Time {
	l.mu.Lock()
	due, forget, over := l.keep.due, l.keep.forget, l.over
	l.mu.Unlock()
	s := l.sessions
	if over && !forget || !forget && !due || s.o.Persistence == PersistNone || l.made.transient {
		return time.Time{}
	}
	var err error
	if forget {
		err = s.stored(opDelete, s.giveUp(ctx, store.Entry{CacheKey: l.made.key}.Name()))
	} else {
		err = s.stored(opStore, l.put(ctx))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.keep = keeping{}
		return time.Time{}
	}
	if ctx.Err() == nil {
		s.o.Log.WarnContext(ctx, "a token could not be kept; its leases would not survive a restart", "session", l.made.key, "error", err)
	}
	l.keep.failures++
	return time.Now().Add(lease.Backoff{Initial: time.Second, Max: time.Minute}.Wait(l.keep.failures-1, s.random()))
}

// put keeps the token as it is now in the place of the one before. A token that
// cannot be renewed is not worth it.
func (l *login) put(ctx context.Context) error {
	s := l.sessions
	state := l.state()
	entry := store.Entry{CacheKey: l.made.key, Auth: l.made.auth, Connection: l.made.connection, Provider: l.made.provider}
	if state.Token == nil || !store.Keepable(*state.Token) {
		return s.giveUp(ctx, entry.Name())
	}
	payload := store.EncodeToken(*state.Token)
	if s.o.Persistence == PersistEncrypted {
		var err error
		if payload, entry.TransitRef, err = s.encrypt(ctx, payload); err != nil {
			return err
		}
	}
	made, err := entry.Secret(s.o.OperatorNamespace, payload, s.o.Key)
	if err != nil {
		return err
	}
	return s.replace(ctx, made)
}

// replace writes a Secret that cannot be changed. Another process may write it at
// the same time, so that it is tried a second time.
func (s *Sessions) replace(ctx context.Context, made *corev1.Secret) error {
	for attempt := 0; ; attempt++ {
		if err := s.giveUp(ctx, made.Name); err != nil {
			return err
		}
		err := s.o.Client.Create(ctx, made.DeepCopy())
		switch {
		case err == nil:
			s.noteKept(made.Name, true)
			return nil
		case attempt > 0 || !apierrors.IsAlreadyExists(err):
			return fmt.Errorf("keep a token in Secret %s/%s: %w", made.Namespace, made.Name, err)
		}
	}
}

// giveUp deletes the Secret of a kept token, if it is there.
func (s *Sessions) giveUp(ctx context.Context, name string) error {
	gone := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.o.OperatorNamespace, Name: name}}
	if err := client.IgnoreNotFound(s.o.Client.Delete(ctx, gone)); err != nil {
		return fmt.Errorf("delete the kept token in Secret %s/%s: %w", s.o.OperatorNamespace, name, err)
	}
	s.noteKept(name, false)
	return nil
}

func (s *Sessions) noteKept(name string, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, name)
	if is {
		s.kept[name] = struct{}{}
	}
}

// temporary tells whether an error of Vault may pass by itself.
func temporary(err error) bool { return vault.KindOf(err).Temporary() }
