package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// VaultStaticSecretSpec says which secrets of the KV engine become a Secret.
type VaultStaticSecretSpec struct {
	// VaultAuth to log in with, as NAME for one in the namespace of this object or as
	// NAMESPACE/NAME. Default: the VaultAuth named default in the operator's
	// namespace.
	// +optional
	VaultAuthRef string `json:"vaultAuthRef,omitempty"`
	// Vault namespace of the mount. Default: that of the login.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Path of the KV mount, for example secret.
	Mount string `json:"mount"`
	// Path of the secret in the mount, without data/; with list, of the folder.
	Path string `json:"path"`
	// Version of the KV engine.
	Type KVType `json:"type"`
	// Version of the secret, for kv-v2; 0 is the latest. Default: 0.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Version int `json:"version,omitempty"`
	// Read every secret of the folder at path.
	// +optional
	List *FolderList `json:"list,omitempty"`
	// Further secrets that go into the same Secret, in this order after the one at
	// path. _raw and the metadata that templates see stay those of the latter.
	// +optional
	Sources []StaticSource `json:"sources,omitempty"`
	// What becomes of a key that two sources have: error refuses it, first and last
	// take the value of the earlier or later source. Default: error.
	// +optional
	ConflictPolicy ConflictPolicy `json:"conflictPolicy,omitempty"`
	// What happens when the secret at path, or a source that is not optional, is gone
	// or its version was deleted: retain keeps the last data, clear empties the Secret,
	// delete removes it (with create). The conditions tell in each case. Default:
	// retain.
	// +optional
	OnMissing MissingPolicy `json:"onMissing,omitempty"`
	// Time between two reads of the secret, for example 30s. Default: it is read when
	// the object changes. A changed Secret is noticed at once, without a read.
	// +optional
	RefreshAfter Duration `json:"refreshAfter,omitempty"`
	// Keep a keyed hash of the data in the status, to notice when Vault's data or the
	// Secret has changed. Without it there is no repair of drift and no restart.
	// +kubebuilder:default=true
	// +optional
	HMACSecretData *bool `json:"hmacSecretData,omitempty"`
	// Workloads to restart when the data has changed. It needs hmacSecretData.
	// +optional
	RolloutRestartTargets []RolloutRestartTarget `json:"rolloutRestartTargets,omitempty"`
	// When and how the workloads are restarted.
	// +optional
	RolloutRestartPolicy *RolloutRestartPolicy `json:"rolloutRestartPolicy,omitempty"`
	// The Secret that is written.
	Destination Destination `json:"destination"`
	// What starts a refresh, beside the time.
	// +optional
	SyncConfig *SyncConfig `json:"syncConfig,omitempty"`
}

// HMAC tells whether a keyed hash of the data is kept, which it is by default.
func (s *VaultStaticSecretSpec) HMAC() bool { return s.HMACSecretData == nil || *s.HMACSecretData }

// VaultStaticSecretStatus is what was done last.
type VaultStaticSecretStatus struct {
	// Generation of the object that was synced last.
	LastGeneration int64 `json:"lastGeneration"`
	// Keyed hash of the data that was written last, in Base64.
	// +optional
	SecretMAC string `json:"secretMAC,omitempty"`
	// Login that was used last.
	// +optional
	VaultClientMeta VaultClientMeta `json:"vaultClientMeta,omitempty,omitzero"`
	// Version that was read last, for kv-v2.
	// +optional
	SecretVersion int64 `json:"secretVersion,omitempty"`
	// Time when the data was written last.
	// +optional
	LastSyncTime *metav1.Time `json:"lastSyncTime,omitempty"`
	// Generation of the object that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// SecretSynced, RolloutRestart, Healthy and Ready.
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// VaultStaticSecret keeps a Secret equal to secrets of Vault's KV engine.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=vss,categories=vault
// +kubebuilder:printcolumn:name="Synced",type="string",JSONPath=`.status.conditions[?(@.type == "SecretSynced")].status`,description="the Secret has the newest data"
// +kubebuilder:printcolumn:name="Healthy",type="string",JSONPath=`.status.conditions[?(@.type == "Healthy")].status`,description="the last sync went well"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type == "Ready")].status`,description="the Secret can be used"
// +kubebuilder:printcolumn:name="Secret",type="string",priority=1,JSONPath=`.spec.destination.name`,description="Secret that is written"
// +kubebuilder:printcolumn:name="Mount",type="string",priority=1,JSONPath=`.spec.mount`,description="mount in Vault"
// +kubebuilder:printcolumn:name="Path",type="string",priority=1,JSONPath=`.spec.path`,description="path in the mount"
// +kubebuilder:printcolumn:name="Version",type="integer",priority=1,JSONPath=`.status.secretVersion`,description="version that was read last"
// +kubebuilder:printcolumn:name="Changed",type="date",priority=1,JSONPath=`.status.lastSyncTime`,description="time since the data was written"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].reason`,description="why it is ready or not"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="time since it was created"
type VaultStaticSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What is wanted.
	Spec VaultStaticSecretSpec `json:"spec,omitempty"`
	// What was done.
	Status VaultStaticSecretStatus `json:"status,omitempty,omitzero"`
}

// VaultStaticSecretList is what a list request returns.
//
// +kubebuilder:object:root=true
type VaultStaticSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// The objects.
	Items []VaultStaticSecret `json:"items"`
}
