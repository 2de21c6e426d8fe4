package fakevault

import (
	"sync"
	"time"
)

// defaultLeaseTTL is Vault's default for both the default and the max lease TTL:
// 32 days of 24 hours.
const defaultLeaseTTL = 768 * time.Hour

// Server is one Vault. Its methods may be called from several goroutines.
type Server struct {
	rootToken          string
	defaultTTL, maxTTL time.Duration
	withoutLog         bool
	started            time.Time
	clusterID          string

	mu         sync.Mutex
	sealed     bool
	namespaces map[string]*namespace
	tokens     tokenStore
	leases     leaseStore
	jwts       map[string]JWT
	requests   []Request
	logins     int

	faults faultList
}

// Option changes a Server while [New] makes it.
type Option func(*Server)

// WithRootToken chooses the root token, which is "root" otherwise.
func WithRootToken(token string) Option {
	return func(s *Server) { s.rootToken = token }
}

// WithLeaseTTLs sets the system's default and max lease TTL, which are 768 hours
// otherwise.
func WithLeaseTTLs(defaultTTL, maxTTL time.Duration) Option {
	return func(s *Server) { s.defaultTTL, s.maxTTL = defaultTTL, maxTTL }
}

// WithoutRequestLog keeps no [Request], so that a benchmark does not measure a
// growing list. Logins still count.
func WithoutRequestLog() Option {
	return func(s *Server) { s.withoutLog = true }
}

// New makes a server, unsealed, with nothing mounted but sys/ and auth/token/.
func New(opts ...Option) *Server {
	s := &Server{
		rootToken:  "root",
		defaultTTL: defaultLeaseTTL,
		maxTTL:     defaultLeaseTTL,
		started:    time.Now(),
		clusterID:  newUUID(),
		namespaces: map[string]*namespace{},
		jwts:       map[string]JWT{},
	}
	for _, o := range opts {
		o(s)
	}
	s.tokens.init()
	s.leases.init()
	s.namespaces[""] = newNamespace("")
	s.tokens.add(&token{
		id: s.rootToken, accessor: newID(), path: "auth/token/create", displayName: "token",
		policies: []string{"root"}, orphan: true, issued: s.started, kind: kindService, ns: s.namespaces[""],
	})
	return s
}

// RootToken is the token that may do everything.
func (s *Server) RootToken() string { return s.rootToken }

// locked runs f with the server's state to itself.
func (s *Server) locked(f func(now time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(time.Now())
}
