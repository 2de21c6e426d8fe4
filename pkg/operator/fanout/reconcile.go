package fanout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
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

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

// Manager is the field manager of the objects.
const Manager = "vaultk8s-fanout"

// retry is when a namespace is tried again whose object could not be made, less a
// part at random, so that many do not come at once.
const retry = 15 * time.Second

// Recorder writes events.
type Recorder interface {
	Event(object runtime.Object, eventType, reason, message string)
}

// reconciler looks after the ClusterVaultSecrets.
type reconciler struct {
	client client.Client
	live   client.Reader // not a cache
	events Recorder
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	c := &v1beta1.ClusterVaultSecret{}
	if err := r.client.Get(ctx, q.NamespacedName, c); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	children, err := r.children(ctx, c.Name)
	if err != nil {
		return reconcile.Result{}, err
	}
	if !c.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, r.finish(ctx, c, children)
	}
	if err := r.finalizer(ctx, c, controllerutil.AddFinalizer); err != nil {
		return reconcile.Result{}, err
	}
	before := c.DeepCopy()
	conditions := status.Edit(c.Status.Conditions, c.Generation, time.Now())
	again, err := r.distribute(ctx, c, children, conditions)
	if err != nil {
		return reconcile.Result{}, err
	}
	c.Status.Conditions, c.Status.ObservedGeneration = conditions.List(), c.Generation
	return reconcile.Result{RequeueAfter: again}, r.save(ctx, before, c)
}

// distribute does what is to be done, and returns when to look again; 0: when
// something changes.
func (r *reconciler) distribute(ctx context.Context, c *v1beta1.ClusterVaultSecret, children []child, conditions *status.Conditions) (time.Duration, error) {
	t, err := templateOf(c)
	var chosen []string
	if err == nil {
		var namespaces corev1.NamespaceList
		if err := r.client.List(ctx, &namespaces); err != nil {
			return 0, err
		}
		chosen, err = choose(c.Spec, namespaces.Items)
	}
	if err != nil {
		conditions.Put(v1beta1.ConditionDistributed, false, v1beta1.ReasonInvalidConfiguration, err.Error())
		conditions.Conclude(status.Outcome{State: status.Stuck, Reason: v1beta1.ReasonInvalidConfiguration, Message: err.Error()})
		return 0, nil
	}
	p := planFor(t, chosen, children, c.Status.ObservedGeneration != c.Generation)
	problems := r.applyAll(ctx, t, p.apply)
	lost := r.letGo(ctx, c, p.letGo)
	conclude(c, conditions, judge(t, chosen, children, problems), lost)
	if len(problems) == 0 && lost == nil {
		return 0, nil
	}
	return due.Horizon(retry, rand.Float64), nil
}

// applyAll makes the objects of some namespaces, and returns what went wrong where.
func (r *reconciler) applyAll(ctx context.Context, t template, namespaces []string) map[string]v1beta1.FailedNamespace {
	problems := map[string]v1beta1.FailedNamespace{}
	for _, namespace := range namespaces {
		if err := r.apply(ctx, t, namespace); err != nil {
			problems[namespace] = problemOf(namespace, err)
		}
	}
	return problems
}

// conclude writes down how the objects are.
func conclude(c *v1beta1.ClusterVaultSecret, conditions *status.Conditions, j judged, lost error) {
	c.Status.SelectedNamespaces, c.Status.ReadyNamespaces = j.ready+len(j.failed), j.ready
	c.Status.FailedNamespaces = j.failed[:min(maxFailed, len(j.failed))]
	o := status.Outcome{State: status.Done, Reason: v1beta1.ReasonDistributed, Message: fmt.Sprintf("%d namespaces have their object", j.ready)}
	switch {
	case len(j.failed) > 0:
		o = status.Outcome{State: status.Waiting, Reason: v1beta1.ReasonDistributionError, Message: j.summary()}
	case lost != nil:
		o = status.Outcome{State: status.Retrying, Reason: v1beta1.ReasonDistributionError, Message: lost.Error()}
	}
	conditions.Put(v1beta1.ConditionDistributed, o.State == status.Done, o.Reason, o.Message)
	conditions.Conclude(o)
}

// errForeign says that an object of the name is somebody else's.
var errForeign = errors.New("is not of this ClusterVaultSecret: delete it, or set objectName")

func problemOf(namespace string, err error) v1beta1.FailedNamespace {
	reason := v1beta1.ReasonK8sClientError
	switch {
	case errors.Is(err, errForeign):
		reason = reasonForeign
	case apierrors.IsInvalid(err):
		reason = v1beta1.ReasonInvalidConfiguration
	}
	return v1beta1.FailedNamespace{Namespace: namespace, Reason: reason, Message: err.Error()}
}

// apply makes the object of a namespace as the template has it. The cache may not
// have an object yet that is somebody else's, so that is asked of the API server.
func (r *reconciler) apply(ctx context.Context, t template, namespace string) error {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(v1beta1.Kind(t.kind))
	key := types.NamespacedName{Namespace: namespace, Name: t.name}
	err := r.live.Get(ctx, key, live)
	switch {
	case err != nil && !apierrors.IsNotFound(err):
		return err
	case err == nil && live.Labels[v1beta1.LabelClusterName] != t.labels[v1beta1.LabelClusterName]:
		return fmt.Errorf("%s %s %w", t.kind, key, errForeign)
	}
	options := []client.PatchOption{client.FieldOwner(Manager)}
	if err == nil {
		options = append(options, client.ForceOwnership)
	}
	return r.patch(ctx, t.kind, key, types.ApplyPatchType, t.document(namespace), options...)
}

// document is the object of a namespace as server-side apply wants it: nothing in it
// that is not ours.
func (t template) document(namespace string) map[string]any {
	metadata := map[string]any{"namespace": namespace, "name": t.name, "labels": t.labels}
	if len(t.annotations) > 0 {
		metadata["annotations"] = t.annotations
	}
	if t.owner != nil {
		metadata["ownerReferences"] = []metav1.OwnerReference{*t.owner}
	}
	return map[string]any{"apiVersion": v1beta1.GroupVersion().String(), "kind": t.kind, "metadata": metadata, "spec": t.spec}
}

func (r *reconciler) patch(ctx context.Context, kind string, key types.NamespacedName, how types.PatchType, document any, o ...client.PatchOption) error {
	body, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encode %s %s: %w", kind, key, err)
	}
	object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	object.SetGroupVersionKind(v1beta1.Kind(kind))
	if err := r.client.Patch(ctx, object, client.RawPatch(how, body), o...); err != nil {
		return fmt.Errorf("write %s %s: %w", kind, key, err)
	}
	return nil
}

// letGo deletes objects that are not wanted any more, or makes them nobody's.
func (r *reconciler) letGo(ctx context.Context, c *v1beta1.ClusterVaultSecret, children []child) error {
	var problems []error
	for _, child := range children {
		var err error
		if c.Spec.DeletionPolicy == v1beta1.DeletionRetain {
			err = r.patch(ctx, child.kind, child.name(), types.MergePatchType, map[string]any{"metadata": map[string]any{
				"labels": map[string]any{v1beta1.LabelClusterName: nil}, "ownerReferences": others(child.object.GetOwnerReferences()),
			}}, client.FieldOwner(Manager))
		} else {
			uid := child.object.GetUID()
			err = r.client.Delete(ctx, child.object, client.Preconditions{UID: &uid})
		}
		problems = append(problems, client.IgnoreNotFound(err))
	}
	return errors.Join(problems...)
}

// others are the owners of an object beside ClusterVaultSecrets.
func others(refs []metav1.OwnerReference) []metav1.OwnerReference {
	rest := []metav1.OwnerReference{}
	for _, ref := range refs {
		if ref.Kind != "ClusterVaultSecret" {
			rest = append(rest, ref)
		}
	}
	return rest
}

// finish ends a ClusterVaultSecret. What is to be deleted is deleted here as well as
// by the garbage collector, which may be told to orphan it.
func (r *reconciler) finish(ctx context.Context, c *v1beta1.ClusterVaultSecret, children []child) error {
	if err := r.letGo(ctx, c, children); err != nil {
		return err
	}
	return r.finalizer(ctx, c, controllerutil.RemoveFinalizer)
}

func (r *reconciler) finalizer(ctx context.Context, c *v1beta1.ClusterVaultSecret, change func(client.Object, string) bool) error {
	before := c.DeepCopy()
	if !change(c, v1beta1.FinalizerClusterVaultSecret) {
		return nil
	}
	err := r.client.Patch(ctx, c, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	return client.IgnoreNotFound(err)
}

// children returns the objects that carry the label of a ClusterVaultSecret.
func (r *reconciler) children(ctx context.Context, name string) ([]child, error) {
	var static v1beta1.VaultStaticSecretList
	var dynamic v1beta1.VaultDynamicSecretList
	var pki v1beta1.VaultPKISecretList
	var all []child
	for _, list := range []client.ObjectList{&static, &dynamic, &pki} {
		if err := r.client.List(ctx, list, client.MatchingLabels{v1beta1.LabelClusterName: name}); err != nil {
			return nil, fmt.Errorf("list the objects of ClusterVaultSecret %s: %w", name, err)
		}
	}
	for i := range static.Items {
		all = append(all, childOf(&static.Items[i]))
	}
	for i := range dynamic.Items {
		all = append(all, childOf(&dynamic.Items[i]))
	}
	for i := range pki.Items {
		all = append(all, childOf(&pki.Items[i]))
	}
	return all, nil
}

// save writes the status if it says anything new, and an event if that is whether
// all have their object.
func (r *reconciler) save(ctx context.Context, before, c *v1beta1.ClusterVaultSecret) error {
	if equality.Semantic.DeepEqual(before.Status, c.Status) {
		return nil
	}
	if err := r.client.Status().Patch(ctx, c, client.MergeFrom(before)); err != nil {
		return client.IgnoreNotFound(err)
	}
	was, _ := status.Edit(before.Status.Conditions, 0, time.Time{}).Get(v1beta1.ConditionDistributed)
	is, _ := status.Edit(c.Status.Conditions, 0, time.Time{}).Get(v1beta1.ConditionDistributed)
	if was.Status == is.Status && was.Reason == is.Reason {
		return nil
	}
	kind := corev1.EventTypeNormal
	if is.Status != metav1.ConditionTrue {
		kind = corev1.EventTypeWarning
	}
	r.events.Event(c, kind, is.Reason, is.Message)
	return nil
}
