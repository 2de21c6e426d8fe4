package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// VaultAuthGlobalSpec holds what VaultAuths are completed with.
type VaultAuthGlobalSpec struct {
	// Namespaces whose VaultAuths may refer to this object, apart from its own: exact
	// names, or the single element "*" for all. Everybody may refer to one named
	// default in the operator's namespace. Default: none.
	// +optional
	AllowedNamespaces  []string `json:"allowedNamespaces,omitempty"`
	NamespaceAllowance `json:",inline"`
	// VaultConnection of VaultAuths that name none, as NAME for one in the namespace of
	// this object or as NAMESPACE/NAME. Default: the VaultConnection named default in
	// the operator's namespace.
	// +optional
	VaultConnectionRef string `json:"vaultConnectionRef,omitempty"`
	// Vault namespace of the auth mount, where neither the VaultAuth nor the settings of
	// the method name one. Default: the root namespace.
	// +optional
	DefaultVaultNamespace string `json:"defaultVaultNamespace,omitempty"`
	// Way to log in of VaultAuths that name none. Default: they must name one.
	// +optional
	DefaultAuthMethod AuthMethod `json:"defaultAuthMethod,omitempty"`
	// Path of the auth mount, where neither the VaultAuth nor the settings of the method
	// name one. Default: one of them must.
	// +optional
	DefaultMount string `json:"defaultMount,omitempty"`
	// Further parameters of the login request, for every method.
	// +optional
	Params map[string]string `json:"params,omitempty"`
	// HTTP headers of the login request, for every method.
	// +optional
	Headers map[string]string `json:"headers,omitempty"`
	// Settings of method kubernetes. A field that the VaultAuth sets wins.
	// +optional
	Kubernetes *GlobalKubernetesAuth `json:"kubernetes,omitempty"`
	// Settings of method jwt. A field that the VaultAuth sets wins.
	// +optional
	JWT *GlobalJWTAuth `json:"jwt,omitempty"`
	// Settings of method appRole. A field that the VaultAuth sets wins.
	// +optional
	AppRole *GlobalAppRoleAuth `json:"appRole,omitempty"`
	// Settings of method aws. A field that the VaultAuth sets wins.
	// +optional
	AWS *GlobalAWSAuth `json:"aws,omitempty"`
	// Settings of method gcp. A field that the VaultAuth sets wins.
	// +optional
	GCP *GlobalGCPAuth `json:"gcp,omitempty"`
	// Settings of method cert. A field that the VaultAuth sets wins.
	// +optional
	Cert *GlobalCertAuth `json:"cert,omitempty"`
	// Settings of method azure. A field that the VaultAuth sets wins.
	// +optional
	Azure *GlobalAzureAuth `json:"azure,omitempty"`
	// Settings of method token. A field that the VaultAuth sets wins.
	// +optional
	Token *GlobalTokenAuth `json:"token,omitempty"`
	// Settings of method ldap. A field that the VaultAuth sets wins.
	// +optional
	LDAP *GlobalPasswordAuth `json:"ldap,omitempty"`
	// Settings of method userpass. A field that the VaultAuth sets wins.
	// +optional
	Userpass *GlobalPasswordAuth `json:"userpass,omitempty"`
}

// GlobalMethod holds what a VaultAuthGlobal can say for each method.
type GlobalMethod struct {
	// Vault namespace of the auth mount for this method. Default: defaultVaultNamespace.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Path of the auth mount for this method. Default: defaultMount.
	// +optional
	Mount string `json:"mount,omitempty"`
	// Further parameters of the login request for this method.
	// +optional
	Params map[string]string `json:"params,omitempty"`
	// HTTP headers of the login request for this method.
	// +optional
	Headers map[string]string `json:"headers,omitempty"`
}

// GlobalKubernetesAuth is method kubernetes with its mount.
type GlobalKubernetesAuth struct {
	KubernetesAuth `json:",inline"`
	GlobalMethod   `json:",inline"`
}

// GlobalJWTAuth is method jwt with its mount.
type GlobalJWTAuth struct {
	JWTAuth      `json:",inline"`
	GlobalMethod `json:",inline"`
}

// GlobalAppRoleAuth is method appRole with its mount.
type GlobalAppRoleAuth struct {
	AppRoleAuth  `json:",inline"`
	GlobalMethod `json:",inline"`
}

// GlobalAWSAuth is method aws with its mount.
type GlobalAWSAuth struct {
	AWSAuth      `json:",inline"`
	GlobalMethod `json:",inline"`
}

// GlobalGCPAuth is method gcp with its mount.
type GlobalGCPAuth struct {
	GCPAuth      `json:",inline"`
	GlobalMethod `json:",inline"`
}

// GlobalCertAuth is method cert with its mount.
type GlobalCertAuth struct {
	CertAuth     `json:",inline"`
	GlobalMethod `json:",inline"`
}

// GlobalAzureAuth is method azure with its mount.
type GlobalAzureAuth struct {
	AzureAuth    `json:",inline"`
	GlobalMethod `json:",inline"`
}

// GlobalTokenAuth is method token with its mount.
type GlobalTokenAuth struct {
	TokenAuth    `json:",inline"`
	GlobalMethod `json:",inline"`
}

// GlobalPasswordAuth is method ldap or userpass with its mount.
type GlobalPasswordAuth struct {
	PasswordAuth `json:",inline"`
	GlobalMethod `json:",inline"`
}

// VaultAuthGlobalStatus says whether the object is sound.
type VaultAuthGlobalStatus struct {
	// The object is sound.
	Valid bool `json:"valid"`
	// What is wrong with it.
	Error string `json:"error"`
	// Generation of the object that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Healthy and Ready.
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// VaultAuthGlobal holds settings that the VaultAuths of many namespaces have in
// common.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=vag,categories=vault
// +kubebuilder:printcolumn:name="Method",type="string",priority=1,JSONPath=`.spec.defaultAuthMethod`,description="way to log in of VaultAuths that name none"
// +kubebuilder:printcolumn:name="Mount",type="string",priority=1,JSONPath=`.spec.defaultMount`,description="path of the auth mount"
// +kubebuilder:printcolumn:name="Connection",type="string",priority=1,JSONPath=`.spec.vaultConnectionRef`,description="VaultConnection of VaultAuths that name none"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="time since it was created"
type VaultAuthGlobal struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What is wanted.
	Spec VaultAuthGlobalSpec `json:"spec,omitempty"`
	// What was found.
	Status VaultAuthGlobalStatus `json:"status,omitempty,omitzero"`
}

// VaultAuthGlobalList is what a list request returns.
//
// +kubebuilder:object:root=true
type VaultAuthGlobalList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// The objects.
	Items []VaultAuthGlobal `json:"items"`
}
