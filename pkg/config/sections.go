package config

import "time"

// Vault says which Vault server is talked to, and how.
type Vault struct {
	Address       string // URL; "unix:///path" for a socket
	Namespace     string // Vault namespace, "" for none
	CACert        string // file of PEM certificates; read again when it changes
	CAPath        string // directory of PEM files; read again when one changes
	CACertBytes   string // PEM certificates themselves
	ClientCert    string // file; read again when it changes
	ClientKey     string // file; read again when it changes
	TLSServerName string
	TLSSkipVerify bool
	ProxyAddress  string        // URL; "" takes HTTPS_PROXY and NO_PROXY
	Timeout       time.Duration // of one request; 0: 60s
	RateLimit     float64       // requests per second to the address; 0: none
	RateBurst     int           // 0: as the rate
	MaxRetries    int           // attempts after the first; see Retries
	MaxConns      int           // to the host; 0: no bound
	NoKeepAlive   bool
	NoIdle        bool // keep no idle connections
	Headers       []Header
}

// defaultRetries is what the Vault Agent does when nothing is said: with 250 ms
// doubled up to one minute, twelve retries last for about five minutes
// (0.25+0.5+1+2+4+8+16+32 s and four times 60 s).
const defaultRetries = 12

// Retries returns how often a failed request is repeated: MaxRetries, where 0
// stands for twelve times and a negative number for never.
func (v Vault) Retries() int {
	if v.MaxRetries == 0 {
		return defaultRetries
	}
	return max(v.MaxRetries, 0)
}

// Header is one extra HTTP header of every request.
type Header struct {
	Name  string
	Value string
}

// Auth says how to log in.
type Auth struct {
	Method     string            // a name that package auth knows: "kubernetes", "jwt", ...
	Mount      string            // "auth/kubernetes"; "" takes auth/METHOD
	Namespace  string            // of the auth mount; "" takes the connection's
	Role       string            // shorthand of Options["role"]
	Options    map[string]string // the method's own options; unknown ones are ignored
	MinBackoff time.Duration     // between failed logins; 0: 1s
	MaxBackoff time.Duration     // 0: 5m
	ExitOnErr  bool              // the first failed login ends the program
	WrapTTL    time.Duration     // 0: the login response is not wrapped
	Reauth     bool              // log in again when the credentials change
}

// Log says what is logged, and where to.
type Log struct {
	Level          string        // "trace", "debug", "info", "warn" or "error"
	Format         string        // "text" or "json"
	File           string        // "" for standard error; a directory takes agent.log in it
	RotateBytes    int64         // a file of that size is put aside; 0: at any size
	RotateDuration time.Duration // a file of that age is put aside
	RotateMaxFiles int           // old files kept; 0: all, -1: none
}

// Telemetry says what the program tells about itself.
type Telemetry struct {
	Address string // host:port that serves /metrics, /livez and /readyz; "" for none
}

// Agent holds what is special to the agent mode, apart from its document.
type Agent struct {
	ExitAfterAuth    bool   // end once every sink and template was written
	PIDFile          string // written at start, removed at the end; "" for none
	RevokeOnShutdown bool   // revoke the agent's own token at the end
	// The connections of these subsystems are not kept when idle, or not used
	// twice: "auto-auth", "caching", "proxying", "templating".
	DisableIdleConnections []string
	DisableKeepAlives      []string
}
