package injector

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func TestUninjectLeavesOthersAlone(t *testing.T) {
	if out, err := Uninject(nil); out != nil || err != nil {
		t.Errorf("got %v, %v", out, err)
	}
	pod := podWith(map[string]string{StatusKey: "update"})
	if out, err := Uninject(pod); out != pod || err != nil {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestUninjectRefusesABrokenAnnotation(t *testing.T) {
	pod := podWith(map[string]string{StatusKey: statusInjected, undoKey: "{"})
	out, err := Uninject(pod)
	if out != pod || err == nil || err.Error() != "vaultk8s.io/injected cannot be read: unexpected end of JSON input" {
		t.Errorf("got %v", err)
	}
}

// A pod that the old injector made is one that this package can take apart.
func TestUninjectThePodOfTheOldInjector(t *testing.T) {
	text, err := os.ReadFile("testdata/old-injected.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict(text, &pod); err != nil {
		t.Fatal(err)
	}
	out, err := Uninject(&pod)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(out.Spec.Containers) + len(out.Spec.InitContainers); n != 2 {
		t.Errorf("%d containers are left", n)
	}
	for _, v := range out.Spec.Volumes {
		if v.Name != "kube-api-access-x" && v.Name != "vault-secrets-custom-ers" {
			t.Errorf("volume %q is left", v.Name)
		}
	}
	for _, c := range append(out.Spec.Containers, out.Spec.InitContainers...) {
		if len(c.VolumeMounts) != 1 {
			t.Errorf("container %q mounts %v", c.Name, c.VolumeMounts)
		}
	}
	if _, ok := out.Annotations[StatusKey]; ok {
		t.Error("the status annotation is left")
	}
	if _, report := Inject(out, testOptions()); report.Reason != Injected {
		t.Errorf("it cannot be injected again: %v", report.Err)
	}
}

func TestWorkloads(t *testing.T) {
	pod := podWith(map[string]string{Prefix + "agent-inject-secret-db": "database/creds/app"})
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Annotations: pod.Annotations}, Spec: pod.Spec}
	meta := metav1.ObjectMeta{Name: "web", Namespace: "shop"}
	cases := map[string]struct {
		object any
		want   Injection
	}{
		"Deployment":            {&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: template}}, InitAndSidecar},
		"StatefulSet":           {&appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Template: template}}, InitAndSidecar},
		"DaemonSet":             {&appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Template: template}}, InitAndSidecar},
		"ReplicaSet":            {&appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Template: template}}, InitAndSidecar},
		"ReplicationController": {&corev1.ReplicationController{ObjectMeta: meta, Spec: corev1.ReplicationControllerSpec{Template: &template}}, InitAndSidecar},
		"PodTemplate":           {&corev1.PodTemplate{ObjectMeta: meta, Template: template}, InitAndSidecar},
		"Pod":                   {pod, InitAndSidecar},
		"Job":                   {&batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Template: template}}, NativeSidecar},
		"CronJob": {&batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{
			JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}},
		}}, NativeSidecar},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { workloadGoesThereAndBack(t, tc.object, tc.want) })
	}
}

func workloadGoesThereAndBack(t *testing.T, object any, want Injection) {
	t.Helper()
	o := testOptions()
	o.NativeSidecars = true
	out, report, err := InjectWorkload(object, o)
	if err != nil || report.Err != nil {
		t.Fatal(err, report.Err)
	}
	if report.Injection != want {
		t.Errorf("got %s, want %s", report.Injection, want)
	}
	if equality.Semantic.DeepEqual(object, out) {
		t.Error("nothing was changed")
	}
	again, second, err := InjectWorkload(out, o)
	if err != nil || second.Reason != AlreadyInjected || again != out {
		t.Errorf("again: %s, %v", second.Reason, err)
	}
	back, err := UninjectWorkload(out)
	if err != nil {
		t.Fatal(err)
	}
	if !equality.Semantic.DeepEqual(object, back) {
		t.Errorf("not taken back (-want +got):\n%s", cmp.Diff(object, back))
	}
}

func TestWorkloadsThatAreNone(t *testing.T) {
	for name, tc := range map[string]struct {
		object any
		want   string
	}{
		"ConfigMap":     {&corev1.ConfigMap{}, "*v1.ConfigMap makes no pods"},
		"nil":           {nil, "<nil> makes no pods"},
		"no template":   {&corev1.ReplicationController{}, "*v1.ReplicationController makes no pods"},
		"not a pointer": {corev1.Pod{}, "v1.Pod makes no pods"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := InjectWorkload(tc.object, testOptions()); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			if _, err := UninjectWorkload(tc.object); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestARefusedWorkloadStaysAsItIs(t *testing.T) {
	pod := podWith(map[string]string{Prefix + "role": ""})
	d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}}}
	out, report, err := InjectWorkload(d, testOptions())
	if err != nil || out != any(d) || !report.Denied() {
		t.Errorf("got %v, %+v", err, report)
	}
}
