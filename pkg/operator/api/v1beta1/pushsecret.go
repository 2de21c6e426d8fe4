package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// VaultPushSecretSpec says which Secret is written to Vault.
type VaultPushSecretSpec struct {
	// VaultAuth to log in with, as NAME for one in the namespace of this object or as
	// NAMESPACE/NAME. Default: the VaultAuth named default in the operator's
	// namespace.
	// +optional
	VaultAuthRef string `json:"vaultAuthRef,omitempty"`
	// Vault namespace of the mount. Default: that of the login.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Path of the KV mount, for example secret.
	// +kubebuilder:validation:MinLength=1
	Mount string `json:"mount"`
	// Path of the secret in the mount, without data/.
	// +kubebuilder:validation:MinLength=1
	Path string `json:"path"`
	// Version of the KV engine. Only kv-v2 can check and set: with kv-v1 a write of
	// somebody else at the same moment is lost.
	Type KVType `json:"type"`
	// What is written.
	Source PushSource `json:"source"`
	// Take over a path that this object has not written before. Without it such a path
	// is an error. For kv-v2 the custom metadata managed-by tells whose a path is.
	// +kubebuilder:default=false
	// +optional
	Overwrite bool `json:"overwrite,omitempty"`
	// What becomes of keys at the path that are not in the source: replace removes
	// them, merge leaves them alone.
	// +kubebuilder:default=replace
	// +optional
	MergePolicy DestinationMergePolicy `json:"mergePolicy,omitempty"`
	// What happens when somebody else has written to the path since: error leaves it
	// and tells, overwrite writes again, checking against the version that was seen.
	// +kubebuilder:default=error
	// +optional
	ConflictPolicy PushConflictPolicy `json:"conflictPolicy,omitempty"`
	// What becomes of the secret in Vault when this object is deleted: retain leaves
	// it, delete deletes its latest version if this object has written it.
	// +kubebuilder:default=retain
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// Further custom metadata of the secret, for kv-v2.
	// +optional
	Metadata map[string]string `json:"metadata,omitempty"`
	// Time between two looks at the path, for example 10m. Default: it is looked at
	// when the source or this object changes.
	// +optional
	RefreshAfter Duration `json:"refreshAfter,omitempty"`
}

// PushSource is a Secret in the namespace of the object.
type PushSource struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	SecretName string `json:"secretName"`
	// Keys that are written, each with the name that it gets in Vault. Default: all,
	// under their names.
	// +optional
	Keys []KeySelection `json:"keys,omitempty"`
	// Go templates of further keys, as key in Vault to template. They see .Secrets,
	// .Annotations and .Labels.
	// +optional
	Templates map[string]Template `json:"templates,omitempty"`
}

// PushConflictPolicy says what happens when somebody else has written to the path;
// "" is PushConflictError.
//
// +kubebuilder:validation:Enum=error;overwrite
type PushConflictPolicy string

// The policies of [VaultPushSecretSpec.ConflictPolicy].
const (
	PushConflictError     PushConflictPolicy = "error"
	PushConflictOverwrite PushConflictPolicy = "overwrite"
)

// VaultPushSecretStatus is what was done last.
type VaultPushSecretStatus struct {
	// Version that was written last, for kv-v2. The next write is checked against it.
	// +optional
	SecretVersion int64 `json:"secretVersion,omitempty"`
	// Keyed hash of the data that was written last, in Base64.
	// +optional
	SecretMAC string `json:"secretMAC,omitempty"`
	// Time when the data was written last.
	// +optional
	LastSyncTime *metav1.Time `json:"lastSyncTime,omitempty"`
	// Generation of the object that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Login that was used last.
	// +optional
	VaultClientMeta VaultClientMeta `json:"vaultClientMeta,omitempty,omitzero"`
	// Pushed, Healthy and Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// VaultPushSecret keeps a secret of Vault's KV engine equal to a Secret of the
// cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=vpush,categories=vault
// +kubebuilder:printcolumn:name="Pushed",type="string",JSONPath=`.status.conditions[?(@.type == "Pushed")].status`,description="Vault has the newest data"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type == "Ready")].status`,description="the last push went well"
// +kubebuilder:printcolumn:name="Secret",type="string",priority=1,JSONPath=`.spec.source.secretName`,description="Secret that is read"
// +kubebuilder:printcolumn:name="Mount",type="string",priority=1,JSONPath=`.spec.mount`,description="mount in Vault"
// +kubebuilder:printcolumn:name="Path",type="string",priority=1,JSONPath=`.spec.path`,description="path in the mount"
// +kubebuilder:printcolumn:name="Version",type="integer",priority=1,JSONPath=`.status.secretVersion`,description="version that was written last"
// +kubebuilder:printcolumn:name="Changed",type="date",priority=1,JSONPath=`.status.lastSyncTime`,description="time since the data was written"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].reason`,description="why it is ready or not"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="time since it was created"
type VaultPushSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What is wanted.
	Spec VaultPushSecretSpec `json:"spec"`
	// What was done.
	Status VaultPushSecretStatus `json:"status,omitempty,omitzero"`
}

// VaultPushSecretList is what a list request returns.
//
// +kubebuilder:object:root=true
type VaultPushSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// The objects.
	Items []VaultPushSecret `json:"items"`
}
