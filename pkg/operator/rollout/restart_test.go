package rollout_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
)

const restartedAt = v1beta1.AnnotationRestartedAt

// The clock of a bubble starts at midnight of 2000-01-01; the first restart is a
// second later.
const second1 = "2000-01-01T00:00:01Z"

func annotations(key string) []string {
	return []string{"spec", "template", "metadata", "annotations", key}
}

func TestKinds(t *testing.T) {
	cases := map[string]struct {
		object  string
		target  v1beta1.RolloutRestartTarget
		policy  *v1beta1.RolloutRestartPolicy
		version string
		path    []string
		want    string
	}{
		"Deployment":  {object: deployment("a", ""), version: "apps/v1", path: annotations(restartedAt), want: second1},
		"StatefulSet": {object: manifest("apps/v1", "StatefulSet", "a", ""), version: "apps/v1", path: annotations(restartedAt), want: second1},
		"DaemonSet":   {object: manifest("apps/v1", "DaemonSet", "a", ""), version: "apps/v1", path: annotations(restartedAt), want: second1},
		"Argo": {
			object: manifest("argoproj.io/v1alpha1", "Rollout", "a", ""), target: v1beta1.RolloutRestartTarget{Kind: "argo.Rollout"},
			version: "argoproj.io/v1alpha1", path: []string{"spec", "restartAt"}, want: second1,
		},
		"ArgoHash": {
			object: manifest("argoproj.io/v1alpha1", "Rollout", "a", ""), target: v1beta1.RolloutRestartTarget{Kind: "argo.Rollout"},
			policy:  &v1beta1.RolloutRestartPolicy{Stamp: v1beta1.StampHash},
			version: "argoproj.io/v1alpha1", path: annotations(restartedAt), want: "hash-1",
		},
		"Annotation": {
			object: deployment("a", ""), policy: &v1beta1.RolloutRestartPolicy{Annotation: "kubectl.kubernetes.io/restartedAt"},
			version: "apps/v1", path: annotations("kubectl.kubernetes.io/restartedAt"), want: second1,
		},
		"Hash": {
			object: deployment("a", ""), policy: &v1beta1.RolloutRestartPolicy{Stamp: v1beta1.StampHash},
			version: "apps/v1", path: annotations(restartedAt), want: "hash-1",
		},
		"Other": {
			object: manifest("kafka.example.com/v1", "Connect", "a", ""), version: "kafka.example.com/v1",
			target: v1beta1.RolloutRestartTarget{Kind: "Connect", APIVersion: "kafka.example.com/v1", FieldPath: "spec.pods['example.com/at']"},
			path:   []string{"spec", "pods", "example.com/at"}, want: second1,
		},
		"FieldOfKnown": {
			object: deployment("a", ""), target: v1beta1.RolloutRestartTarget{FieldPath: "metadata.annotations['at']"},
			version: "apps/v1", path: []string{"metadata", "annotations", "at"}, want: second1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tc.object)
				kind := parse(t, tc.object).GetKind()
				if tc.target.Kind == "" {
					tc.target.Kind = kind
				}
				tc.target.Name = "a"
				q := rollout.Request{Targets: []v1beta1.RolloutRestartTarget{tc.target}, Policy: tc.policy, Hash: "hash-1", At: change()}
				if got, want := w.restart(q), `restarted `+tc.target.Kind+` "a"`; got != want {
					t.Fatalf("%s, want %s", got, want)
				}
				if got := w.at(kind, tc.version, "a", tc.path...); got != tc.want {
					t.Errorf("holds %q, want %q", got, tc.want)
				}
				if got := w.restart(q); got != "" || w.patches != 1 {
					t.Errorf("once more: %s, %d patches", got, w.patches)
				}
			})
		})
	}
}

// TestOnePerChange walks through changes of two objects with one target.
func TestOnePerChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, deployment("a", ""))
		q := func() rollout.Request {
			return rollout.Request{Targets: targets("Deployment", "a"), At: change()}
		}
		first := q()
		pass(100 * time.Millisecond)
		second := q()
		w.restart(first) // at 1 s
		if got := w.restart(second); got != "" {
			t.Errorf("a change of the same second that is older than the restart: %s", got)
		}
		pass(200 * time.Millisecond)
		third := q() // at 1.2 s, after the restart, in its second
		if got := w.restart(third); got == "" {
			t.Error("a change after the restart, in the same second, restarts nobody")
		}
		if got := w.at("Deployment", "apps/v1", "a", annotations(restartedAt)...); got != "2000-01-01T00:00:02Z" {
			t.Errorf("holds %s", got)
		}
		if w.patches != 2 {
			t.Errorf("%d patches, want 2", w.patches)
		}
	})
}

func TestClockBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, deployment("a", ""))
		at := change().Add(5 * time.Second)
		q := rollout.Request{Targets: targets("Deployment", "a"), At: at, Since: change()}
		w.restart(q)
		if took := time.Since(q.Since); took != time.Second {
			t.Errorf("waited %s, want a second at most", took)
		}
		if got := w.at("Deployment", "apps/v1", "a", annotations(restartedAt)...); got != "2000-01-01T00:00:06Z" {
			t.Errorf("holds %s, want the second after the change", got)
		}
	})
}

func TestDebounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, deployment("a", ""))
		policy := &v1beta1.RolloutRestartPolicy{Debounce: "30s"}
		one := rollout.Request{Targets: targets("Deployment", "a"), Policy: policy, At: change()}
		if got, want := w.restart(one), "pending: further changes are waited for; after 30s"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		pass(20 * time.Second)
		other := rollout.Request{Targets: targets("Deployment", "a"), Policy: policy, At: change()}
		again := one
		again.Since, again.At = one.At, change()
		if got, want := w.restart(again), "pending: further changes are waited for; after 10s"; got != want {
			t.Errorf("a further change: %s, want %s", got, want)
		}
		pass(10 * time.Second)
		if got, want := w.restart(again), `restarted Deployment "a"`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		pass(20 * time.Second)
		if got := w.restart(other); got != "" || w.patches != 1 {
			t.Errorf("the other object: %s, %d patches", got, w.patches)
		}
	})
}

func TestOnlyOnKeys(t *testing.T) {
	cases := map[string]struct {
		only, changed []string
		want          bool
	}{
		"Any":     {changed: []string{"a"}, want: true},
		"One":     {only: []string{"b", "a"}, changed: []string{"a"}, want: true},
		"None":    {only: []string{"b"}, changed: []string{"a"}},
		"Nothing": {only: []string{"b"}, changed: []string{}},
		"Unknown": {only: []string{"b"}, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, deployment("a", ""))
				policy := &v1beta1.RolloutRestartPolicy{OnlyOnKeys: tc.only}
				if got := rollout.Wanted(policy, tc.changed); got != tc.want {
					t.Errorf("wanted: %t", got)
				}
				w.restart(rollout.Request{Targets: targets("Deployment", "a"), Policy: policy, Changed: tc.changed, At: change()})
				if (w.patches == 1) != tc.want {
					t.Errorf("%d patches", w.patches)
				}
			})
		})
	}
}

func TestPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, deployment("a", "spec: {paused: true}"), deployment("b", ""))
		q := rollout.Request{Targets: targets("Deployment", "a", "Deployment", "b"), At: change()}
		const pending = `pending: restart Deployment "a": it is paused`
		if got, want := w.restart(q), `restarted Deployment "b"; `+pending+"; after 4.5s"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		pass(time.Minute)
		if got, want := w.restart(q), pending+"; after 54.9s"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		pass(time.Hour)
		if got, want := w.restart(q), pending+"; after 4m30s"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		a := w.object("Deployment", "apps/v1", "a")
		unstructured.RemoveNestedField(a.Object, "spec", "paused")
		if err := w.client.Update(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if got, want := w.restart(q), `restarted Deployment "a"`; got != want {
			t.Errorf("resumed: %s, want %s", got, want)
		}
	})
}

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, deployment("a", ""), deployment("b", ""), manifest("argoproj.io/v1alpha1", "Rollout", "c", "spec: {restartAt: {}}"), deployment("d", ""))
		w.fail["get a"], w.fail["patch b"] = errBroken, errBroken
		all := targets("Deployment", "a", "Deployment", "b", "argo.Rollout", "c", "Deployment", "missing", "Deployment", "d", "Deployment", "", "Job", "x")
		all = append(all,
			v1beta1.RolloutRestartTarget{Kind: "Deployment", Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Nope"}}}},
			v1beta1.RolloutRestartTarget{Kind: "Secret", Name: "x", APIVersion: "v1", FieldPath: "data.password"},
			v1beta1.RolloutRestartTarget{Kind: "VaultAuth", Name: "x", APIVersion: "secrets.hashicorp.com/v1beta1", FieldPath: "spec.mount"},
			v1beta1.RolloutRestartTarget{Kind: "X", Name: "x", APIVersion: "a/b/c", FieldPath: "spec"},
			v1beta1.RolloutRestartTarget{Kind: "X", Name: "x", APIVersion: "a/b", FieldPath: "spec..at"},
		)
		got := w.restart(rollout.Request{Targets: all, At: change()})
		want := `restarted Deployment "d"; error: restart Deployment "a": read it: the server is broken
restart Deployment "b": patch it: the server is broken
restart argo.Rollout "c": the field spec.restartAt holds no text and cannot be set to one
restart Deployment "missing": it does not exist
restart: a target needs a name or a selector
restart: kind "Job": other kinds than Deployment, DaemonSet, StatefulSet, CronJob and argo.Rollout need apiVersion and fieldPath
restart: kind "Deployment": read selector: "Nope" is not a valid label selector operator
restart: kind "Secret" of v1 is no workload
restart: kind "VaultAuth" of secrets.hashicorp.com/v1beta1 is no workload
restart: kind "X": apiVersion "a/b/c" is not GROUP/VERSION
restart: fieldPath "spec..at": a name of letters, digits, '-' and '_' is expected between the dots; after 4.5s`
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestSelector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, deployment("a", ""), deployment("b", ""), manifest("apps/v1", "StatefulSet", "a", ""))
		of := func(name string, labels map[string]string) string {
			target := v1beta1.RolloutRestartTarget{Kind: "Deployment", Name: name, Selector: &metav1.LabelSelector{MatchLabels: labels}}
			return w.restart(rollout.Request{Targets: []v1beta1.RolloutRestartTarget{target}, At: change()})
		}
		for _, c := range []struct{ got, want string }{
			{of("", map[string]string{"app": "a"}), `restarted Deployment "a"`},
			{of("", nil), `restarted Deployment "a", Deployment "b"`},
			{of("b", nil), `restarted Deployment "b"`},
			{of("b", map[string]string{"app": "a"}), ""},
			{of("", map[string]string{"app": "none"}), ""},
		} {
			if c.got != c.want {
				t.Errorf("%s, want %s", c.got, c.want)
			}
		}
	})
}

// TestConflict has somebody else restart the workload between read and patch.
func TestConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, deployment("a", ""))
		q := rollout.Request{Targets: targets("Deployment", "a"), At: change()}
		w.meddle = func(w *world) { w.restart(q) }
		if got := w.restart(q); got != "" {
			t.Errorf("%s, want nothing: the other one has restarted it", got)
		}
		conflict := apierrors.NewConflict(schema.GroupResource{Resource: "deployments"}, "a", errBroken)
		w.fail["patch a"] = conflict
		pass(2 * time.Second)
		q.At, w.patches = change(), 0
		if got, want := w.restart(q), `error: restart Deployment "a": patch it: `+conflict.Error()+"; after 4.5s"; got != want || w.patches != 5 {
			t.Errorf("%s, want %s; %d patches, want 5", got, want, w.patches)
		}
	})
}

func cron(name, more string) string {
	return manifest("batch/v1", "CronJob", name, "spec:\n  jobTemplate: {metadata: {labels: {x: z}}, spec: {template: {spec: {restartPolicy: Never}}}}\n"+more)
}

func TestCronJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cron("night", ""), cron("sleeping", "  suspend: true"), cron("one", "  concurrencyPolicy: Forbid\nstatus: {active: [{name: one-1}]}"))
		q := rollout.Request{Targets: targets("CronJob", "night", "CronJob", "sleeping", "CronJob", "one"), At: change()}
		const want = `restarted CronJob "night"; pending: restart CronJob "one": its Job is still running, and its concurrencyPolicy is Forbid; after 4.5s`
		if got := w.restart(q); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		w.restart(q)
		jobs := &unstructured.UnstructuredList{}
		jobs.SetGroupVersionKind(schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "JobList"})
		if err := w.client.List(t.Context(), jobs, client.InNamespace("shop")); err != nil {
			t.Fatal(err)
		}
		if len(jobs.Items) != 1 {
			t.Fatalf("%d Jobs, want 1", len(jobs.Items))
		}
		job := jobs.Items[0]
		controller := true
		if diff := cmp.Diff([]metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "CronJob", Name: "night", UID: "uid-night", Controller: &controller}}, job.GetOwnerReferences()); diff != "" {
			t.Errorf("owner (-want +got):\n%s", diff)
		}
		if job.GetLabels()["x"] != "z" || job.GetAnnotations()["cronjob.kubernetes.io/instantiate"] != "manual" {
			t.Errorf("metadata %v", job.Object["metadata"])
		}
	})
}

// TestCronJobAgain loses the answer of the patch: no second Job is made.
func TestCronJobAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cron("night", ""))
		q := rollout.Request{Targets: targets("CronJob", "night"), At: change()}
		w.fail["patch night"] = errBroken
		w.restart(q)
		delete(w.fail, "patch night")
		w.fail["create"] = apierrors.NewAlreadyExists(schema.GroupResource{Resource: "jobs"}, "x")
		if got, want := w.restart(q), `restarted CronJob "night"`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
