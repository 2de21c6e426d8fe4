package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterVaultSecretSpec says which object every selected namespace gets.
//
// +kubebuilder:validation:XValidation:rule="[has(self.static), has(self.dynamic), has(self.pki)].filter(x, x).size() == 1",message="exactly one of static, dynamic and pki is required"
// +kubebuilder:validation:XValidation:rule="has(self.namespaces) || has(self.namespaceGlobs) || has(self.namespaceSelector)",message="namespaces, namespaceGlobs or namespaceSelector is required"
type ClusterVaultSecretSpec struct {
	// Names of namespaces that get the object.
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
	// Patterns of namespaces that get the object: "*" stands for any characters and "?"
	// for one, for example team-*.
	// +optional
	NamespaceGlobs []string `json:"namespaceGlobs,omitempty"`
	// Labels of namespaces that get the object. An empty selector takes all.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// Patterns of namespaces that never get the object, for example kube-*. They win
	// over the other fields.
	// +optional
	ExcludedNamespaceGlobs []string `json:"excludedNamespaceGlobs,omitempty"`
	// Name of the object in each namespace. Default: the name of this one.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ObjectName string `json:"objectName,omitempty"`
	// Labels and annotations of the object in each namespace.
	// +optional
	ObjectMetadata *ObjectMetadata `json:"objectMetadata,omitempty"`
	// What becomes of the object in a namespace that is not selected any more, or when
	// this one is deleted: delete removes it, retain leaves it to the namespace.
	// +kubebuilder:default=delete
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// The object is a VaultStaticSecret with this spec.
	// +optional
	Static *VaultStaticSecretSpec `json:"static,omitempty"`
	// The object is a VaultDynamicSecret with this spec: each namespace gets
	// credentials of its own.
	// +optional
	Dynamic *VaultDynamicSecretSpec `json:"dynamic,omitempty"`
	// The object is a VaultPKISecret with this spec: each namespace gets a certificate
	// of its own.
	// +optional
	PKI *VaultPKISecretSpec `json:"pki,omitempty"`
}

// ObjectMetadata are labels and annotations of objects that are made.
type ObjectMetadata struct {
	// Labels.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// FailedNamespace is a namespace whose object is missing or not ready.
type FailedNamespace struct {
	// Name of the namespace.
	Namespace string `json:"namespace"`
	// Reason in one word.
	Reason string `json:"reason"`
	// What went wrong.
	// +optional
	Message string `json:"message,omitempty"`
}

// ClusterVaultSecretStatus is what was done last.
type ClusterVaultSecretStatus struct {
	// Namespaces that are selected.
	// +optional
	SelectedNamespaces int `json:"selectedNamespaces,omitempty"`
	// Namespaces whose object is ready.
	// +optional
	ReadyNamespaces int `json:"readyNamespaces,omitempty"`
	// The first hundred namespaces whose object is missing or not ready.
	// +kubebuilder:validation:MaxItems=100
	// +listType=map
	// +listMapKey=namespace
	// +optional
	FailedNamespaces []FailedNamespace `json:"failedNamespaces,omitempty"`
	// Generation of the object that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Distributed, Healthy and Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ClusterVaultSecret makes the same VaultStaticSecret, VaultDynamicSecret or
// VaultPKISecret in many namespaces, and keeps it there as namespaces come and go.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=cvs,categories=vault
// +kubebuilder:printcolumn:name="Namespaces",type="integer",JSONPath=`.status.selectedNamespaces`,description="namespaces that are selected"
// +kubebuilder:printcolumn:name="Synced",type="integer",JSONPath=`.status.readyNamespaces`,description="namespaces whose object is ready"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type == "Ready")].status`,description="all namespaces have their object"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].reason`,description="why it is ready or not"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="time since it was created"
type ClusterVaultSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What is wanted.
	Spec ClusterVaultSecretSpec `json:"spec"`
	// What was done.
	Status ClusterVaultSecretStatus `json:"status,omitempty,omitzero"`
}

// ClusterVaultSecretList is what a list request returns.
//
// +kubebuilder:object:root=true
type ClusterVaultSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// The objects.
	Items []ClusterVaultSecret `json:"items"`
}
