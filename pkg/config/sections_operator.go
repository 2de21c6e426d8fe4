package config

import (
	"slices"
	"time"
)

// Operator holds what is special to the operator mode.
type Operator struct {
	MetricsAddress string // host:port of /metrics; "" or "0" for none
	MetricsSecure  bool   // HTTPS, for whom the API server admits
	MetricsCert    string // file of its certificate; "" makes one
	MetricsKey     string // file of its key
	HealthAddress  string // host:port of /healthz, /livez and /readyz; "" or "0" for none
	PprofAddress   string // host:port of /debug/pprof; "" or "0" for none

	Kubeconfig string   // file; "" for the pod's own cluster
	Namespace  string   // of the operator; "" for the pod's own
	PodName    string   // who holds the Lease; "" for the host's name
	PodUID     string   // tells a new process from a restarted container
	Namespaces []string // that are worked in; none: all

	LeaderElect bool
	Shards      int // parts that namespaces are divided into, each with a Lease
	ShardQuota  int // parts that a process takes at once; 0: all

	ClientCacheSize       int    // of the old operator; sessions that are held at most
	ClientCacheLocks      int    // of the old operator; it has no effect
	PersistenceModel      string // "none", "direct-unencrypted" or "direct-encrypted"
	MaxConcurrent         int    // objects of one kind that are worked on at a time
	MaxConcurrentDynamic  int    // of the old operator; for VaultDynamicSecrets where MaxConcurrent is the default; 0: none
	TransformationOptions []string
	VaultAuthOptions      []string
	BackoffInitial        time.Duration // between attempts on Vault, for one object
	BackoffMax            time.Duration
	BackoffMaxElapsed     time.Duration // after which an object that fails is left alone until something changes; 0: never
	BackoffRandomization  float64
	BackoffMultiplier     float64
	KubeQPS               float64 // requests per second to the API server; 0: no bound of our own
	KubeBurst             int
	MinRefreshAfterHVSA   time.Duration // of the old operator; it has no effect
	VaultQPS              float64       // requests per second to one VaultConnection that names no limit; 0: none
	VaultBurst            int
	ConnectionInterval    time.Duration // between looks at the health of a VaultConnection
	SecretIDFolders       []string      // of files that appRole.secretIDPath may name
	Defaults              string        // file of the VaultConnection and VaultAuth named default; "" for none
	Uninstall             bool
	UninstallTimeout      time.Duration
}

// ExcludeRaw tells whether Secrets are to have no key _raw.
func (o Operator) ExcludeRaw() bool {
	return slices.Contains(o.TransformationOptions, ExcludeRawOption)
}

// DefaultGlobals tells whether a VaultAuth may take a VaultAuthGlobal that it does
// not name.
func (o Operator) DefaultGlobals() bool {
	return slices.Contains(o.VaultAuthOptions, DefaultGlobalsOption)
}

// MaxConcurrentDefault is what MaxConcurrent is where nothing is set.
const MaxConcurrentDefault = 100

// Words of the options that hold several.
const (
	ExcludeRawOption     = "exclude-raw"
	DefaultGlobalsOption = "allow-default-globals"
)

// Values of Operator.PersistenceModel.
const (
	PersistNone        = "none"
	PersistUnencrypted = "direct-unencrypted"
	PersistEncrypted   = "direct-encrypted"
)
