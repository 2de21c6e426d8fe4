package agentfile

import (
	"io/fs"
	"time"
)

// Document is everything that an agent document says. [New] makes an empty one.
type Document struct {
	Vault          *Vault    // nil if absent
	AutoAuth       *AutoAuth // nil if absent
	Identities     []Identity
	APIProxy       *APIProxy // nil if absent
	Cache          *Cache    // nil if absent
	Listeners      []Listener
	Templates      []Template
	TemplateConfig TemplateConfig
	EnvTemplates   []EnvTemplate
	Exec           *Exec          // nil if absent
	Telemetry      map[string]any // known keys; values are bool, int64, string (also durations) or []string
	Log            Log

	PIDFile       string
	ExitAfterAuth bool
	// The connections of these subsystems are not kept when idle, or not used
	// twice: "auto-auth", "caching", "proxying", "templating".
	DisableIdleConnections []string
	DisableKeepAlives      []string
	// RevokeOnShutdown revokes the agent's own token when it ends. The Vault
	// Agent has no such key.
	RevokeOnShutdown bool
	// ReloadOnChange takes over changes of the files that the document came from,
	// as SIGHUP does. Nil stands for true. The Vault Agent has no such key.
	ReloadOnChange *bool
}

// New returns a document that says nothing, with the defaults of the agent.
func New() *Document { return &Document{TemplateConfig: NewTemplateConfig()} }

// Vault says which server is talked to.
type Vault struct {
	Address       string
	CACert        string
	CAPath        string
	ClientCert    string
	ClientKey     string
	TLSSkipVerify bool
	TLSServerName string
	Namespace     string
	NumRetries    int // retry.num_retries; 0 stands for 12, -1 for none
}

// AutoAuth says how to log in, and where the token goes.
type AutoAuth struct {
	Method                 Method
	Sinks                  []Sink
	ReauthOnNewCredentials bool
}

// Identity is a second way to log in, which templates choose by its name. The
// Vault Agent has no such block.
type Identity struct {
	Name   string
	Vault  *Vault // nil, and empty fields, stand for what the vault block says
	Method Method
}

// Method is the way to log in.
type Method struct {
	Type       string
	MountPath  string // without slashes at its ends; "" stands for auth/TYPE
	Namespace  string
	WrapTTL    time.Duration     // 0: the login response is not wrapped
	MinBackoff time.Duration     // 0 stands for 1s
	MaxBackoff time.Duration     // 0 stands for 5m
	ExitOnErr  bool              // the first failed login ends the agent
	Config     map[string]string // options of the method; booleans and numbers as text
}

// Sink is a place for the token.
type Sink struct {
	Type      string // "file"
	WrapTTL   time.Duration
	DHType    string // "curve25519"
	DHPath    string
	DeriveKey bool
	AAD       string
	AADEnvVar string
	Path      string      // config.path
	Mode      fs.FileMode // config.mode; Decode gives 0640 where it is absent
	UID       *int        // config.uid; nil leaves the owner
	GID       *int        // config.gid; nil leaves the group
}

// DefaultSinkMode is the mode of a token file of which the document says nothing.
const DefaultSinkMode fs.FileMode = 0o640

// Values of UseAutoAuthToken; "" means that nothing is said.
const (
	UseTokenTrue  = "true"  // requests without a token get the agent's
	UseTokenFalse = "false" // requests keep what they have
	UseTokenForce = "force" // every request gets the agent's token
)

// APIProxy says how requests of others are passed on.
type APIProxy struct {
	UseAutoAuthToken           string
	EnforceConsistency         string // "never" or "always"
	WhenInconsistent           string // "fail", "retry" or "forward"
	PrependConfiguredNamespace bool
}

// Cache says whether leases are shared, and kept over a restart.
type Cache struct {
	UseAutoAuthToken   string
	EnforceConsistency string
	WhenInconsistent   string
	Persist            *Persist // nil if absent
}

// Persist says where the cache is kept.
type Persist struct {
	Type                    string // "kubernetes"
	Path                    string
	KeepAfterImport         bool
	ExitOnErr               bool
	ServiceAccountTokenFile string
}

// Listener is an address that the agent serves.
type Listener struct {
	Type                 string // "tcp" or "unix"
	Address              string // Decode gives DefaultListenerAddress to tcp where it is absent
	TLSDisable           bool
	TLSCertFile          string
	TLSKeyFile           string
	TLSMinVersion        string
	TLSMaxVersion        string
	TLSCipherSuites      []string
	TLSClientCAFile      string
	RequireClientCert    bool // tls_require_and_verify_client_cert
	DisableClientCerts   bool // tls_disable_client_certs
	SocketMode           string
	SocketUser           string
	SocketGroup          string
	RequireRequestHeader bool
	Role                 string // "" stands for "default"; "metrics_only" serves only metrics
	EnableQuit           bool   // agent_api.enable_quit
}

// DefaultListenerAddress is where a tcp listener without an address listens.
const DefaultListenerAddress = "127.0.0.1:8200"

// Log says what is logged, and where to. Empty and zero fields say nothing.
type Log struct {
	Level          string
	Format         string
	File           string
	RotateBytes    int
	RotateDuration time.Duration
	RotateMaxFiles int
}
