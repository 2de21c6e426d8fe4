package destination

import (
	"context"
	"fmt"
	"io"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Manager is the field manager of all that is written.
const Manager = "vaultk8s-operator"

// Writer writes Secrets. It may be used by several goroutines at once, by one at a
// time for one object.
type Writer struct {
	client client.Client
	live   client.Reader
	ledger *ledger
}

// New makes a Writer. The client writes, and lists the metadata of Secrets, which
// may come from a cache; live reads Secrets whole, and is never a cache.
func New(c client.Client, live client.Reader) *Writer {
	return &Writer{client: c, live: live, ledger: newLedger()}
}

// Data is what a Secret is to hold. It does not print itself.
type Data struct {
	Values      map[string][]byte
	Labels      map[string]string // of templates; they win over those of the destination
	Annotations map[string]string // likewise
}

// Format implements fmt.Formatter, so that no verb prints a value.
func (d Data) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, sensitive.Redacted) }

// Written is what Apply has done.
type Written struct {
	Changed   bool   // something was written
	Created   bool   // the Secret was not there
	Recreated bool   // it was deleted and made anew
	Version   string // resource version of the Secret, as it is now
}

// Found is a destination as it was at a look. It does not print itself.
type Found struct {
	want   v1beta1.Destination
	owner  owner
	live   *corev1.Secret // nil: there is none
	fields fields         // who has written what of it
}

// owner is the object whose destination it is.
type owner struct {
	ref  metav1.OwnerReference
	name types.NamespacedName
}

func (o owner) String() string { return o.ref.Kind + " " + o.name.String() }

// Look reads the destination of an object from the API server. It is ErrForeign
// when the object is to make the Secret and may not touch the one that is there,
// and ErrInvalid when the destination contradicts itself.
func (w *Writer) Look(ctx context.Context, object client.Object, d v1beta1.Destination) (*Found, error) {
	return w.begin(ctx, object, d, w.read)
}

// begin checks the destination itself, and has it filled in what there is.
func (w *Writer) begin(ctx context.Context, object client.Object, d v1beta1.Destination, fill func(context.Context, *Found) error) (*Found, error) {
	o, err := w.ownerOf(object)
	if err != nil {
		return nil, err
	}
	if d.Immutable && d.Create && policy(d) == v1beta1.DestinationMerge {
		return nil, fail(ErrInvalid, "destination: immutable cannot be combined with mergePolicy merge")
	}
	f := &Found{want: d, owner: o}
	if err := fill(ctx, f); err != nil {
		return nil, err
	}
	return f, f.permitted()
}

// Expect is Look for an object that was never synced, whose Secret can hardly be
// there: the API server is asked only where the metadata of a Secret says otherwise.
// Should there be one that the operator does not know, Apply finds it, and judges it
// as Look would have.
func (w *Writer) Expect(ctx context.Context, object client.Object, d v1beta1.Destination) (*Found, error) {
	if !d.Create {
		return w.Look(ctx, object, d)
	}
	_, err := w.known(ctx, types.NamespacedName{Namespace: object.GetNamespace(), Name: d.Name})
	if !apierrors.IsNotFound(err) {
		return w.Look(ctx, object, d)
	}
	return w.begin(ctx, object, d, w.expect)
}

// Unchanged tells, without asking the API server, that a Secret is of that version
// still. Where that is not so any more and no news have come of it, they will.
func (w *Writer) Unchanged(ctx context.Context, secret types.NamespacedName, version string) bool {
	if version == "" {
		return false
	}
	known, err := w.known(ctx, secret)
	return err == nil && known.ResourceVersion == version
}

// known is what the client knows of a Secret, which may come from a cache.
func (w *Writer) known(ctx context.Context, secret types.NamespacedName) (*metav1.PartialObjectMetadata, error) {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return m, w.client.Get(ctx, secret, m)
}

// expect finds nothing.
func (w *Writer) expect(_ context.Context, f *Found) error {
	w.ledger.know(f.key(), f.owner, nil)
	return nil
}

// read fills in what there is.
func (w *Writer) read(ctx context.Context, f *Found) error {
	live := &corev1.Secret{}
	err := w.live.Get(ctx, f.key(), live)
	if apierrors.IsNotFound(err) {
		f.live, f.fields = nil, fields{}
		w.ledger.know(f.key(), f.owner, nil)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read secret %s: %w", f.key(), err)
	}
	f.live, f.fields = live, parseFields(live.ManagedFields)
	w.ledger.know(f.key(), f.owner, live)
	return nil
}

func (w *Writer) ownerOf(object client.Object) (owner, error) {
	gvk, err := w.client.GroupVersionKindFor(object)
	if err != nil {
		return owner{}, fmt.Errorf("tell the kind of %s: %w", client.ObjectKeyFromObject(object), err)
	}
	return owner{
		ref:  metav1.OwnerReference{APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Name: object.GetName(), UID: object.GetUID()},
		name: client.ObjectKeyFromObject(object),
	}, nil
}

func (f *Found) key() types.NamespacedName {
	return types.NamespacedName{Namespace: f.owner.name.Namespace, Name: f.want.Name}
}

// Format implements fmt.Formatter, so that no verb prints a value.
func (f *Found) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, sensitive.Redacted) }

// Exists tells whether there is a Secret.
func (f *Found) Exists() bool { return f.live != nil }

// Version is the resource version of the Secret; "" where there is none.
func (f *Found) Version() string {
	if f.live == nil {
		return ""
	}
	return f.live.ResourceVersion
}

// Data returns the part of the Secret that is to be compared with fresh data: with
// mergePolicy replace all of it, with merge the keys of the fresh data and those
// that the object has written before. It is nil where there is no Secret, and
// otherwise not. Without fresh data it is what the object has written.
func (f *Found) Data(fresh map[string][]byte) map[string][]byte {
	if f.live == nil {
		return nil
	}
	out := maps.Clone(f.live.Data)
	if out == nil {
		out = map[string][]byte{}
	}
	if policy(f.want) == v1beta1.DestinationReplace {
		return out
	}
	maps.DeleteFunc(out, func(key string, _ []byte) bool {
		_, wanted := fresh[key]
		return !wanted && !f.fields.ours(partData, key)
	})
	return out
}

// policy is the merge policy that counts. A Secret that the object has not made
// may hold what others need, so its keys are merged.
func policy(d v1beta1.Destination) v1beta1.DestinationMergePolicy {
	switch {
	case d.MergePolicy != "":
		return d.MergePolicy
	case d.Create:
		return v1beta1.DestinationReplace
	default:
		return v1beta1.DestinationMerge
	}
}
