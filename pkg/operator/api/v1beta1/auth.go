package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// VaultAuthSpec says how to log in.
type VaultAuthSpec struct {
	// VaultConnection to use, as NAME for one in the namespace of this object or as
	// NAMESPACE/NAME. Default: the VaultConnection named default in the operator's
	// namespace.
	// +optional
	VaultConnectionRef string `json:"vaultConnectionRef,omitempty"`
	// VaultAuthGlobal that completes this object.
	// +optional
	VaultAuthGlobalRef *VaultAuthGlobalRef `json:"vaultAuthGlobalRef,omitempty"`
	// Vault namespace of the auth mount. Default: that of the VaultAuthGlobal, else the
	// root namespace.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Namespaces whose objects may use this one, apart from its own: exact names, or
	// the single element "*" for all. Everybody may use a VaultAuth named default in
	// the operator's namespace. Default: none.
	// +optional
	AllowedNamespaces  []string `json:"allowedNamespaces,omitempty"`
	NamespaceAllowance `json:",inline"`
	// Look up the ServiceAccounts and Secrets of the login in the namespace of this
	// object instead of in that of the object that reads a secret, so that one
	// identity serves every namespace that is allowed. Default: false.
	// +optional
	TrustNamespace bool `json:"trustNamespace,omitempty"`
	// Way to log in. Default: that of the VaultAuthGlobal.
	// +optional
	Method AuthMethod `json:"method,omitempty"`
	// Path of the auth mount, for example kubernetes. Default: that of the
	// VaultAuthGlobal.
	// +optional
	Mount string `json:"mount,omitempty"`
	// Further parameters of the login request.
	// +optional
	Params map[string]string `json:"params,omitempty"`
	// HTTP headers of the login request.
	// +optional
	Headers     map[string]string `json:"headers,omitempty"`
	AuthMethods `json:",inline"`
	// Transit key that encrypts the stored tokens. It counts only on the one VaultAuth
	// in the operator's namespace with label cacheStorageEncryption=true.
	// +optional
	StorageEncryption *StorageEncryption `json:"storageEncryption,omitempty"`
}

// NamespaceAllowance admits namespaces beside the list of exact names; a namespace
// that any of the three admits is admitted.
type NamespaceAllowance struct {
	// Patterns of namespaces whose objects may use this one: "*" stands for any
	// characters and "?" for one, for example team-*. Default: none.
	// +optional
	AllowedNamespaceGlobs []string `json:"allowedNamespaceGlobs,omitempty"`
	// Labels of namespaces whose objects may use this one. An empty selector admits
	// all. Default: none.
	// +optional
	AllowedNamespaceSelector *metav1.LabelSelector `json:"allowedNamespaceSelector,omitempty"`
}

// VaultAuthGlobalRef names a VaultAuthGlobal and how it is merged.
type VaultAuthGlobalRef struct {
	// Name of the VaultAuthGlobal. Default: allowDefault decides.
	// +kubebuilder:validation:Pattern=`^([a-z0-9.-]{1,253})$`
	// +optional
	Name string `json:"name,omitempty"`
	// Namespace of the VaultAuthGlobal. Default: that of the VaultAuth.
	// +kubebuilder:validation:Pattern=`^([a-z0-9-]{1,63})$`
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Without a name, take the VaultAuthGlobal named default: of the given namespace
	// if there is one, else of the VaultAuth's namespace, else of the operator's.
	// Default: what the operator was told.
	// +optional
	AllowDefault *bool `json:"allowDefault,omitempty"`
	// How headers and params of the two objects come together.
	// +optional
	MergeStrategy *MergeStrategy `json:"mergeStrategy,omitempty"`
}

// MergeStrategy says how maps of a VaultAuth and its VaultAuthGlobal come together.
type MergeStrategy struct {
	// Headers: union takes all and prefers the VaultAuth's, replace takes the first of
	// the two that has any, none takes only the VaultAuth's. Default: none.
	// +kubebuilder:validation:Enum=union;replace;none
	// +optional
	Headers MergePolicy `json:"headers,omitempty"`
	// Params: union takes all and prefers the VaultAuth's, replace takes the first of
	// the two that has any, none takes only the VaultAuth's. Default: none.
	// +kubebuilder:validation:Enum=union;replace;none
	// +optional
	Params MergePolicy `json:"params,omitempty"`
}

// MergePolicy says how two maps come together; "" is MergeNone.
type MergePolicy string

// The ways to merge the headers and params of a VaultAuthGlobal.
const (
	MergeUnion   MergePolicy = "union"
	MergeReplace MergePolicy = "replace"
	MergeNone    MergePolicy = "none"
)

// StorageEncryption names a key of Vault's transit engine.
type StorageEncryption struct {
	// Path of the transit mount.
	Mount string `json:"mount"`
	// Name of the key.
	KeyName string `json:"keyName"`
}

// VaultAuthStatus says whether the object can be used to log in.
type VaultAuthStatus struct {
	// The object, completed by its VaultAuthGlobal, is sound.
	// +optional
	Valid *bool `json:"valid,omitempty"`
	// What is wrong with it.
	// +optional
	Error string `json:"error,omitempty"`
	// Generation of the object that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Available, Healthy and Ready.
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// BLAKE2b-256 of the completed spec, in hexadecimal.
	// +optional
	SpecHash string `json:"specHash,omitempty"`
}

// VaultAuth is a way to log in to Vault. A VaultAuth named default in the operator's
// namespace serves every object that names none.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=va,categories=vault
// +kubebuilder:printcolumn:name="Healthy",type="string",JSONPath=`.status.conditions[?(@.type == "Healthy")].status`,description="the object is sound"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type == "Ready")].status`,description="the object can be used"
// +kubebuilder:printcolumn:name="Method",type="string",priority=1,JSONPath=`.spec.method`,description="way to log in"
// +kubebuilder:printcolumn:name="Mount",type="string",priority=1,JSONPath=`.spec.mount`,description="path of the auth mount"
// +kubebuilder:printcolumn:name="Connection",type="string",priority=1,JSONPath=`.spec.vaultConnectionRef`,description="VaultConnection that is used"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].reason`,description="why it is ready or not"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="time since it was created"
type VaultAuth struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What is wanted.
	Spec VaultAuthSpec `json:"spec,omitempty"`
	// What was found.
	Status VaultAuthStatus `json:"status,omitempty,omitzero"`
}

// VaultAuthList is what a list request returns.
//
// +kubebuilder:object:root=true
type VaultAuthList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// The objects.
	Items []VaultAuth `json:"items"`
}
