package e2e_test

import (
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// TestOperatorRollout restarts every kind of workload that a cluster has by itself,
// one that is paused when it is resumed, and one of a kind that nobody knows.
func TestOperatorRollout(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	for _, kind := range []string{"Deployment", "DaemonSet", "ReplicaSet"} {
		r.workload(kind, "app", "")
	}
	r.workload("StatefulSet", "app", "serviceName: app")
	r.workload("Deployment", "paused", "paused: true")
	r.apply(`
apiVersion: batch/v1
kind: CronJob
metadata: {name: night, namespace: SPACE}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate:
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: a, image: example.com/a}]}
`)
	r.grant("Role", r.space, []rbacv1.PolicyRule{{APIGroups: []string{"apps"}, Resources: []string{"replicasets"}, Verbs: []string{"get", "patch"}}})
	r.operator()
	r.vss("app", "NAME/app", "refreshAfter: 1s\nrolloutRestartTargets: ["+
		"{kind: Deployment, name: app}, {kind: DaemonSet, selector: {}}, {kind: StatefulSet, name: app}, {kind: Deployment, name: paused}, "+
		"{kind: CronJob, name: night}, {kind: ReplicaSet, name: app, apiVersion: apps/v1, fieldPath: \"metadata.annotations['example.com/at']\"}]")
	r.awaitReady("VaultStaticSecret", "app")
	r.put("app", canary+"-2")
	for _, kind := range []string{"Deployment", "DaemonSet", "StatefulSet"} {
		r.awaitStamp(kind, "app", "")
	}
	await(t, func() error {
		if r.anyObject("apps/v1", "ReplicaSet", "app").GetAnnotations()["example.com/at"] == "" {
			return fmt.Errorf("the ReplicaSet has no stamp")
		}
		var jobs batchv1.JobList
		if err := r.client.List(t.Context(), &jobs, client.InNamespace(r.space)); err != nil || len(jobs.Items) != 1 {
			return fmt.Errorf("%d Jobs, error %w", len(jobs.Items), err)
		}
		return nil
	})
	c := r.awaitCondition("VaultStaticSecret", "app", v1beta1.ConditionRolloutRestart, metav1.ConditionFalse)
	if c.Reason != "RolloutPending" || c.Message != `restart Deployment "paused": it is paused` {
		t.Errorf("condition %+v", c)
	}
	stamps := []string{r.stamp("Deployment", "app"), r.stamp("StatefulSet", "app")}
	resumed := r.anyObject("apps/v1", "Deployment", "paused")
	before := resumed.DeepCopy()
	unstructured.RemoveNestedField(resumed.Object, "spec", "paused")
	must(t, r.client.Patch(t.Context(), resumed, client.MergeFrom(before)))
	r.awaitStamp("Deployment", "paused", "")
	r.awaitCondition("VaultStaticSecret", "app", v1beta1.ConditionRolloutRestart, metav1.ConditionTrue)
	if stamps[0] != r.stamp("Deployment", "app") || stamps[1] != r.stamp("StatefulSet", "app") {
		t.Error("what was restarted is restarted once more for what was paused")
	}
}
