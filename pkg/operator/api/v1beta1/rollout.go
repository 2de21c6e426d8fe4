package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RolloutRestartTarget is a workload that is restarted when the Secret has changed.
// It is in the namespace of the object.
//
// +kubebuilder:validation:XValidation:rule="has(self.name) || has(self.selector)",message="name or selector is required"
// +kubebuilder:validation:XValidation:rule="self.kind in ['Deployment', 'DaemonSet', 'StatefulSet', 'CronJob', 'argo.Rollout'] || has(self.apiVersion) && has(self.fieldPath)",message="kind must be Deployment, DaemonSet, StatefulSet, CronJob or argo.Rollout; any other kind needs apiVersion and fieldPath"
type RolloutRestartTarget struct {
	// Kind of the workload: Deployment, DaemonSet, StatefulSet, CronJob (a Job is made
	// of it at once) or argo.Rollout. Any other kind needs apiVersion and fieldPath,
	// and the permission to patch it.
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`
	// Name of the workload. Either this or selector is needed; with both, a workload
	// must match both.
	// +optional
	Name string `json:"name,omitempty"`
	// Labels of the workloads. An empty selector takes all of the kind.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
	// API group and version of the kind, for example kafka.strimzi.io/v1. Default: that
	// of the kinds known by name.
	// +kubebuilder:validation:MaxLength=317
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
	// Field that is set to the time of the restart, written as the downward API does:
	// spec.restartAt or spec.template.metadata.annotations['example.com/at']. Default:
	// that of the kinds known by name.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	FieldPath string `json:"fieldPath,omitempty"`
}

// The kinds of [RolloutRestartTarget] that need neither API version nor field path.
const (
	TargetDeployment  = "Deployment"
	TargetDaemonSet   = "DaemonSet"
	TargetStatefulSet = "StatefulSet"
	TargetCronJob     = "CronJob"
	TargetArgoRollout = "argo.Rollout"
)

// RolloutRestartPolicy says when the targets are restarted, and how.
type RolloutRestartPolicy struct {
	// Time that a restart waits for further changes, for example 30s: changes within
	// it, also of other objects with the same target, cause one restart. Default: 0s.
	// +optional
	Debounce Duration `json:"debounce,omitempty"`
	// Restart only when one of these keys of the Secret has changed. Default: any key.
	// +optional
	OnlyOnKeys []string `json:"onlyOnKeys,omitempty"`
	// What is written to the workload: timestamp, the time of the restart, or hash, a
	// keyed hash of the data, which is the same for the same data and so does not
	// differ from what a GitOps tool has seen before. Default: timestamp.
	// +optional
	Stamp RestartStamp `json:"stamp,omitempty"`
	// Annotation of the pod template that is written. Default:
	// vso.secrets.hashicorp.com/restartedAt.
	// +optional
	Annotation string `json:"annotation,omitempty"`
}

// RestartStamp says what a restart writes to a workload; "" is StampTimestamp.
//
// +kubebuilder:validation:Enum=timestamp;hash
type RestartStamp string

// The stamps of [RolloutRestartPolicy.Stamp].
const (
	StampTimestamp RestartStamp = "timestamp"
	StampHash      RestartStamp = "hash"
)

// RotationPolicy says how a lease or certificate is succeeded by the next.
type RotationPolicy struct {
	// What becomes of the one before: expire leaves it to its end, revokeAfterRollout
	// keeps it alive until every restart target runs with the new one, and then
	// revokes it.
	// +kubebuilder:default=expire
	// +optional
	Previous PreviousPolicy `json:"previous,omitempty"`
	// Time between the end of the rollout and the revocation, for example 30s.
	// +kubebuilder:default="30s"
	// +optional
	GracePeriod Duration `json:"gracePeriod,omitempty"`
	// Time that a rollout may take. After it, the one before is left to expire: a
	// workload may still use it.
	// +kubebuilder:default="10m"
	// +optional
	RolloutTimeout Duration `json:"rolloutTimeout,omitempty"`
	// Ask for the next one when less than this is left, whatever part of its life has
	// passed. Default: 0s.
	// +optional
	MinTTL Duration `json:"minTTL,omitempty"`
}

// PreviousPolicy says what becomes of a lease or certificate that has a successor;
// "" is PreviousExpire.
//
// +kubebuilder:validation:Enum=expire;revokeAfterRollout
type PreviousPolicy string

// The policies of [RotationPolicy.Previous].
const (
	PreviousExpire             PreviousPolicy = "expire"
	PreviousRevokeAfterRollout PreviousPolicy = "revokeAfterRollout"
)
