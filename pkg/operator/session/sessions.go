package session

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
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
	Cached            client.Reader       // VaultAuths, VaultAuthGlobals, VaultConnections and Namespaces, from a cache
	Live              client.Reader       // Secrets, ServiceAccounts and ConfigMaps, from the API server
	Client            client.Client       // TokenRequests, and Secrets of kept tokens
	DefaultGlobals    bool                // a VaultAuth may take a VaultAuthGlobal that it does not name
	SecretIDFolders   []string            // below which secretIDPath may lie
	CacheSize         int                 // sessions at most; 0: 10000
	Persistence       Persistence         // "": none
	Key               mac.Key             // signs kept tokens; see LoadKey
	RateLimit         float64             // requests per second to the Vault of a connection that names no limit; 0: any
	RateBurst         int                 // at once, above that; 0: as many as in a second
	Concurrency       int                 // reads at once; 0: 64
	Backoff           lease.Backoff       // between failed reads of one secret; zero: 5s growing by 1.5 to 60s, half of it random
	Version           string              // for the User-Agent
	Transport         http.RoundTripper   // to every Vault; nil: the network
	Rand              lease.Rand          // nil: math/rand/v2
	Log               *slog.Logger        // nil: none
	Metrics           *telemetry.Operator // nil: none
	OnToken           func(TokenChange)   // must not block; nil: none
	Observe           func(secret.Event)  // must not block; nil: none
}

// TokenChange tells that resources of a session should be looked at.
type TokenChange struct {
	CacheKey string // of the session, without a Vault namespace at its end; see effective.ParentKey
	ClientID string // of the token now; "": there is none
	Ended    bool   // the session is gone; the next For makes another
}

// Sessions are all sessions of the operator.
type Sessions struct {
	o        Options
	schedule *lease.Schedule
	store    *secret.Store
	limits   *vault.Limits
	gate     gate
	accounts providers
	tasks    tasks

	mu          sync.Mutex // taken after that of a login, never before it
	logins      map[string]*login
	connections map[connectionKey]*connection
	ended       map[*login]struct{} // whose secrets somebody may still watch
	changed     map[reference]struct{}
	number      uint64              // of the newest login
	kept        map[string]struct{} // Secrets with tokens, as far as this process knows
}

// tasks are those of the schedule that are about all sessions.
type tasks struct {
	sweep  *lease.Entry
	review *lease.Entry
	tidy   *lease.Entry
}

// loginsAtOnce bounds the logins under way: a new leader logs in for every
// session, and each login costs Vault a review of the token by the cluster. At a
// hundredth of a second each, 32 at once are 3000 in a second.
const loginsAtOnce = 32

// New makes an empty set. Nothing happens before Run.
func New(o Options) *Sessions {
	o = o.withDefaults()
	s := &Sessions{
		o: o, schedule: lease.NewSchedule(o.Concurrency), limits: vault.NewLimits(), gate: make(gate, loginsAtOnce),
		logins: map[string]*login{}, connections: map[connectionKey]*connection{},
		ended: map[*login]struct{}{}, changed: map[reference]struct{}{}, kept: map[string]struct{}{},
	}
	s.accounts.live = o.Live
	s.store = secret.NewStore(s.schedule, secret.Options{Rand: o.Rand, Observe: o.Observe})
	s.tasks.sweep = s.schedule.AddUrgent(time.Now().Add(sweepEvery), s.sweep)
	s.tasks.review = s.schedule.AddUrgent(time.Time{}, s.review)
	s.tasks.tidy = s.schedule.AddUrgent(time.Time{}, s.tidy)
	if o.Persistence == PersistNone {
		s.tasks.tidy.Wake(time.Now()) // otherwise not before the first objects are known
	}
	return s
}

func (o Options) withDefaults() Options {
	if o.CacheSize <= 0 {
		o.CacheSize = 10000
	}
	if o.Persistence == "" {
		o.Persistence = PersistNone
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	if o.Backoff == (lease.Backoff{}) {
		o.Backoff = lease.Backoff{Initial: 5 * time.Second, Max: time.Minute, Multiplier: 1.5, Jitter: 0.5}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Run does what is due, until ctx ends. Then it revokes the tokens that nobody
// needs any more; they are not kept, and
// no lease hangs on them.
func (s *Sessions) Run(ctx context.Context) error {
	err := s.schedule.Run(ctx)
	s.revokeUnneeded(context.WithoutCancel(ctx))
	s.closeConnections()
	return err
}

// For returns the session of a resource, logged in. It waits for a login that is
// under way no longer than ctx; one that failed is not repeated for the sake of
// another caller, its error is returned at once, and OnToken tells when it has
// succeeded. Errors are *effective.Error, *vault.Error, or wrap an API error. As
// long as a session lives it is the same pointer.
func (s *Sessions) For(ctx context.Context, a Ask) (*Session, error) {
	began := time.Now()
	got, err := s.search(ctx, a)
	return got, s.asked(began, err)
}

func (s *Sessions) search(ctx context.Context, a Ask) (*Session, error) {
	for {
		made, err := s.resolve(ctx, a)
		if err != nil {
			return nil, err
		}
		l := s.login(made)
		if err = l.ready(ctx); err == nil {
			return l.in(a.VaultNamespace), nil
		}
		if !errors.Is(err, errEnded) {
			return nil, err
		}
	}
}

// login returns the login of a spec, a new one where there is none, or where the
// one that is there was made differently.
func (s *Sessions) login(made *spec) *login {
	s.mu.Lock()
	l := s.logins[made.key]
	if l != nil && l.made.same(made) {
		s.mu.Unlock()
		l.touch()
		s.counted(hits)
		return l
	}
	before := l
	l = newLogin(s, made)
	s.logins[made.key] = l
	victim := s.overflowing(l)
	s.mu.Unlock()
	s.counted(misses)
	if before != nil {
		before.end(true)
	}
	if victim != nil {
		s.counted(evictions)
		victim.end(false)
	}
	return l
}

// overflowing takes out the login that is one too many: the one that was not used
// for the longest time. The caller holds mu.
func (s *Sessions) overflowing(except *login) *login {
	if len(s.logins) <= s.o.CacheSize {
		return nil
	}
	var oldest *login
	for _, l := range s.logins {
		if l != except && (oldest == nil || l.used.Load() < oldest.used.Load()) {
			oldest = l
		}
	}
	if oldest != nil {
		delete(s.logins, oldest.made.key)
	}
	return oldest
}

// all returns the logins as they are now.
func (s *Sessions) all() []*login {
	s.mu.Lock()
	defer s.mu.Unlock()
	logins := make([]*login, 0, len(s.logins))
	for _, l := range s.logins {
		logins = append(logins, l)
	}
	return logins
}

// remove takes a login out, unless another has taken its place.
func (s *Sessions) remove(l *login) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logins[l.made.key] == l {
		delete(s.logins, l.made.key)
	}
	s.ended[l] = struct{}{}
}

// reference is an object that sessions are made of.
type reference struct {
	kind string
	name types.NamespacedName
}
