package destination

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Release does what the deletion policy says, at the deletion of an object. A
// Secret that the garbage collector deletes is left to it; one that the object has
// not made stays as it is.
func (w *Writer) Release(ctx context.Context, object client.Object, d v1beta1.Destination) error {
	o, err := w.ownerOf(object)
	if err != nil {
		return err
	}
	defer w.ledger.forget(o.ref.UID)
	if !d.Create || Collected(d) {
		return nil
	}
	return w.letGo(ctx, o, d)
}

// Forget lets go of what is known of the Secrets of an object that is gone.
func (w *Writer) Forget(uid types.UID) { w.ledger.forget(uid) }

// Prune lets go of the Secrets that an object has made under other names than its
// destination has now, as the deletion policy says. All that fails is in one error.
func (w *Writer) Prune(ctx context.Context, object client.Object, d v1beta1.Destination) error {
	o, err := w.ownerOf(object)
	if err != nil {
		return err
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	err = w.client.List(ctx, list, client.InNamespace(o.name.Namespace), client.MatchingLabels{v1beta1.LabelOwnerUID: string(o.ref.UID)})
	if err != nil {
		return fmt.Errorf("list the Secrets of %s: %w", o, err)
	}
	var problems []error
	for _, item := range list.Items {
		if item.Name == d.Name {
			continue
		}
		old := d
		old.Name, old.Create = item.Name, true
		problems = append(problems, w.letGo(ctx, o, old))
	}
	return errors.Join(problems...)
}

// letGo ends what an object has to do with a Secret, if that is its own.
func (w *Writer) letGo(ctx context.Context, o owner, d v1beta1.Destination) error {
	f := &Found{want: d, owner: o}
	err := w.read(ctx, f)
	if err != nil || f.live == nil || !f.owned() {
		return err
	}
	switch {
	case d.DeletionPolicy == v1beta1.DeletionRetain:
		err = w.unmark(ctx, f)
	case f.merges() && len(f.Data(nil)) < len(f.live.Data):
		err = w.withdraw(ctx, f)
	default:
		if err = w.remove(ctx, f.live); err == nil {
			w.ledger.know(f.key(), o, nil)
		}
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// withdraw removes what the object has written, and leaves the rest.
func (w *Writer) withdraw(ctx context.Context, f *Found) error {
	nothing := &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: f.key().Namespace, Name: f.key().Name},
	}
	_, err := w.change(ctx, f, nothing, f.strip(nothing))
	return err
}

// unmark takes the labels and owners off that make a Secret the object's.
func (w *Writer) unmark(ctx context.Context, f *Found) error {
	gone := map[string]any{v1beta1.LabelOwnerUID: nil}
	for key := range maps.Keys(ownerLabels()) {
		gone[key] = nil
	}
	_, err := w.patch(ctx, f, types.MergePatchType, map[string]any{"metadata": map[string]any{
		"resourceVersion": f.live.ResourceVersion, "labels": gone, "ownerReferences": nil,
	}})
	return err
}
