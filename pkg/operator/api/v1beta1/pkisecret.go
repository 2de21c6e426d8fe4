package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// VaultPKISecretSpec says which certificate becomes a Secret.
type VaultPKISecretSpec struct {
	// VaultAuth to log in with, as NAME for one in the namespace of this object or as
	// NAMESPACE/NAME. Default: the VaultAuth named default in the operator's
	// namespace.
	// +optional
	VaultAuthRef string `json:"vaultAuthRef,omitempty"`
	// Vault namespace of the mount. Default: that of the login.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Path of the PKI mount, for example pki.
	Mount string `json:"mount"`
	// Role of the PKI engine.
	Role string `json:"role"`
	// Name or ID of the issuer. Default: that of the role.
	// +optional
	IssuerRef string `json:"issuerRef,omitempty"`
	// Revoke the certificate when it is renewed and when the object is deleted.
	// Default: false.
	// +optional
	Revoke bool `json:"revoke,omitempty"`
	// Empty the Secret when the object is deleted and destination.create is false.
	// Default: false.
	// +optional
	Clear bool `json:"clear,omitempty"`
	// Time before the end of the certificate when it is renewed, for example 24h. It
	// cannot be combined with renewalPercent. Default: 0s, which renews in the last 5 %
	// of its life.
	// +optional
	ExpiryOffset Duration `json:"expiryOffset,omitempty"`
	// Part of the certificate's life, in percent, after which it is renewed. Default:
	// expiryOffset decides.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=90
	// +optional
	RenewalPercent *int `json:"renewalPercent,omitempty"`
	// Common name of the certificate. Default: none, which the role must allow.
	// +optional
	CommonName string `json:"commonName,omitempty"`
	// DNS names and e-mail addresses of the certificate.
	// +optional
	AltNames []string `json:"altNames,omitempty"`
	// IP addresses of the certificate.
	// +optional
	IPSans []string `json:"ipSans,omitempty"`
	// URIs of the certificate.
	// +optional
	URISans []string `json:"uriSans,omitempty"`
	// Other names of the certificate, as OID;UTF8:TEXT.
	// +optional
	OtherSans []string `json:"otherSans,omitempty"`
	// User IDs (OID 0.9.2342.19200300.100.1.1) in the subject of the certificate.
	// +optional
	UserIDs []string `json:"userIDs,omitempty"`
	// Lifetime of the certificate, for example 72h or 90d. Default: that of the role.
	// +optional
	TTL DayDuration `json:"ttl,omitempty"`
	// Encoding that Vault answers in: pem, der or pem_bundle. Default: pem.
	// +optional
	Format string `json:"format,omitempty"`
	// Encoding of the private key: der or pkcs8. Default: der, which in PEM is PKCS #1
	// or SEC 1.
	// +optional
	PrivateKeyFormat string `json:"privateKeyFormat,omitempty"`
	// End of the certificate as YYYY-MM-ddTHH:MM:SSZ. Default: ttl decides.
	// +optional
	NotAfter string `json:"notAfter,omitempty"`
	// Leave the common name out of the DNS names. Default: false.
	// +optional
	ExcludeCNFromSans bool `json:"excludeCNFromSans,omitempty"`
	// Make the private key in the operator and have Vault sign a request for it, so
	// that the key never travels. The role must allow to sign. Default: Vault makes the
	// key.
	// +optional
	PrivateKey *PrivateKey `json:"privateKey,omitempty"`
	// Keystores that are written beside the PEM keys.
	// +optional
	Keystores *Keystores `json:"keystores,omitempty"`
	// Write key ca.crt in every case, for every type of Secret. Default: false, which
	// writes it for type kubernetes.io/tls where Vault answers no chain.
	// +optional
	AlwaysWriteCA bool `json:"alwaysWriteCA,omitempty"`
	// How a certificate is succeeded by the next. With revokeAfterRollout the one
	// before is revoked, whatever revoke says. Default: revoke decides, at once.
	// +optional
	Rotation *RotationPolicy `json:"rotation,omitempty"`
	// Workloads to restart when the certificate has changed.
	// +optional
	RolloutRestartTargets []RolloutRestartTarget `json:"rolloutRestartTargets,omitempty"`
	// When and how the workloads are restarted.
	// +optional
	RolloutRestartPolicy *RolloutRestartPolicy `json:"rolloutRestartPolicy,omitempty"`
	// The Secret that is written.
	Destination Destination `json:"destination"`
}

// PrivateKey says how the operator makes private keys.
//
// +kubebuilder:validation:XValidation:rule="!has(self.size) || self.algorithm != 'ed25519'",message="ed25519 keys have no size"
// +kubebuilder:validation:XValidation:rule="!has(self.size) || self.algorithm != 'rsa' || self.size in [2048, 3072, 4096]",message="the size of an rsa key must be 2048, 3072 or 4096"
// +kubebuilder:validation:XValidation:rule="!has(self.size) || self.algorithm != 'ec' || self.size in [256, 384, 521]",message="the size of an ec key must be 256, 384 or 521"
type PrivateKey struct {
	// What a renewal does: rotate makes a new key, keep takes the one that the Secret
	// holds.
	// +kubebuilder:default=rotate
	// +optional
	Policy PrivateKeyPolicy `json:"policy,omitempty"`
	// Algorithm of the key, in Vault's words: rsa, ec or ed25519.
	// +kubebuilder:default=ec
	// +kubebuilder:validation:Enum=rsa;ec;ed25519
	// +optional
	Algorithm string `json:"algorithm,omitempty"`
	// Length of the key in bits: 2048, 3072 or 4096 for rsa, 256, 384 or 521 for ec.
	// Default: 2048 for rsa, 256 for ec.
	// +optional
	Size int `json:"size,omitempty"`
}

// PrivateKeyPolicy says what a renewal does with the key; "" is PrivateKeyRotate.
//
// +kubebuilder:validation:Enum=rotate;keep
type PrivateKeyPolicy string

// The policies of [PrivateKey.Policy].
const (
	PrivateKeyRotate PrivateKeyPolicy = "rotate"
	PrivateKeyKeep   PrivateKeyPolicy = "keep"
)

// Keystores are files in one of Java's and Windows' formats.
type Keystores struct {
	// PKCS #12 keystore with certificate, chain and private key.
	// +optional
	PKCS12 *Keystore `json:"pkcs12,omitempty"`
	// Java keystore (JKS) with certificate, chain and private key.
	// +optional
	JKS *Keystore `json:"jks,omitempty"`
}

// Keystore is one keystore.
type Keystore struct {
	// Key of the Secret that the keystore is written to. Default: keystore.p12 or
	// keystore.jks.
	// +optional
	Key string `json:"key,omitempty"`
	// Key of the Secret that a truststore with the certificates of the authorities is
	// written to, for example truststore.p12. Default: none is written.
	// +optional
	TruststoreKey string `json:"truststoreKey,omitempty"`
	// Name of the entry in a Java keystore; PKCS #12 keystores have none.
	// +kubebuilder:default=certificate
	// +optional
	Alias string `json:"alias,omitempty"`
	// Password of the keystore and of the truststore.
	PasswordSecretRef SecretKeyRef `json:"passwordSecretRef"`
}

// SecretKeyRef names one key of a Secret in the namespace of the object.
type SecretKeyRef struct {
	// Name of the Secret.
	Name string `json:"name"`
	// Key in the Secret.
	// +kubebuilder:default=password
	// +optional
	Key string `json:"key,omitempty"`
}

// PreviousCertificate is a certificate that has a successor and waits for its
// revocation.
type PreviousCertificate struct {
	// Serial number as Vault writes it.
	SerialNumber string `json:"serialNumber"`
	// Time when the successor was written.
	ReplacedAt metav1.Time `json:"replacedAt"`
}

// VaultPKISecretStatus is what was done last.
type VaultPKISecretStatus struct {
	// Serial number of the certificate as Vault writes it.
	// +optional
	SerialNumber string `json:"serialNumber,omitempty"`
	// End of the certificate, in seconds since 1970.
	// +optional
	Expiration int64 `json:"expiration,omitempty"`
	// Generation of the object that was synced last.
	LastGeneration int64 `json:"lastGeneration"`
	// Time when the certificate was issued, in seconds since 1970.
	LastRotation int64 `json:"lastRotation"`
	// Keyed hash of the data that was written last, in Base64.
	// +optional
	SecretMAC string `json:"secretMAC,omitempty"`
	// The last sync went well.
	Valid bool `json:"valid"`
	// What went wrong.
	Error string `json:"error"`
	// Certificates before, which are kept until the rollout is complete.
	// +optional
	PreviousCertificates []PreviousCertificate `json:"previousCertificates,omitempty"`
	// End of the certificate.
	// +optional
	NotAfter *metav1.Time `json:"notAfter,omitempty"`
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

// VaultPKISecret keeps a Secret filled with a certificate of Vault's PKI engine, and
// renews it in time.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=vpki,categories=vault
// +kubebuilder:printcolumn:name="Synced",type="string",JSONPath=`.status.conditions[?(@.type == "SecretSynced")].status`,description="the Secret has the newest certificate"
// +kubebuilder:printcolumn:name="Healthy",type="string",JSONPath=`.status.conditions[?(@.type == "Healthy")].status`,description="the last sync went well"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type == "Ready")].status`,description="the Secret can be used"
// +kubebuilder:printcolumn:name="Secret",type="string",priority=1,JSONPath=`.spec.destination.name`,description="Secret that is written"
// +kubebuilder:printcolumn:name="Mount",type="string",priority=1,JSONPath=`.spec.mount`,description="mount in Vault"
// +kubebuilder:printcolumn:name="Role",type="string",priority=1,JSONPath=`.spec.role`,description="role of the PKI engine"
// +kubebuilder:printcolumn:name="Expires",type="string",priority=1,JSONPath=`.status.notAfter`,description="end of the certificate"
// +kubebuilder:printcolumn:name="Changed",type="date",priority=1,JSONPath=`.status.lastSyncTime`,description="time since the data was written"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].reason`,description="why it is ready or not"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="time since it was created"
type VaultPKISecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What is wanted.
	Spec VaultPKISecretSpec `json:"spec,omitempty"`
	// What was done.
	Status VaultPKISecretStatus `json:"status,omitempty,omitzero"`
}

// VaultPKISecretList is what a list request returns.
//
// +kubebuilder:object:root=true
type VaultPKISecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// The objects.
	Items []VaultPKISecret `json:"items"`
}
