package agentfile

import (
	"io/fs"
	"time"
)

// Template is one file to render. [NewTemplate] gives the defaults.
type Template struct {
	Source            string // path of the template; either this or Contents
	Contents          string
	Destination       string
	CreateDestDirs    bool     // by default true
	Command           []string // a text stays one element, for a shell
	CommandTimeout    time.Duration
	Exec              *TemplateExec // nil if absent
	ErrorOnMissingKey bool
	ErrorFatal        bool         // by default true: a failure to render ends the attempt of all
	Perms             *fs.FileMode // nil keeps those of an existing file, else 0644
	User              string       // name or number; "" leaves the owner
	Group             string       // name or number; "" leaves the group
	Backup            bool
	LeftDelim         string
	RightDelim        string
	SandboxPath       string   // the function file reads only below it
	FunctionDenylist  []string // patterns of functions that fail
	Wait              *Wait    // nil renders at once

	// What follows is ours: the Vault Agent has no such keys.

	Identity         string            // who reads: the name of an Identity; "" for auto_auth
	Secret           string            // in place of Source and Contents: the path of one secret, shaped by Format
	Params           map[string]string // of Secret: parameters of a write; nil reads
	Format           string            // of Secret: a name that package render knows; "" stands for "json"
	Keys             []string          // of Secret: the keys that are taken; none takes all
	Keystore         *Keystore         // of the formats pkcs12 and jks; nil if absent
	KubernetesSecret *KubernetesSecret // where the output is kept besides; nil for nowhere
}

// Keystore says how a keystore is made.
type Keystore struct {
	PasswordFile string // holds the password; "" takes PasswordKey
	PasswordKey  string // key of the secret that holds the password
	Alias        string // "" stands for "certificate"
}

// KubernetesSecret names one key of a Kubernetes Secret.
type KubernetesSecret struct {
	Namespace string // "" stands for the pod's own
	Name      string
	Key       string
}

// Wait holds a render back until the data was quiet for Min, but no longer than Max.
type Wait struct{ Min, Max time.Duration }

// TemplateExec is a command in its long form.
type TemplateExec struct {
	Command      []string
	Timeout      time.Duration
	Enabled      *bool // nil: if there is a command
	Env          CommandEnv
	KillSignal   string
	KillTimeout  time.Duration
	ReloadSignal string
	Splay        time.Duration
}

// CommandEnv is the environment of a command.
type CommandEnv struct {
	Pristine  bool // nothing is inherited
	Custom    []string
	Allowlist []string
	Denylist  []string
}

// EnvTemplate renders one environment variable of the process that Exec names.
type EnvTemplate struct {
	Name              string
	Source            string
	Contents          string
	ErrorOnMissingKey bool
	ErrorFatal        bool
	LeftDelim         string
	RightDelim        string
	FunctionDenylist  []string
	Identity          string // ours: who reads, the name of an Identity; "" for auto_auth
}

// Exec is the process that is run with the rendered environment.
type Exec struct {
	Command           []string
	RestartOnChange   string // restart_on_secret_changes: "always" or "never"
	RestartStopSignal string
	Stdout            string // child_process_stdout, a file; "" for the agent's own
	Stderr            string
}

// TemplateConfig holds for all templates.
type TemplateConfig struct {
	ExitOnRetryFailure         bool
	StaticSecretRenderInterval time.Duration
	MaxConnectionsPerHost      int
	LeaseRenewalThreshold      float64 // fraction of a lease, above 0 and below 1
}

// The defaults of the agent where a document says nothing.
const (
	DefaultCommandTimeout = 30 * time.Second
	DefaultLeftDelim      = "{{"
	DefaultRightDelim     = "}}"
	defaultKillTimeout    = 30 * time.Second
	defaultKillSignal     = "SIGINT"
	defaultStopSignal     = "SIGTERM"
	defaultRenderInterval = 5 * time.Minute
	defaultConnections    = 10
	defaultThreshold      = 0.90
	waitFactor            = 4 // of Wait.Min is Wait.Max, if only the former is given
)

// NewTemplate returns a template with the defaults of the agent.
func NewTemplate() Template {
	return Template{
		CreateDestDirs: true, ErrorFatal: true, CommandTimeout: DefaultCommandTimeout,
		LeftDelim: DefaultLeftDelim, RightDelim: DefaultRightDelim,
	}
}

// NewEnvTemplate returns a template of a variable with the defaults of the agent.
func NewEnvTemplate(name string) EnvTemplate {
	return EnvTemplate{Name: name, ErrorFatal: true, LeftDelim: DefaultLeftDelim, RightDelim: DefaultRightDelim}
}

// NewTemplateConfig returns the defaults of the agent.
func NewTemplateConfig() TemplateConfig {
	return TemplateConfig{
		StaticSecretRenderInterval: defaultRenderInterval,
		MaxConnectionsPerHost:      defaultConnections,
		LeaseRenewalThreshold:      defaultThreshold,
	}
}

func newTemplateExec() *TemplateExec {
	return &TemplateExec{Timeout: DefaultCommandTimeout, KillSignal: defaultKillSignal, KillTimeout: defaultKillTimeout}
}

// RunApplication makes a command the application of the document, in place of
// the one that it may name; none changes nothing.
func (doc *Document) RunApplication(command []string) {
	if len(command) == 0 {
		return
	}
	if doc.Exec == nil {
		doc.Exec = newExec()
	}
	doc.Exec.Command = command
}

func newExec() *Exec {
	return &Exec{RestartOnChange: "always", RestartStopSignal: defaultStopSignal}
}
