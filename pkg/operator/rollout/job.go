package rollout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

const cronJob = v1beta1.TargetCronJob

// hinderedJob tells why no Job is made of a CronJob. A suspended one runs nothing
// that could have old data; its next Job reads the new.
func hinderedJob(object *unstructured.Unstructured) error {
	if suspended, _, _ := unstructured.NestedBool(object.Object, "spec", "suspend"); suspended {
		return errServed
	}
	policy, _, _ := unstructured.NestedString(object.Object, "spec", "concurrencyPolicy")
	active, _, _ := unstructured.NestedSlice(object.Object, "status", "active")
	if policy == "Forbid" && len(active) > 0 {
		return pendingError("its Job is still running, and its concurrencyPolicy is Forbid")
	}
	return nil
}

// createJob makes a Job of a CronJob, as if a person did it. Its name is made of the
// change, so that a second attempt finds the Job of the first.
func (r *Restarter) createJob(ctx context.Context, q *Request, from *unstructured.Unstructured) error {
	template := []string{"spec", "jobTemplate"}
	spec, _, _ := unstructured.NestedMap(from.Object, append(template, "spec")...)
	labels, _, _ := unstructured.NestedStringMap(from.Object, append(template, "metadata", "labels")...)
	annotations, _, _ := unstructured.NestedStringMap(from.Object, append(template, "metadata", "annotations")...)
	annotations = maps.Clone(annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations["cronjob.kubernetes.io/instantiate"] = "manual"

	controller := true
	job := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "batch/v1", "kind": "Job", "spec": spec}}
	job.SetNamespace(q.Namespace)
	job.SetName(jobName(q, from))
	job.SetLabels(labels)
	job.SetAnnotations(annotations)
	job.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: "batch/v1", Kind: cronJob, Name: from.GetName(), UID: from.GetUID(), Controller: &controller,
	}})
	if err := r.cluster.Create(ctx, job, client.FieldOwner(FieldManager)); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make a Job of it: %w", err)
	}
	return nil
}

// jobName fits into the 63 characters of a name: 52 of the CronJob's, a dash and 10.
func jobName(q *Request, from *unstructured.Unstructured) string {
	change := q.At.UTC().Format(time.RFC3339)
	if q.hashed() {
		change = q.Hash
	}
	sum := sha256.Sum256([]byte(string(from.GetUID()) + "/" + change))
	name := from.GetName()
	return name[:min(len(name), 52)] + "-" + hex.EncodeToString(sum[:5])
}

// replacedJobs tells whether no Job of a CronJob is left that began before the
// change.
func (r *Restarter) replacedJobs(ctx context.Context, q *Request, from *unstructured.Unstructured) (bool, error) {
	active, _, _ := unstructured.NestedSlice(from.Object, "status", "active")
	for _, ref := range active {
		fields, _ := ref.(map[string]any)
		name, _, _ := unstructured.NestedString(fields, "name")
		job := &metav1.PartialObjectMetadata{}
		job.SetGroupVersionKind(from.GroupVersionKind().GroupVersion().WithKind("Job"))
		err := r.live.Get(ctx, client.ObjectKey{Namespace: q.Namespace, Name: name}, job)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("read Job %q: %w", name, err)
		}
		if !job.CreationTimestamp.After(q.At.Truncate(time.Second)) {
			return false, nil
		}
	}
	return true, nil
}
