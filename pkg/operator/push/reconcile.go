package push

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
	"github.com/vaultk8s/vaultk8s/pkg/operator/visit"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

const (
	// loginWait is how long a visit waits for a login, as with the other kinds.
	loginWait = 5 * time.Second
	// goodbye bounds what is done in Vault at the end of an object, which must not
	// wait for a Vault that is away.
	goodbye = 10 * time.Second
	// races is how often a write is tried that somebody else was faster with.
	races = 3
)

// Session is what is needed of a session of Vault.
type Session interface {
	Do(context.Context, vault.Request) (*vault.Response, error)
	Meta() v1beta1.VaultClientMeta
}

// Login returns the session of an object, logged in. It waits no longer than ctx.
type Login func(context.Context, session.Ask) (Session, error)

// LoginWith is the Login of all sessions of the operator.
func LoginWith(s *session.Sessions) Login {
	return func(ctx context.Context, a session.Ask) (Session, error) {
		got, err := s.For(ctx, a)
		if err != nil {
			return nil, err
		}
		return named{got}, nil
	}
}

// named tells how a session is called in a status.
type named struct{ *session.Session }

// Meta implements Session.
func (n named) Meta() v1beta1.VaultClientMeta {
	return v1beta1.VaultClientMeta{CacheKey: n.CacheKey(), ID: n.ClientID()}
}

// Options is what the reconciler needs.
type Options struct {
	Live    client.Reader // reads Secrets, and is never a cache
	Login   Login
	Key     mac.Key
	Events  visit.Recorder
	Tally   *tally.Tally
	Backoff lease.Backoff // between failed attempts for one object
}

// reconciler looks after the VaultPushSecrets.
type reconciler struct {
	o       Options
	tally   *tally.Kind
	sources *sources

	mu       sync.Mutex
	failures map[types.NamespacedName]int // in a row
}

// kind makes the reconciler.
func kind(o Options, c client.Client, s *sources) *visit.Kind[v1beta1.VaultPushSecret, *v1beta1.VaultPushSecret] {
	r := &reconciler{o: o, tally: o.Tally.Kind("VaultPushSecret"), sources: s, failures: map[types.NamespacedName]int{}}
	return &visit.Kind[v1beta1.VaultPushSecret, *v1beta1.VaultPushSecret]{
		Client: c, Events: o.Events, Tally: r.tally, Finalizer: v1beta1.FinalizerVaultPushSecret,
		Judge: r.judge, Gone: r.forget, End: r.withdraw,
	}
}

// judge makes the path as the Secret is.
func (r *reconciler) judge(ctx context.Context, p *v1beta1.VaultPushSecret, c *status.Conditions) visit.Verdict {
	o, wrote := r.sync(ctx, p)
	c.Put(v1beta1.ConditionPushed, o.State == status.Done, o.Reason, o.Message)
	c.Conclude(o)
	p.Status.ObservedGeneration = p.Generation
	return visit.Verdict{Again: r.next(p, o), Tell: wrote}
}

// next is when an object is looked at again at the latest.
func (r *reconciler) next(p *v1beta1.VaultPushSecret, o status.Outcome) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := client.ObjectKeyFromObject(p)
	if o.State == status.Done {
		delete(r.failures, name)
		period, _ := p.Spec.RefreshAfter.Parse() // the schema has checked it
		return due.Horizon(period, rand.Float64)
	}
	wait := r.o.Backoff.Wait(r.failures[name], rand.Float64)
	r.failures[name]++
	return wait
}

func (r *reconciler) forget(name types.NamespacedName) {
	r.sources.leave(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.failures, name)
}

// sync makes the path as the Secret is, and tells whether it has written.
func (r *reconciler) sync(ctx context.Context, p *v1beta1.VaultPushSecret) (status.Outcome, bool) {
	source := types.NamespacedName{Namespace: p.Namespace, Name: p.Spec.Source.SecretName}
	r.sources.follow(client.ObjectKeyFromObject(p), source) //nolint:contextcheck // a source is watched longer than a visit takes
	s, err := r.read(ctx, source)
	if apierrors.IsNotFound(err) {
		return waiting(v1beta1.ReasonInvalidResourceRef, fmt.Errorf("secret %s does not exist", source)), false
	}
	if err != nil {
		return retrying(v1beta1.ReasonK8sClientError, fmt.Errorf("read secret %s: %w", source, err)), false
	}
	r.sources.saw(source, s.ResourceVersion)
	data, err := gather(p, s)
	if err != nil {
		return stuck(v1beta1.ReasonInvalidConfiguration, err), false
	}
	loginCtx, cancel := context.WithTimeout(ctx, loginWait)
	defer cancel()
	v, err := r.o.Login(loginCtx, ask(p))
	if err != nil {
		return noLogin(err), false
	}
	w := wish{spec: &p.Spec, status: &p.Status, mark: markOf(p), data: data, key: r.o.Key}
	version, wrote, err := push(ctx, pathOf(v, &p.Spec), w)
	if wrote {
		r.tally.Wrote(client.ObjectKeyFromObject(p), err)
	}
	if err != nil {
		return ofPush(err), false
	}
	return pushed(p, w, v.Meta(), version, wrote), wrote
}

func ask(p *v1beta1.VaultPushSecret) session.Ask {
	return session.Ask{Namespace: p.Namespace, AuthRef: p.Spec.VaultAuthRef, VaultNamespace: p.Spec.Namespace}
}

// markOf names an object in the custom metadata of its path.
func markOf(p *v1beta1.VaultPushSecret) string { return "vaultk8s/" + p.Namespace + "/" + p.Name }

// pushed writes down what the path holds now.
func pushed(p *v1beta1.VaultPushSecret, w wish, meta v1beta1.VaultClientMeta, version int64, wrote bool) status.Outcome {
	p.Status.SecretVersion, p.Status.SecretMAC, p.Status.VaultClientMeta = version, w.key.Text(w.data.bytes()), meta
	if wrote {
		now := metav1.NewTime(time.Now().Truncate(time.Second))
		p.Status.LastSyncTime = &now
	}
	message := "the secret in Vault is as the Secret is"
	if w.versioned() {
		message = fmt.Sprintf("version %d of the secret in Vault is as the Secret is", version)
	}
	return status.Outcome{State: status.Done, Reason: v1beta1.ReasonSecretPushed, Message: message}
}

// push makes the path as it is wanted, and returns its version, and whether a write
// was needed; it may be what has failed. When somebody else was faster, it looks again.
func push(ctx context.Context, at path, w wish) (version int64, wrote bool, err error) {
	for race := 1; ; race++ {
		h, err := at.read(ctx)
		if err != nil {
			return 0, false, err
		}
		d, err := w.decide(h)
		if err != nil {
			return 0, false, err
		}
		if d.marks != nil {
			// Before the data: a path that nobody is known to own is somebody else's.
			if err := at.mark(ctx, d.marks); err != nil {
				return 0, false, err
			}
		}
		if d.data == nil {
			return h.version, false, nil
		}
		version, err := at.write(ctx, d.data, d.check)
		if err == nil {
			return version, true, nil
		}
		if race == races || vault.KindOf(err) != vault.Permanent || !moved(ctx, at, h) {
			return 0, true, err
		}
	}
}

// moved tells whether a path has another version than the one that was read, which
// is why a checked write was refused.
func moved(ctx context.Context, at path, h held) bool {
	now, err := at.read(ctx)
	return err == nil && now.version != h.version
}

// withdraw does what the deletion policy says. Whatever fails is told in an event
// and left: an object can always be deleted.
func (r *reconciler) withdraw(ctx context.Context, p *v1beta1.VaultPushSecret) error {
	if p.Spec.DeletionPolicy != v1beta1.DeletionDelete || p.Status.SecretMAC == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	v, err := r.o.Login(ctx, ask(p))
	if err == nil {
		err = r.remove(ctx, pathOf(v, &p.Spec), p)
	}
	if err != nil {
		r.o.Events.Event(p, corev1.EventTypeWarning, v1beta1.ReasonSecretPushError, "delete the secret in Vault: "+visit.Lines(err))
	}
	return nil
}

// remove deletes the secret if its latest version is the object's.
func (r *reconciler) remove(ctx context.Context, at path, p *v1beta1.VaultPushSecret) error {
	h, err := at.read(ctx)
	if err != nil || h.data == nil {
		return err
	}
	if at.versioned && (h.marks[markKey] != markOf(p) || h.version != p.Status.SecretVersion) {
		return fmt.Errorf("%w since this object has: it is left", errConflict)
	}
	if !at.versioned && !r.o.Key.Is(p.Status.SecretMAC, (wish{spec: &v1beta1.VaultPushSecretSpec{}}).ours(h).bytes()) {
		return fmt.Errorf("%w since this object has: it is left", errConflict)
	}
	return at.remove(ctx)
}

func stuck(reason string, err error) status.Outcome {
	return status.Outcome{State: status.Stuck, Reason: reason, Message: visit.Lines(err)}
}

func waiting(reason string, err error) status.Outcome {
	return status.Outcome{State: status.Waiting, Reason: reason, Message: visit.Lines(err)}
}

func retrying(reason string, err error) status.Outcome {
	return status.Outcome{State: status.Retrying, Reason: reason, Message: visit.Lines(err)}
}

// noLogin says why there is no session.
func noLogin(err error) status.Outcome {
	if config, ok := errors.AsType[*effective.Error](err); ok {
		if config.Kind == effective.NotFound {
			return waiting(v1beta1.ReasonVaultClientConfigError, err)
		}
		return stuck(v1beta1.ReasonVaultClientConfigError, err)
	}
	return ofVault(v1beta1.ReasonVaultClientError, err)
}

// ofPush says why nothing was written.
func ofPush(err error) status.Outcome {
	switch {
	case errors.Is(err, errConflict):
		return stuck(v1beta1.ReasonVersionConflict, err)
	case errors.Is(err, errForeign):
		return stuck(v1beta1.ReasonSecretPushError, err)
	}
	return ofVault(v1beta1.ReasonSecretPushError, err)
}

func ofVault(reason string, err error) status.Outcome {
	if _, ok := errors.AsType[*vault.Error](err); ok && !vault.KindOf(err).Temporary() && vault.KindOf(err) != vault.InvalidToken {
		return stuck(reason, err)
	}
	return retrying(reason, err)
}
