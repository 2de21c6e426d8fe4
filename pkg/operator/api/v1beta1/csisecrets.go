package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CSISecretsSpec says which secrets a CSI volume holds, and which pods may mount it.
type CSISecretsSpec struct {
	// Vault namespace of the mounts. Default: that of the login.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// VaultAuth to log in with. Default: the VaultAuth named default in the operator's
	// namespace.
	// +optional
	VaultAuthRef *CSIVaultAuthRef `json:"vaultAuthRef,omitempty"`
	// Pods that may mount the volume.
	AccessControl CSIAccessControl `json:"accessControl"`
	// What the volume holds.
	Secrets CSISecretSet `json:"secrets"`
	// When secrets are made anew.
	// +optional
	SyncConfig *CSISyncConfig `json:"syncConfig,omitempty"`
}

// CSIVaultAuthRef names a VaultAuth.
type CSIVaultAuthRef struct {
	// Name of the VaultAuth.
	Name string `json:"name"`
	// Namespace of the VaultAuth. Default: that of this object.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Look up the ServiceAccounts and Secrets of the login in the namespace of the
	// VaultAuth instead of in that of the pod. Default: false.
	// +optional
	TrustNamespace bool `json:"trustNamespace,omitempty"`
}

// CSIAccessControl admits pods.
type CSIAccessControl struct {
	// Regular expression (RE2) of the pod's ServiceAccount.
	ServiceAccountPattern string `json:"serviceAccountPattern"`
	// Regular expressions (RE2) of the pod's namespace. Default: that of this object.
	// +optional
	NamespacePatterns []string `json:"namespacePatterns,omitempty"`
	// Regular expressions (RE2) of the pod's name. Default: any name.
	// +optional
	PodNamePatterns []string `json:"podNamePatterns,omitempty"`
	// Labels that the pod must have. Default: none.
	// +optional
	PodLabels map[string]string `json:"podLabels,omitempty"`
	// Whether all other fields of this block must match, or any one is enough.
	// +kubebuilder:default=all
	// +kubebuilder:validation:Enum=any;all
	// +optional
	MatchPolicy string `json:"matchPolicy,omitempty"`
}

// The values of [CSIAccessControl.MatchPolicy].
const (
	MatchAny = "any"
	MatchAll = "all"
)

// CSISecretSet is what a volume holds.
type CSISecretSet struct {
	// How files are made of all secrets of the volume.
	// +optional
	Transformation *Transformation `json:"transformation,omitempty"`
	// Secrets of the KV engine.
	// +optional
	VaultStaticSecrets []CSIStaticSecret `json:"vaultStaticSecrets,omitempty"`
	// Secret IDs of the AppRole method.
	// +optional
	VaultAppRoleSecretIDs []CSIAppRoleSecretID `json:"vaultAppRoleSecretIDs,omitempty"`
}

// CSIStaticSecret is a secret of the KV engine.
type CSIStaticSecret struct {
	// Path of the KV mount.
	Mount string `json:"mount"`
	// Path of the secret in the mount, without data/.
	Path string `json:"path"`
	// Version of the KV engine.
	Type KVType `json:"type"`
	// Version of the secret, for kv-v2; 0 is the latest. Default: 0.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Version int `json:"version,omitempty"`
	// How files are made of this secret.
	// +optional
	Transformation *Transformation `json:"transformation,omitempty"`
}

// CSIAppRoleSecretID is a secret ID that is made for the pod.
type CSIAppRoleSecretID struct {
	// Path of the auth mount of the AppRole method.
	Mount string `json:"mount"`
	// Name of the role.
	Role string `json:"role"`
	// Metadata of the secret ID.
	// +optional
	Metadata map[string]string `json:"metadata,omitempty"`
	// Networks that may log in with the secret ID, as CIDRs. Default: those of the
	// role.
	// +optional
	CIDRList []string `json:"cidrList,omitempty"`
	// Networks that may use the tokens, as CIDRs. Default: those of the role.
	// +optional
	TokenBoundCIDRs []string `json:"tokenBoundCIDRs,omitempty"`
	// Lifetime of the secret ID, for example 1h. Default: that of the role.
	// +optional
	TTL Duration `json:"ttl,omitempty"`
	// Logins that the secret ID is good for. Default: those of the role.
	// +optional
	NumUses int `json:"numUses,omitempty"`
	// Wrap the secret ID in a token of this lifetime, for example 5m. Default: it is
	// not wrapped.
	// +optional
	WrapTTL Duration `json:"wrapTTL,omitempty"`
	// Write the role ID too. Default: false.
	// +optional
	SyncRoleID bool `json:"syncRoleID,omitempty"`
	// How files are made of the secret ID.
	// +optional
	Transformation *Transformation `json:"transformation,omitempty"`
}

// CSISyncConfig says when the secrets of a volume are made anew.
type CSISyncConfig struct {
	// Make them anew when a container restarts.
	ContainerState CSIContainerState `json:"containerState"`
}

// CSIContainerState selects a container of the pod.
type CSIContainerState struct {
	// Regular expression (RE2) of the container's name. Default: any.
	// +optional
	NamePattern string `json:"namePattern,omitempty"`
	// Regular expression (RE2) of the container's image. Default: any.
	// +optional
	ImagePattern string `json:"imagePattern,omitempty"`
}

// CSISecretsStatus is what was found.
type CSISecretsStatus struct {
	// Generation of the object that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Healthy and Ready.
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// CSISecrets are secrets that pods mount as a CSI volume, without a Secret in the
// cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=csisecrets,singular=csisecrets,shortName=vcsi,categories=vault
// +kubebuilder:printcolumn:name="VaultAuth",type="string",priority=1,JSONPath=`.spec.vaultAuthRef.name`,description="VaultAuth to log in with"
// +kubebuilder:printcolumn:name="Ready",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].status`,description="the object can be used"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="time since it was created"
type CSISecrets struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What is wanted.
	Spec CSISecretsSpec `json:"spec,omitempty"`
	// What was found.
	Status CSISecretsStatus `json:"status,omitempty,omitzero"`
}

// CSISecretsList is what a list request returns.
//
// +kubebuilder:object:root=true
type CSISecretsList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// The objects.
	Items []CSISecrets `json:"items"`
}
