package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// VaultConnectionSpec says how to reach a Vault.
type VaultConnectionSpec struct {
	// URL of the Vault API, for example https://vault.example.com:8200.
	Address string `json:"address"`
	// HTTP headers that are sent with every request. X-Vault-Namespace is refused
	// here: the objects that read secrets name their namespace themselves.
	// +optional
	Headers map[string]string `json:"headers,omitempty"`
	// Server name that is asked for (SNI) and that the certificate of the server is
	// verified for. Default: the host of the address.
	// +optional
	TLSServerName string `json:"tlsServerName,omitempty"`
	// Name of a Secret in the namespace of this object whose key ca.crt holds the
	// certificates, in PEM, that may sign the server's. It cannot be combined with
	// caCertPath. Default: the roots of the operator's image.
	// +optional
	CACertSecretRef string `json:"caCertSecretRef,omitempty"`
	// Path of a PEM file in the operator's pod with the certificates that may sign the
	// server's; ".." is refused. It cannot be combined with caCertSecretRef. Default:
	// the roots of the operator's image.
	// +optional
	CACertPath string `json:"caCertPath,omitempty"`
	// Name of a Secret in the namespace of this object whose keys tls.crt and tls.key
	// hold the certificate, in PEM, that the operator shows to Vault (mutual TLS). A
	// renewed certificate is taken up without a restart. Default: none is shown.
	// +optional
	ClientCertSecretRef string `json:"clientCertSecretRef,omitempty"`
	// Do not verify the certificate of the server. Anybody in between can then read
	// every secret: use it for experiments only.
	// +kubebuilder:default=false
	SkipTLSVerify bool `json:"skipTLSVerify"`
	// Time that one request may take, for example 30s. Default: 60s.
	// +optional
	Timeout Duration `json:"timeout,omitempty"`
	// HTTP proxy between the operator and Vault. Default: the one that the variables
	// HTTPS_PROXY and NO_PROXY of the operator's pod name.
	// +optional
	Proxy *ConnectionProxy `json:"proxy,omitempty"`
	// Bounds the requests to this Vault over all objects that use this connection;
	// those above it wait. Default: no bound.
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`
	// Time between two looks at the seal status, for example 1m. Default: 5m.
	// +optional
	HealthCheckInterval Duration `json:"healthCheckInterval,omitempty"`
}

// ConnectionProxy is an HTTP proxy on the way to Vault.
type ConnectionProxy struct {
	// URL of the proxy with scheme http, https or socks5, for example
	// http://proxy.example.com:3128.
	// +kubebuilder:validation:Pattern=`^(http|https|socks5)://.+$`
	URL string `json:"url"`
	// Name of a Secret in the namespace of this object whose keys username and
	// password are shown to the proxy. Default: none are shown.
	// +optional
	SecretRef string `json:"secretRef,omitempty"`
}

// RateLimit bounds requests by a token bucket.
type RateLimit struct {
	// Requests per second in the long run.
	// +kubebuilder:validation:Minimum=1
	QPS int `json:"qps"`
	// Requests that may be sent at once after a pause. Default: the value of qps.
	// +kubebuilder:validation:Minimum=1
	// +optional
	Burst int `json:"burst,omitempty"`
}

// VaultConnectionStatus says whether the Vault was reached.
type VaultConnectionStatus struct {
	// The connection could be made and Vault answered.
	Valid bool `json:"valid"`
	// Version that Vault told of itself.
	// +optional
	VaultVersion string `json:"vaultVersion,omitempty"`
	// Generation of the object that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// VaultPing, VaultClient, ResourceValidation, Healthy and Ready.
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// VaultConnection is the address of a Vault and how to trust it. A VaultConnection
// named default in the operator's namespace serves every VaultAuth that names none.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=vc,categories=vault
// +kubebuilder:printcolumn:name="Healthy",type="string",JSONPath=`.status.conditions[?(@.type == "Healthy")].status`,description="Vault answers"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type == "Ready")].status`,description="the connection can be used"
// +kubebuilder:printcolumn:name="Address",type="string",priority=1,JSONPath=`.spec.address`,description="URL of the Vault API"
// +kubebuilder:printcolumn:name="Version",type="string",priority=1,JSONPath=`.status.vaultVersion`,description="version of the Vault"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].reason`,description="why it is ready or not"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="time since it was created"
type VaultConnection struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What is wanted.
	Spec VaultConnectionSpec `json:"spec,omitempty"`
	// What was found.
	Status VaultConnectionStatus `json:"status,omitempty,omitzero"`
}

// VaultConnectionList is what a list request returns.
//
// +kubebuilder:object:root=true
type VaultConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// The objects.
	Items []VaultConnection `json:"items"`
}
