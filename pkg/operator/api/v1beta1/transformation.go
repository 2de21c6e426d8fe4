package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SecretTransformationSpec holds templates and filters that many objects use.
type SecretTransformationSpec struct {
	// Go templates, as key in the Secret to template.
	// +optional
	Templates map[string]Template `json:"templates,omitempty"`
	// Go templates that others call by name; they make no keys.
	// +optional
	SourceTemplates []SourceTemplate `json:"sourceTemplates,omitempty"`
	// Regular expressions (RE2, unanchored); only source keys that match one are kept.
	// Default: all are.
	// +optional
	Includes []string `json:"includes,omitempty"`
	// Regular expressions (RE2, unanchored); source keys that match one are dropped,
	// before includes are looked at.
	// +optional
	Excludes []string `json:"excludes,omitempty"`
}

// SourceTemplate is a Go template that others call by name.
type SourceTemplate struct {
	// Name of the template. Default: a name that is made of the object's.
	// +optional
	Name string `json:"name,omitempty"`
	// Text of the template; it may define further ones.
	Text string `json:"text"`
}

// SecretTransformationStatus says whether the object is sound.
type SecretTransformationStatus struct {
	// Every template and regular expression was understood. Objects refer to valid
	// SecretTransformations only.
	Valid bool `json:"valid"`
	// What was not understood.
	Error string `json:"error"`
	// Generation of the object that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Healthy and Ready.
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// SecretTransformation holds templates and filters that many objects use to make
// their Secrets.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=vst,categories=vault
// +kubebuilder:printcolumn:name="Healthy",type="string",JSONPath=`.status.conditions[?(@.type == "Healthy")].status`,description="the object is sound"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type == "Ready")].status`,description="the object can be used"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].reason`,description="why it is ready or not"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="time since it was created"
type SecretTransformation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What is wanted.
	Spec SecretTransformationSpec `json:"spec,omitempty"`
	// What was found.
	Status SecretTransformationStatus `json:"status,omitempty,omitzero"`
}

// SecretTransformationList is what a list request returns.
//
// +kubebuilder:object:root=true
type SecretTransformationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// The objects.
	Items []SecretTransformation `json:"items"`
}
