package v1beta1

// Finalizers, which keep an object until what it caused in Vault and in the cache
// is cleaned up. The one of certificates is spelled in the plural, as it always was.
const (
	FinalizerVaultConnection    = "vaultconnection.secrets.hashicorp.com/finalizer"
	FinalizerVaultAuth          = "vaultauth.secrets.hashicorp.com/finalizer"
	FinalizerVaultStaticSecret  = "vaultstaticsecret.secrets.hashicorp.com/finalizer"
	FinalizerVaultDynamicSecret = "vaultdynamicsecret.secrets.hashicorp.com/finalizer"
	FinalizerVaultPKISecret     = "vaultpkisecrets.secrets.hashicorp.com/finalizer"
	FinalizerClusterVaultSecret = "clustervaultsecret.secrets.hashicorp.com/finalizer"
	FinalizerVaultPushSecret    = "vaultpushsecret.secrets.hashicorp.com/finalizer"
	// FinalizerHCPVaultSecretsApp is only ever removed: its kind is not served.
	FinalizerHCPVaultSecretsApp = "hcpvaultsecretsapp.secrets.hashicorp.com/finalizer"
)

// Labels of the Secrets that the operator owns, and the values of the first three.
// A Secret without exactly these is somebody else's.
const (
	LabelName        = "app.kubernetes.io/name"
	LabelManagedBy   = "app.kubernetes.io/managed-by"
	LabelComponent   = "app.kubernetes.io/component"
	LabelOwnerUID    = "secrets.hashicorp.com/vso-ownerRefUID" // UID of the owning object
	ValueName        = "vault-secrets-operator"
	ValueManagedBy   = "hashicorp-vso"
	ValueComponent   = "secret-sync"
	LabelClusterName = "secrets.hashicorp.com/cluster-vault-secret" // name of the ClusterVaultSecret that made an object
)

// Annotations.
const (
	// AnnotationRestartedAt is set on pod templates that are restarted, RFC 3339.
	AnnotationRestartedAt = "vso.secrets.hashicorp.com/restartedAt"
	// AnnotationRefresh asks for an immediate refresh whenever its value changes.
	AnnotationRefresh = "vaultk8s.io/refresh"
)

// NameDefault is the name of the VaultConnection and VaultAuth of the operator's
// namespace that serve where none is named, and of default VaultAuthGlobals.
const NameDefault = "default"

// Condition types.
const (
	ConditionReady              = "Ready"
	ConditionHealthy            = "Healthy"
	ConditionSecretSynced       = "SecretSynced"
	ConditionLeaseRenewal       = "LeaseRenewal"
	ConditionRolloutRestart     = "RolloutRestart"
	ConditionVaultPing          = "VaultPing"
	ConditionVaultClient        = "VaultClient"
	ConditionResourceValidation = "ResourceValidation"
	ConditionAvailable          = "Available"
	ConditionReconciling        = "Reconciling" // as kstatus defines it
	ConditionStalled            = "Stalled"     // as kstatus defines it
	ConditionPushed             = "Pushed"      // of VaultPushSecret
	ConditionDistributed        = "Distributed" // of ClusterVaultSecret
)

// Reasons of conditions that are not reasons of events as well.
const (
	ReasonSynced             = "Synced"
	ReasonVaultAuthGlobalRef = "VaultAuthGlobalRef"
)

// Reasons of events. Several also stand in conditions.
const (
	ReasonAccepted                      = "Accepted"
	ReasonInvalidConfiguration          = "InvalidConfiguration"
	ReasonInvalidResourceRef            = "InvalidResourceRef"
	ReasonK8sClientError                = "K8sClientError"
	ReasonRolloutRestartFailed          = "RolloutRestartFailed"
	ReasonRolloutRestartTriggered       = "RolloutRestartTriggered"
	ReasonRolloutRestartTriggeredFailed = "RolloutRestartTriggeredFailed"
	ReasonRolloutRestartUnsupported     = "RolloutRestartUnsupported"
	ReasonSecretLeaseRenewal            = "SecretLeaseRenewal"
	ReasonSecretLeaseRevoke             = "SecretLeaseRevoke"
	ReasonSecretLeaseRenewalError       = "SecretLeaseRenewalError"
	ReasonSecretRotated                 = "SecretRotated"
	ReasonSecretSync                    = "SecretSync"
	ReasonSecretSyncError               = "SecretSyncError"
	ReasonSecretSynced                  = "SecretSynced"
	ReasonStatusUpdateError             = "StatusUpdateError"
	ReasonUnrecoverable                 = "Unrecoverable"
	ReasonVaultClientConfigError        = "VaultClientConfigError"
	ReasonVaultClientError              = "VaultClientError"
	ReasonVaultStaticSecretError        = "VaultStaticSecretError"
	ReasonSecretDataDrift               = "SecretDataDrift"
	ReasonInexistentDestination         = "InexistentDestination"
	ReasonResourceUpdated               = "ResourceUpdated"
	ReasonInitialSync                   = "InitialSync"
	ReasonInRenewalWindow               = "InRenewalWindow"
	ReasonHMACDataError                 = "HMACDataError"
	ReasonCertificateRevocationError    = "CertificateRevocationError"
	ReasonTransformationError           = "TransformationError"
	ReasonSecretDataBuilderError        = "SecretDataBuilderError"
	ReasonForceSync                     = "ForceSync"
	ReasonVaultTokenRotated             = "VaultTokenRotated"
	ReasonVaultClientConfigChanged      = "VaultClientConfigChanged"
	ReasonEventWatcherError             = "EventWatcherError"
	ReasonEventWatcherStarted           = "EventWatcherStarted"
	ReasonHealthy                       = "Healthy"
	ReasonUnhealthy                     = "Unhealthy"
	ReasonReady                         = "Ready"
)

// Reasons of events and conditions that the older operator did not have.
const (
	ReasonSecretMissing      = "SecretMissing"      // nothing is at the path in Vault
	ReasonKeyConflict        = "KeyConflict"        // two sources have the same key
	ReasonVersionConflict    = "VersionConflict"    // somebody else has written to the path
	ReasonRolloutPending     = "RolloutPending"     // a restart is waited for
	ReasonLeaseOrphaned      = "LeaseOrphaned"      // a lease could not be revoked in time
	ReasonCertificateRevoked = "CertificateRevoked" // a certificate that has a successor, or no object, was revoked
	ReasonSecretPushed       = "SecretPushed"       // a new version was written to Vault
	ReasonSecretPushError    = "SecretPushError"    // nothing could be written to Vault
	ReasonDistributed        = "Distributed"        // all namespaces have their object
	ReasonDistributionError  = "DistributionError"  // some namespaces have not
)
