package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// Ask says for which resource a session is wanted.
type Ask struct {
	Namespace      string // of the resource
	AuthRef        string // its spec.vaultAuthRef
	VaultNamespace string // its spec.namespace
}

// Persistence says whether tokens outlive the process.
type Persistence string

// The models of persistence, as the flag names them.
const (
	PersistNone      Persistence = "none"
	PersistPlain     Persistence = "direct-unencrypted"
	PersistEncrypted Persistence = "direct-encrypted"
)

// Options of all sessions.
type Options struct {
	OperatorNamespace string
	Cached            client.Reader // VaultAuths, VaultAuthGlobals, VaultConnections and Namespaces, from a cache
	Live              client.Reader // Secrets, ServiceAccounts and ConfigMaps, from the API server
	Client            client.Client // TokenRequests, and Secrets of kept tokens
	DefaultGlobals    bool          // a VaultAuth may take a VaultAuthGlobal that it does not name
	SecretIDFolders   []string      // below which secretIDPath may lie
	CacheSize         int           // sessions at most; 0: 10000
	Persistence       Persistence   // "": none
	Key               mac.Key       // signs kept tokens; see LoadKey
	Concurrency       int           // reads at once; 0: 64
	Version           string        // for the User-Agent
	Log               *slog.Logger
	OnToken           func(TokenChange)  // must not block; nil: none
	Observe           func(secret.Event) // must not block; nil: none
}

// TokenChange tells that resources of a session should be looked at.
type TokenChange struct {
	CacheKey string // of the session, without a Vault namespace at its end; see effective.ParentKey
	ClientID string // of the token now; "": there is none
	Ended    bool   // the session is gone; the next For makes another
}

// Sessions are all sessions of the operator.
type Sessions struct{}

// New makes an empty set. Nothing happens before Run.
func New(o Options) *Sessions { return &Sessions{} }

// Run does what is due, until ctx ends.
func (s *Sessions) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// For returns the session of a resource, logged in. It waits for a login that is
// under way no longer than ctx; one that failed is not repeated for the sake of
// another caller, its error is returned at once, and OnToken tells when it has
// succeeded. Errors are *effective.Error, *vault.Error, or wrap an API error.
func (s *Sessions) For(ctx context.Context, a Ask) (*Session, error) { return nil, errors.New("soon") }

// Changed tells that an object was changed or deleted: kind is VaultAuth,
// VaultAuthGlobal or VaultConnection. Sessions that would be made differently now
// end, in memory and among the kept tokens. It may be called at any time, and does
// nothing where nothing changed.
func (s *Sessions) Changed(kind string, name types.NamespacedName) {}

// Health is what a Vault tells without a login.
type Health struct {
	Version     string
	Initialized bool
	Sealed      bool
	Cluster     string // name of the cluster
}

// Connect asks the Vault of a connection how it is, without a login.
func (s *Sessions) Connect(ctx context.Context, c *v1beta1.VaultConnection) (Health, error) {
	return Health{}, errors.New("soon")
}

// LoadKey returns the key of package mac from its Secret in the operator's
// namespace, which is created where there is none.
func LoadKey(ctx context.Context, c client.Client, live client.Reader, namespace string) (mac.Key, error) {
	return mac.Key{}, errors.New("soon")
}

var _ = time.Second
