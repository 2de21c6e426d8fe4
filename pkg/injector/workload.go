package injector

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NotAWorkload is the error of an object that makes no pods.
type NotAWorkload struct{ Kind string }

// Error implements error.
func (e *NotAWorkload) Error() string { return fmt.Sprintf("%s makes no pods", e.Kind) }

// InjectWorkload injects the pod template of a Deployment, StatefulSet,
// DaemonSet, ReplicaSet, ReplicationController, Job, CronJob or PodTemplate, or a
// Pod, as the webhook would inject the pods that it makes. It returns a copy of
// the same type, or the very object where nothing is injected. Another type is a
// [NotAWorkload].
func InjectWorkload(object any, o Options) (any, Report, error) {
	return changeTemplate(object, func(pod *corev1.Pod, kind string) (*corev1.Pod, Report, error) {
		if o.OwnerKind == "" {
			o.OwnerKind = kind
		}
		out, report := Inject(pod, o)
		return out, report, nil
	})
}

// UninjectWorkload takes back what InjectWorkload did.
func UninjectWorkload(object any) (any, error) {
	out, _, err := changeTemplate(object, func(pod *corev1.Pod, _ string) (*corev1.Pod, Report, error) {
		out, err := Uninject(pod)
		return out, Report{}, err
	})
	return out, err
}

type change func(pod *corev1.Pod, kind string) (*corev1.Pod, Report, error)

func changeTemplate(object any, f change) (any, Report, error) {
	if pod, ok := object.(*corev1.Pod); ok {
		return f(pod, "")
	}
	out, kind, meta, template := workload(object)
	if template == nil {
		return object, Report{}, &NotAWorkload{Kind: fmt.Sprintf("%T", object)}
	}
	pod := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: template.Spec}
	if pod.Namespace == "" {
		pod.Namespace = meta.Namespace
	}
	changed, report, err := f(pod, kind)
	if err != nil || changed == pod {
		return object, report, err
	}
	namespace := template.Namespace
	template.ObjectMeta, template.Spec = changed.ObjectMeta, changed.Spec
	template.Namespace = namespace
	return out, report, nil
}

// workload returns a copy of the object, and in the copy the template of pods;
// nil for an object that has none.
func workload(object any) (out any, kind string, meta *metav1.ObjectMeta, template *corev1.PodTemplateSpec) {
	switch w := object.(type) {
	case *appsv1.Deployment:
		c := w.DeepCopy()
		return c, "Deployment", &c.ObjectMeta, &c.Spec.Template
	case *appsv1.StatefulSet:
		c := w.DeepCopy()
		return c, "StatefulSet", &c.ObjectMeta, &c.Spec.Template
	case *appsv1.DaemonSet:
		c := w.DeepCopy()
		return c, "DaemonSet", &c.ObjectMeta, &c.Spec.Template
	case *appsv1.ReplicaSet:
		c := w.DeepCopy()
		return c, "ReplicaSet", &c.ObjectMeta, &c.Spec.Template
	case *corev1.ReplicationController:
		c := w.DeepCopy()
		return c, "ReplicationController", &c.ObjectMeta, c.Spec.Template
	case *batchv1.Job:
		c := w.DeepCopy()
		return c, "Job", &c.ObjectMeta, &c.Spec.Template
	case *batchv1.CronJob:
		c := w.DeepCopy()
		return c, "CronJob", &c.ObjectMeta, &c.Spec.JobTemplate.Spec.Template
	case *corev1.PodTemplate:
		c := w.DeepCopy()
		return c, "PodTemplate", &c.ObjectMeta, &c.Template
	default:
		return object, "", nil, nil
	}
}
