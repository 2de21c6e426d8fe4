package push

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
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

// Recorder writes events.
type Recorder interface {
	Event(object runtime.Object, eventType, reason, message string)
}

// Options is what the reconciler needs.
type Options struct {
	Live    client.Reader // reads Secrets, and is never a cache
	Login   Login
	Key     mac.Key
	Events  Recorder
	Backoff lease.Backoff // between failed attempts for one object
}

// reconciler looks after the VaultPushSecrets.
type reconciler struct {
	o       Options
	client  client.Client
	sources *sources

	mu       sync.Mutex
	failures map[types.NamespacedName]int // in a row
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	p := &v1beta1.VaultPushSecret{}
	if err := r.client.Get(ctx, q.NamespacedName, p); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(q.NamespacedName)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !p.DeletionTimestamp.IsZero() {
		r.forget(q.NamespacedName)
		r.withdraw(ctx, p)
		return reconcile.Result{}, r.finalizer(ctx, p, controllerutil.RemoveFinalizer)
	}
	if err := r.finalizer(ctx, p, controllerutil.AddFinalizer); err != nil {
		return reconcile.Result{}, err
	}
	before := p.DeepCopy()
	o, pushed := r.visit(ctx, p)
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err() // the operator ends
	}
	conditions := status.Edit(p.Status.Conditions, p.Generation, time.Now())
	conditions.Put(v1beta1.ConditionPushed, o.State == status.Done, o.Reason, o.Message)
	conditions.Conclude(o)
	p.Status.Conditions, p.Status.ObservedGeneration = conditions.List(), p.Generation
	if err := r.save(ctx, before, p, pushed); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: r.next(p, o)}, nil
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

// visit makes the path as the Secret is, and tells whether it has written.
func (r *reconciler) visit(ctx context.Context, p *v1beta1.VaultPushSecret) (status.Outcome, bool) {
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

// push makes the path as it is wanted, and returns its version. When somebody else
// was faster, it looks again.
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
			return 0, false, err
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
func (r *reconciler) withdraw(ctx context.Context, p *v1beta1.VaultPushSecret) {
	if p.Spec.DeletionPolicy != v1beta1.DeletionDelete || p.Status.SecretMAC == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	v, err := r.o.Login(ctx, ask(p))
	if err == nil {
		err = r.remove(ctx, pathOf(v, &p.Spec), p)
	}
	if err != nil {
		r.o.Events.Event(p, corev1.EventTypeWarning, v1beta1.ReasonSecretPushError, "delete the secret in Vault: "+text(err))
	}
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

func (r *reconciler) finalizer(ctx context.Context, p *v1beta1.VaultPushSecret, change func(client.Object, string) bool) error {
	before := p.DeepCopy()
	if !change(p, v1beta1.FinalizerVaultPushSecret) {
		return nil
	}
	err := r.client.Patch(ctx, p, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	return client.IgnoreNotFound(err)
}

// save writes the status if it says anything new, and an event if something was
// written to Vault, or Ready says something else.
func (r *reconciler) save(ctx context.Context, before, p *v1beta1.VaultPushSecret, wrote bool) error {
	if equality.Semantic.DeepEqual(before.Status, p.Status) {
		return nil
	}
	if err := r.client.Status().Patch(ctx, p, client.MergeFrom(before)); err != nil {
		return client.IgnoreNotFound(err)
	}
	was, _ := status.Edit(before.Status.Conditions, 0, time.Time{}).Get(v1beta1.ConditionReady)
	is, _ := status.Edit(p.Status.Conditions, 0, time.Time{}).Get(v1beta1.ConditionReady)
	fine := is.Status == metav1.ConditionTrue
	switch {
	case fine && wrote:
		r.o.Events.Event(p, corev1.EventTypeNormal, v1beta1.ReasonSecretPushed, is.Message)
	case !fine && (was.Status != is.Status || was.Reason != is.Reason || was.Message != is.Message):
		r.o.Events.Event(p, corev1.EventTypeWarning, is.Reason, is.Message)
	}
	return nil
}

func stuck(reason string, err error) status.Outcome {
	return status.Outcome{State: status.Stuck, Reason: reason, Message: text(err)}
}

func waiting(reason string, err error) status.Outcome {
	return status.Outcome{State: status.Waiting, Reason: reason, Message: text(err)}
}

func retrying(reason string, err error) status.Outcome {
	return status.Outcome{State: status.Retrying, Reason: reason, Message: text(err)}
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

// text is what an error says, on one line and without our port, which differs at
// each attempt: a status that changes is a write.
func text(err error) string {
	said := strings.ReplaceAll(err.Error(), "\n", "; ")
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Source != nil {
		bare := *op
		bare.Source = nil
		said = strings.ReplaceAll(said, op.Error(), bare.Error())
	}
	return said
}
