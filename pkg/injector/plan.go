package injector

import (
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// Words of annotations and options.
const (
	flavorAuto    = "auto"
	flavorOurs    = "vaultk8s"
	flavorVault   = "vault"
	flavorOpenBao = "openbao"

	templateMap  = "map"
	templateJSON = "json"

	sidecarAuto    = "auto"
	sidecarClassic = "classic"
	sidecarNative  = "native"

	binaryCopy  = "copy"
	binaryImage = "image"
)

// plan is what the annotations of a pod ask for, typed and with all defaults.
// What build.go and its neighbors do with it cannot fail any more, except where
// a JSON patch of the user does not fit.
type plan struct {
	namespace string

	image, flavor, pullPolicy, binary string

	containers      []string // which get the files; all if containersSaid is false
	containersSaid  bool
	secrets         []*secretPlan // sorted by name
	env             []envVar      // sorted by name
	envContainers   []string      // nil: as containers
	envRestart      string
	envBinary       string
	secretDir       string // global mount path of the files
	preserveCase    *bool
	injectToken     bool
	defaultTemplate string

	initFirst, prePopulate, prePopulateOnly bool
	sidecar                                 string // native or classic, when parsed
	owner                                   string
	configMap, extraConfig, extraSecret     string
	copyMounts                              string
	amounts, initAmounts, sidecarAmounts    amounts
	user, group                             int64
	userSaid, groupSaid                     bool
	sameUser                                bool
	securityContext                         bool
	seccomp                                 string
	shareProcesses                          *bool
	tokenVolume                             string
	audience                                string
	expiration                              time.Duration
	revoke                                  bool
	revokeGrace                             uint64 // seconds
	quit                                    bool
	patch, initPatch                        string
	extraEnv                                map[string]string

	vault       vaultPlan
	auth        authPlan
	cache       cachePlan
	template    templatePlan
	idle, alive []string
	telemetry   map[string]any
	goMaxProcs  string
	logLevel    string
	logFormat   string

	token tokenMount // of the service account; found in the pod, or added
}

// vaultPlan is the connection.
type vaultPlan struct {
	address, addressKey   string
	namespace, proxy      string
	skipVerify            bool
	tlsSecret, serverName string
	caCert, caPath        string
	clientCert, clientKey string
	caBytes               string
	maxRetries, timeout   string // as written; "" for neither
}

// authPlan is the login.
type authPlan struct {
	kind, path, role       string
	config                 map[string]string
	minBackoff, maxBackoff time.Duration
	exitOnErr              bool
}

type cachePlan struct {
	enabled   bool
	useToken  string
	port      string
	exitOnErr bool
}

type templatePlan struct {
	exitOnRetryFailure bool
	interval           time.Duration
	connections        int
	threshold          float64
}

// secretPlan is one file of secrets.
type secretPlan struct {
	name string // as in the annotation

	path, contents, source string
	contentsKey            string
	file                   string
	perms                  string
	command                string
	signal                 string
	left, right            string
	errorOnMissing         bool
	dir                    string // "" for the global one
	preserveCase           *bool
	format                 string
	kubernetesSecret       string
	keys                   []string
	keystore               agentfile.Keystore
	containers             []string // nil: as the plan's
	who                             // reads it

	// What follows is decided when all annotations are read.

	destination string
	volume      string
	identity    string
}

// given reports whether the annotations say what the file holds.
func (s *secretPlan) given() bool { return s.path != "" || s.contents != "" || s.source != "" }

// envVar is one environment variable of the application.
type envVar struct {
	name, path, key string
	contents        string // in place of path and key
	who                    // reads it
	identity        string // decided when all annotations are read
}

// amounts are requests and limits, in the order of resourceNames.
type amounts struct{ limits, requests [3]amount }

// amount is a quantity, and who asked for it.
type amount struct {
	key      string             // the annotation
	said     bool               // by an annotation, not by an option
	quantity *resource.Quantity // nil for none
}

// ours reports whether the agent is this program.
func (p *plan) ours() bool { return p.flavor == flavorOurs }

// beside reports whether agent containers are needed. A pod that wants only
// environment variables needs none: the wrapped commands log in for themselves.
func (p *plan) beside() bool {
	return len(p.env) == 0 || len(p.secrets) > 0 || p.injectToken || p.listens() || p.configMap != "" || p.extraConfig != ""
}

func (p *plan) listens() bool { return p.cacheServes() || p.quit }

// cacheServes reports whether the cache annotation has an effect.
func (p *plan) cacheServes() bool { return p.cache.enabled && !p.prePopulateOnly }

func (p *plan) native() bool { return p.beside() && p.sidecar == sidecarNative }

func (p *plan) hasInit() bool { return p.beside() && p.prePopulate && !p.native() }

func (p *plan) hasSidecar() bool { return p.beside() && (p.native() || !p.prePopulateOnly) }

// handsOver reports whether an init container leaves token and leases to a
// sidecar: our agents always do, the old ones if told to.
func (p *plan) handsOver() bool {
	return p.hasInit() && p.hasSidecar() && (p.ours() || p.cache.enabled)
}

// injection names what the plan adds.
func (p *plan) injection() Injection {
	switch {
	case p.native():
		return NativeSidecar
	case p.hasInit() && p.hasSidecar():
		return InitAndSidecar
	case p.hasInit():
		return InitOnly
	case p.hasSidecar():
		return SidecarOnly
	case len(p.env) > 0:
		return EnvironmentOnly
	default:
		return VolumesOnly
	}
}
