package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// visit is one look at an object.
type visit struct {
	r          *Reconciler
	name       types.NamespacedName
	memory     *memory
	object     client.Object // a copy of its own; nil: it is gone
	stored     client.Object // as the API server has it, as far as is known
	parts      parts         // of object
	conditions *status.Conditions
	notes      []note
}

// copyOf is a copy of an object, of the same kind.
func copyOf(o client.Object) client.Object {
	c, _ := o.DeepCopyObject().(client.Object)
	return c
}

// note is an event that is written at the end of a visit.
type note struct{ kind, reason, message string }

// take begins with an object.
func (v *visit) take(object client.Object) {
	v.object, v.stored = object, copyOf(object)
	v.parts = partsOf(object)
	v.conditions = status.Edit(*status.Of(object), object.GetGeneration(), time.Now())
	if !v.memory.seen {
		v.memory.seen, v.memory.refresh = true, v.refresh()
	}
}

func (v *visit) refresh() string { return v.object.GetAnnotations()[v1beta1.AnnotationRefresh] }

// forced tells whether somebody asked for a refresh: by the annotation, or because a
// SecretTransformation of the object has changed. It stays so until a visit is done.
func (v *visit) forced() bool {
	var changed bool
	v.r.memories.change(func() { changed = v.memory.forced })
	return changed || v.refresh() != v.memory.refresh
}

// served takes note that what was asked for is done.
func (v *visit) served() {
	v.memory.refresh = v.refresh()
	v.r.memories.change(func() { v.memory.forced = false })
}

// did notes something that was done, for an event.
func (v *visit) did(reason, message string) {
	v.notes = append(v.notes, note{corev1.EventTypeNormal, reason, message})
}

// warn notes something that went wrong beside the outcome of the visit, for an
// event. The caller sees to it that the same is not told twice.
func (v *visit) warn(reason, message string) {
	v.notes = append(v.notes, note{corev1.EventTypeWarning, reason, message})
}

// tell notes an outcome that is no success, once: when it is not what the object has
// said already.
func (v *visit) tell(o outcome) {
	if o.State == status.Done {
		return
	}
	before := status.Ready(v.stored)
	if before.Reason != o.Reason || !status.Alike(before.Message, o.Message) || before.Status != metav1.ConditionFalse {
		v.warn(o.Reason, o.Message)
	}
}

// report writes the events of a visit.
func (v *visit) report() {
	for _, n := range v.notes {
		v.r.o.Events.Event(v.object, n.kind, n.reason, n.message)
	}
	v.notes = nil
}

// edit changes the metadata of an object, and writes that.
func (v *visit) edit(ctx context.Context, change func()) error {
	before := copyOf(v.stored)
	change()
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := v.r.o.Client.Patch(ctx, v.object, patch); err != nil {
		return fmt.Errorf("write the finalizers of %s %s: %w", v.r.kind.name(), v.name, err)
	}
	v.wrote()
	v.take(v.object)
	return nil
}

// save writes the status, where it differs from what is stored. It may be called in
// the middle of a visit, by a kind whose work must not be lost.
func (v *visit) save(ctx context.Context) error {
	*status.Of(v.object) = v.conditions.List()
	if equality.Semantic.DeepEqual(v.stored, v.object) {
		return nil
	}
	err := v.r.o.Client.Status().Update(ctx, v.object)
	if apierrors.IsNotFound(err) {
		return nil // it was deleted meanwhile
	}
	if err != nil {
		return fmt.Errorf("write the status of %s %s: %w", v.r.kind.name(), v.name, err)
	}
	v.wrote()
	v.r.numbers.WroteStatus()
	v.stored, v.parts = copyOf(v.object), partsOf(v.object)
	return nil
}

func (v *visit) wrote() { v.memory.written = v.object.GetResourceVersion() }

// loginWait is how long a visit waits for a login that is under way. A worker is
// held that long; the outcome of a login that takes longer wakes the object.
const loginWait = 5 * time.Second

// login returns the session of an object, nil with the outcome where there is none.
func (v *visit) login(ctx context.Context) (Session, *outcome) {
	return v.loginTo(ctx, v.parts.namespace)
}

// loginTo is login for another Vault namespace.
func (v *visit) loginTo(ctx context.Context, vaultNamespace string) (Session, *outcome) {
	waitFor, cancel := context.WithTimeout(ctx, loginWait)
	defer cancel()
	s, err := v.r.o.Login(waitFor, session.Ask{Namespace: v.name.Namespace, AuthRef: v.parts.authRef, VaultNamespace: vaultNamespace})
	v.r.memories.change(func() {
		v.memory.waits = err != nil
		if err == nil {
			v.memory.session, _ = effective.ParentKey(s.CacheKey())
		}
	})
	if err == nil {
		return s, nil
	}
	o := v.noLogin(err)
	return nil, &o
}

// noLogin says why there is no session.
func (v *visit) noLogin(err error) outcome {
	if errors.Is(err, context.DeadlineExceeded) && !isOfVault(err) {
		return outcome{silent: true, backoff: true} // it is under way
	}
	reason := v1beta1.ReasonVaultClientConfigError
	if isOfVault(err) {
		reason = v1beta1.ReasonVaultClientError
	}
	return v.unsynced(failed(reason, err))
}

func isOfVault(err error) bool {
	_, is := errors.AsType[*vault.Error](err)
	return is
}

// unsynced puts what went wrong into the condition of the Secret.
func (v *visit) unsynced(o outcome) outcome {
	if !o.silent {
		v.conditions.Put(v1beta1.ConditionSecretSynced, false, v1beta1.ReasonSynced, o.Message)
	}
	return o
}

// synced says that the Secret is as it should be.
func (v *visit) synced(message string) {
	v.conditions.Put(v1beta1.ConditionSecretSynced, true, v1beta1.ReasonSynced, message)
}

// used records the session that the data of an object is of.
func (v *visit) used(s Session) {
	*v.parts.client = v1beta1.VaultClientMeta{CacheKey: s.CacheKey(), ID: s.ClientID()}
}
