package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DefaultRenewalPercent is the part of a lease, in percent, after which a
// VaultDynamicSecret renews it unless told otherwise.
const DefaultRenewalPercent = 67

// VaultDynamicSecretSpec says which credentials become a Secret.
type VaultDynamicSecretSpec struct {
	// VaultAuth to log in with, as NAME for one in the namespace of this object or as
	// NAMESPACE/NAME. Default: the VaultAuth named default in the operator's
	// namespace.
	// +optional
	VaultAuthRef string `json:"vaultAuthRef,omitempty"`
	// Vault namespace of the mount. Default: that of the login.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Path of the mount of the secrets engine, for example database.
	Mount string `json:"mount"`
	// Path in the mount, for example creds/app.
	Path string `json:"path"`
	// HTTP method of the request. Default: GET, and PUT where there are params.
	// +kubebuilder:validation:Enum=GET;POST;PUT
	// +optional
	RequestHTTPMethod string `json:"requestHTTPMethod,omitempty"`
	// Parameters of the request. With method GET they make it PUT.
	// +optional
	Params map[string]string `json:"params,omitempty"`
	// Part of the lease, in percent, after which it is renewed or, where it cannot be,
	// new credentials are requested.
	// +kubebuilder:default=67
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=90
	// +optional
	RenewalPercent *int `json:"renewalPercent,omitempty"`
	// Revoke the lease when the object is deleted. Default: false.
	// +optional
	Revoke bool `json:"revoke,omitempty"`
	// The credentials are those of a static role: Vault rotates them by itself, and
	// they have no lease. Default: false.
	// +optional
	AllowStaticCreds bool `json:"allowStaticCreds,omitempty"`
	// Time between two requests of credentials without a lease, for example 1h.
	// Default: they are requested when the object changes.
	// +optional
	RefreshAfter Duration `json:"refreshAfter,omitempty"`
	// How credentials are succeeded by the next. Default: those before are left to
	// expire.
	// +optional
	Rotation *RotationPolicy `json:"rotation,omitempty"`
	// Workloads to restart when the credentials have changed.
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

// RenewAfterPercent is the part of a lease, in percent, after which it is renewed.
func (s *VaultDynamicSecretSpec) RenewAfterPercent() int {
	if s.RenewalPercent == nil {
		return DefaultRenewalPercent
	}
	return *s.RenewalPercent
}

// SecretLease is a lease of Vault.
type SecretLease struct {
	// ID of the lease.
	ID string `json:"id"`
	// Length of the lease in seconds.
	LeaseDuration int `json:"duration"`
	// The lease can be renewed.
	Renewable bool `json:"renewable"`
	// ID of the request that made it.
	RequestID string `json:"requestID"`
}

// StaticCredsMetaData tells when Vault rotates the credentials of a static role.
type StaticCredsMetaData struct {
	// Time of the last rotation, in seconds since 1970.
	LastVaultRotation int64 `json:"lastVaultRotation"`
	// Time between two rotations in seconds.
	RotationPeriod int64 `json:"rotationPeriod"`
	// Rotations as a cron schedule.
	// +optional
	RotationSchedule string `json:"rotationSchedule,omitempty"`
	// Time to the next rotation, in seconds, when the credentials were read.
	TTL int64 `json:"ttl"`
}

// PreviousLease is a lease that has a successor and waits for its revocation.
type PreviousLease struct {
	// ID of the lease.
	ID string `json:"id"`
	// Time when the successor was written.
	ReplacedAt metav1.Time `json:"replacedAt"`
}

// VaultDynamicSecretStatus is what was done last.
type VaultDynamicSecretStatus struct {
	// Time of the last renewal or request, in seconds since 1970.
	LastRenewalTime int64 `json:"lastRenewalTime"`
	// Generation of the object that was synced last.
	LastGeneration int64 `json:"lastGeneration"`
	// Lease of the credentials.
	SecretLease SecretLease `json:"secretLease"`
	// Leases of credentials before, which are kept until the rollout is complete.
	// +optional
	PreviousLeases []PreviousLease `json:"previousLeases,omitempty"`
	// When Vault rotates the credentials, for static roles.
	// +optional
	StaticCredsMetaData StaticCredsMetaData `json:"staticCredsMetaData,omitempty,omitzero"`
	// UID of the operator's pod that wrote this status.
	// +optional
	LastRuntimePodUID string `json:"lastRuntimePodUID,omitempty"`
	// Keyed hash of the data that was written last, in Base64, for static roles.
	// +optional
	SecretMAC string `json:"secretMAC,omitempty"`
	// Login that was used last.
	// +optional
	VaultClientMeta VaultClientMeta `json:"vaultClientMeta,omitempty,omitzero"`
	// Time when the lease ends.
	// +optional
	LeaseExpiry *metav1.Time `json:"leaseExpiry,omitempty"`
	// Time when the data was written last.
	// +optional
	LastSyncTime *metav1.Time `json:"lastSyncTime,omitempty"`
	// Generation of the object that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// SecretSynced, LeaseRenewal, RolloutRestart, Healthy and Ready.
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// VaultDynamicSecret keeps a Secret filled with credentials that Vault makes for it,
// and renews or replaces them in time.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=vds,categories=vault
// +kubebuilder:printcolumn:name="Synced",type="string",JSONPath=`.status.conditions[?(@.type == "SecretSynced")].status`,description="the Secret has the newest credentials"
// +kubebuilder:printcolumn:name="Healthy",type="string",JSONPath=`.status.conditions[?(@.type == "Healthy")].status`,description="the last sync went well"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type == "Ready")].status`,description="the Secret can be used"
// +kubebuilder:printcolumn:name="Secret",type="string",priority=1,JSONPath=`.spec.destination.name`,description="Secret that is written"
// +kubebuilder:printcolumn:name="Mount",type="string",priority=1,JSONPath=`.spec.mount`,description="mount in Vault"
// +kubebuilder:printcolumn:name="Path",type="string",priority=1,JSONPath=`.spec.path`,description="path in the mount"
// +kubebuilder:printcolumn:name="Expires",type="string",priority=1,JSONPath=`.status.leaseExpiry`,description="time when the lease ends"
// +kubebuilder:printcolumn:name="Changed",type="date",priority=1,JSONPath=`.status.lastSyncTime`,description="time since the data was written"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].reason`,description="why it is ready or not"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="time since it was created"
type VaultDynamicSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What is wanted.
	Spec VaultDynamicSecretSpec `json:"spec,omitempty"`
	// What was done.
	Status VaultDynamicSecretStatus `json:"status,omitempty,omitzero"`
}

// VaultDynamicSecretList is what a list request returns.
//
// +kubebuilder:object:root=true
type VaultDynamicSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// The objects.
	Items []VaultDynamicSecret `json:"items"`
}
