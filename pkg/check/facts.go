package check

import (
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/inventory"
)

// Facts are what was read of a cluster and a Vault. Nothing is read after they are
// complete.
type Facts struct {
	Now     time.Time // on our clock
	Pre     bool      // nothing is installed yet
	Cluster Cluster
	Vault   Vault
}

// Cluster is what the API server tells. Where something could not be read, the
// error beside it says why.
type Cluster struct {
	Err          error // nothing could be read at all
	Server       string
	Major, Minor int
	Skew         time.Duration // of its clock before ours

	Workloads    []inventory.Workload
	WorkloadsErr error

	Webhooks    []Webhook
	WebhooksErr error

	Definitions    []inventory.Definition
	DefinitionsErr error
	Objects        []inventory.Object // of the operator
	ObjectsErr     error

	Driver    *inventory.CSIDriver // nil: there is none
	DriverErr error
	Classes   int // SecretProviderClasses for us

	Rights    []Right
	RightsErr error
}

// Webhook is one webhook, and what happened when it was tried.
type Webhook struct {
	inventory.Webhook
	Replicas int // of the injector behind it that are ready

	Dialed  bool      // its own certificate was seen
	DialErr error     // of a connection that trusts the bundle alone
	Begins  time.Time // of that certificate
	Ends    time.Time

	TrialNamespace string // of the pod of a dry run; "" if none was made
	TrialErr       error  // the API server's
	Injected       bool
}

// Right is one thing that a service account must be able to do.
type Right struct {
	Who      string // NAMESPACE/NAME of a service account; "" for the user
	Part     inventory.Part
	Verb     string
	Resource string // with its group: "leases.coordination.k8s.io"
	Space    string // namespace; "" for all
	Name     string // of the object; "" for any
	Without  string // what is lost without it
	Needed   bool   // nothing works without it
	Allowed  bool
}

// Vault is what a Vault tells.
type Vault struct {
	Skipped   string // why it was not looked at; "" if it was
	Address   string
	Err       error // it could not be asked
	Version   string
	Sealed    bool
	Ready     bool          // initialized
	Standby   bool          // of an active node elsewhere
	Skew      time.Duration // of its clock before ours
	Insecure  string        // why the connection is not safe; "" if it is
	CertBegin time.Time     // of its certificate; zero without TLS
	CertEnd   time.Time

	Login Login
	Mount Mount
}

// Login is a trial to log in as a workload.
type Login struct {
	Tried    bool
	Who      string // NAMESPACE/NAME of the service account
	Role     string
	Mount    string // "auth/kubernetes"
	Audience string
	JWTErr   error // the API server gives no token
	Issuer   string
	Err      error         // of the login
	TTL      time.Duration // of Vault's token; 0: it does not end
	Renew    bool
	Policies []string
	Interval time.Duration // between two reads of secrets without a lease
}

// Mount is what an administrator may read of the auth mount.
type Mount struct {
	Read       bool
	Issuer     string // that it insists on; "" for any
	Namespaces []string
	Accounts   []string
	Audience   string
	RoleErr    error
}
