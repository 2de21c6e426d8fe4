package destination

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
)

const (
	// attempts bound what is tried while others write the same Secret: with the
	// pauses between them 30+60+120+240 = 450 ms at most.
	attempts = 5
	// restoreTimeout bounds the attempt to bring back a Secret whose successor the
	// API server refuses.
	restoreTimeout = 10 * time.Second
)

// Apply makes the Secret as it is wanted, starting from what Look found. Nothing is
// sent when nothing would change. When somebody else writes at the same moment, it
// looks and tries again, a few times. The error is ErrMissing, ErrForeign or
// ErrInvalid where a person has to help, and never holds a value.
func (w *Writer) Apply(ctx context.Context, f *Found, d Data) (Written, error) {
	want := f.wanted(d)
	if err := f.check(want); err != nil {
		return Written{}, err
	}
	defer w.ledger.begin(f.key())()
	return w.persist(ctx, f, want)
}

// persist tries until nobody else writes at the same moment.
func (w *Writer) persist(ctx context.Context, f *Found, want *corev1.Secret) (Written, error) {
	pauses := lease.Backoff{Initial: 30 * time.Millisecond, Max: time.Second, Multiplier: 2, Jitter: 0.5}
	for attempt := 1; ; attempt++ {
		written, err := w.try(ctx, f, want.DeepCopy())
		if err == nil || !contended(err) || attempt == attempts {
			return written, err
		}
		if !pause.For(ctx, pauses.Wait(attempt-1, rand.Float64)) {
			return Written{}, ctx.Err()
		}
		if err := w.again(ctx, f); err != nil {
			return Written{}, err
		}
	}
}

// again looks anew after somebody else has written.
func (w *Writer) again(ctx context.Context, f *Found) error {
	if err := w.read(ctx, f); err != nil {
		return err
	}
	return f.permitted()
}

// contended tells whether somebody else was faster.
func contended(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err)
}

// try does the step that is needed now.
func (w *Writer) try(ctx context.Context, f *Found, want *corev1.Secret) (Written, error) {
	d, err := f.decide(want)
	if err != nil {
		return Written{}, err
	}
	switch d.step {
	case stepCreate:
		return w.create(ctx, f, want, Written{Changed: true, Created: true})
	case stepRecreate:
		return w.recreate(ctx, f, want)
	case stepApply:
		return w.change(ctx, f, want, d.strip)
	default:
		return Written{Version: f.live.ResourceVersion}, nil
	}
}

func (w *Writer) create(ctx context.Context, f *Found, want *corev1.Secret, written Written) (Written, error) {
	if err := w.client.Create(ctx, want, client.FieldOwner(Manager)); err != nil {
		return Written{}, refused(fmt.Sprintf("create secret %s", f.key()), err)
	}
	w.ledger.know(f.key(), f.owner, want)
	written.Version = want.ResourceVersion
	return written, nil
}

// recreate deletes the Secret and makes it anew at once. If that fails, the old one
// is brought back: an old Secret is better than none.
func (w *Writer) recreate(ctx context.Context, f *Found, want *corev1.Secret) (Written, error) {
	if err := w.remove(ctx, f.live); err != nil {
		return Written{}, err
	}
	w.ledger.know(f.key(), f.owner, nil)
	written, err := w.create(ctx, f, want, Written{Changed: true, Recreated: true})
	if err == nil || apierrors.IsAlreadyExists(err) {
		return written, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTimeout)
	defer cancel()
	if lost := w.client.Create(ctx, former(f.live), client.FieldOwner(Manager)); lost != nil {
		return written, fmt.Errorf("%w; and the Secret that was there could not be brought back: %w", err, refused("create it", lost))
	}
	return written, err
}

// former is a Secret as it was, without what the API server had put in.
func former(s *corev1.Secret) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name, Labels: s.Labels, Annotations: s.Annotations, OwnerReferences: s.OwnerReferences},
		Type:       s.Type, Data: s.Data, Immutable: s.Immutable,
	}
}

// remove deletes exactly the Secret that was looked at.
func (w *Writer) remove(ctx context.Context, s *corev1.Secret) error {
	err := w.client.Delete(ctx, s.DeepCopy(), client.Preconditions{UID: &s.UID, ResourceVersion: &s.ResourceVersion})
	if err != nil {
		return fmt.Errorf("delete secret %s: %w", client.ObjectKeyFromObject(s), err)
	}
	return nil
}

// change applies fields to the Secret that was looked at, and removes what that
// leaves. One that is to be taken over must be of that version still; for one that
// is the object's already it does not matter what others have just written.
func (w *Writer) change(ctx context.Context, f *Found, want *corev1.Secret, strip map[string]any) (Written, error) {
	want.UID = f.live.UID
	if f.want.Create && !f.owned() {
		want.ResourceVersion = f.live.ResourceVersion
	}
	s, err := w.patch(ctx, f, types.ApplyPatchType, want, client.ForceOwnership)
	if err != nil {
		return Written{}, err
	}
	if len(strip) > 0 {
		// Server-side apply has made a version of its own.
		if metadata, ok := strip["metadata"].(map[string]any); ok && metadata["resourceVersion"] != nil {
			metadata["resourceVersion"] = s.ResourceVersion
		}
		if s, err = w.patch(ctx, f, types.MergePatchType, strip); err != nil {
			return Written{}, err
		}
	}
	return Written{Changed: s.ResourceVersion != f.live.ResourceVersion, Version: s.ResourceVersion}, nil
}

// patch sends a patch, and takes down what the Secret is after it.
func (w *Writer) patch(ctx context.Context, f *Found, kind types.PatchType, content any, o ...client.PatchOption) (*corev1.Secret, error) {
	body, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("write secret %s: it cannot be encoded", f.key())
	}
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: f.key().Namespace, Name: f.key().Name}}
	if err := w.client.Patch(ctx, s, client.RawPatch(kind, body), append(o, client.FieldOwner(Manager))...); err != nil {
		return nil, refused(fmt.Sprintf("write secret %s", f.key()), err)
	}
	w.ledger.know(f.key(), f.owner, s)
	return s, nil
}
