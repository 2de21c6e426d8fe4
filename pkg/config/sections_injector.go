package config

import "time"

// Injector holds what is special to the injector mode. What agents are given by
// default stands here as it was written; package injector judges it.
type Injector struct {
	Listen      string // host:port of HTTPS
	MetricsPath string // "" for none

	// What agents get.

	VaultAddress     string // "" takes Vault.Address
	VaultNamespace   string // "" takes Vault.Namespace
	VaultCACertBytes string // "" takes Vault.CACertBytes
	ProxyAddress     string // "" takes Vault.ProxyAddress
	Image            string // "" for the one of this version
	Flavor           string
	Binary           string
	ImagePullPolicy  string
	AuthType         string
	AuthPath         string
	AuthMinBackoff   string
	AuthMaxBackoff   string

	RunAsUser          int64
	RunAsGroup         int64
	RunAsSameUser      bool
	SetSecurityContext bool
	SeccompProfile     string
	CPURequest         string // of this and the next five, "none" for none
	CPULimit           string
	MemoryRequest      string
	MemoryLimit        string
	EphemeralRequest   string
	EphemeralLimit     string

	RevokeOnShutdown       bool
	DefaultTemplate        string
	ExitOnRetryFailure     bool
	RenderInterval         string
	MaxConnectionsPerHost  int
	LeaseRenewalThreshold  float64
	DisableIdleConnections string
	DisableKeepAlives      string
	Sidecar                string
	NativeSidecars         string // "auto", "true" or "false"
	EnvBinary              string
	TokenAudience          string
	TokenExpiration        time.Duration
	AllowedAddresses       []string // of Vault in annotations; none: all

	// TLS.

	TLSAuto         string   // name of the MutatingWebhookConfiguration
	TLSAutoHosts    []string // names of self-managed certificates
	TLSCertFile     string
	TLSKeyFile      string
	TLSCACertFile   string
	TLSMinVersion   string
	TLSCipherSuites []string

	// What is done in the cluster.

	UseLeaderElector  bool
	Namespace         string // of the injector
	PodName           string
	SecretName        string // of the authorities
	LeaseName         string
	ReportMissing     bool
	ReportSelector    string // of labels of pods
	DrainDelay        time.Duration
	KubernetesAddress string // URL; "" for the pod's own cluster
	KubernetesCAFile  string
	KubernetesToken   string // file
}
