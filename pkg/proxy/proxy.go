// Package proxy answers the applications of a pod in Vault's place: it passes
// their requests on, with the agent's token where the configuration says so, and
// shares leases and tokens among them.
//
// Most callers need two functions: [New] makes a [Proxy], and [Proxy.Handler] is
// what one listener serves: everything below /v1/, and the agent's own endpoints
// below /agent/v1/. With a cache, an answer that holds a renewable lease or a new
// token is given to everyone who asks the same, and is kept alive by an entry of
// the lease schedule until it ends, is revoked through the proxy, or is cleared.
// Everything lies in memory only.
//
// The memory of the cache is bounded by [CacheBytes]. What is in it is in use:
// dropping it would end the renewal of somebody's credentials. So where the cache
// is full, new answers are passed on and not kept.
package proxy

import (
	"net/http"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Options is what a proxy is made of.
type Options struct {
	// Upstream says where requests go. It is asked for each of them, so that a
	// reload may change it. nil: only the endpoints of the agent are served.
	Upstream func() Upstream
	// UseToken: "true" gives the agent's token to requests that have none, "force"
	// to all, "" and "false" to none.
	UseToken string
	// PrependNamespace puts the namespace of the connection before that of a request.
	PrependNamespace bool
	// Schedule keeps the leases of the cache alive. nil: there is no cache.
	Schedule *lease.Schedule
	Rand     lease.Rand // nil: math/rand/v2
	Count    Counters
	Agent    Endpoints
}

// Upstream is where requests go, and with whose token.
type Upstream struct {
	Client  *vault.Client
	Session TokenSource // nil: there is no token of the agent
}

// TokenSource keeps a token alive. A vault.Session is one.
type TokenSource interface {
	// State returns the token as it is now.
	State() vault.TokenState
	// Invalid tells that Vault does not know the token of an epoch any more.
	Invalid(epoch uint64)
}

var _ TokenSource = (*vault.Session)(nil)

// Counters are told what happened to requests. Any of them may be nil.
type Counters struct {
	Success     func() // answered below 400, by Vault or from the cache
	ClientError func() // Vault answered 400 or more
	Error       func() // there was no answer
	CacheHit    func()
	CacheMiss   func() // passed on by a proxy with a cache
}

func count(f func()) {
	if f != nil {
		f()
	}
}

// Proxy passes requests on to Vault. It has no goroutine of its own.
type Proxy struct {
	o     Options
	cache *cache // nil: none
}

// New makes a proxy. It does not contact Vault.
func New(o Options) *Proxy {
	p := &Proxy{o: o}
	if o.Schedule != nil && o.Upstream != nil {
		p.cache = newCache(o)
	}
	return p
}

// Close ends the care for everything in the cache. The leases live on to their
// end, because applications may still use them.
func (p *Proxy) Close() {
	if p.cache != nil {
		p.cache.evict(func(*entry) bool { return true })
	}
}

// Cached returns how many answers the cache holds, and how many bytes of
// CacheBytes they count for.
func (p *Proxy) Cached() (entries, bytes int) {
	if p.cache == nil {
		return 0, 0
	}
	return p.cache.size()
}

// ListenerOptions is what listeners of one agent may differ in.
type ListenerOptions struct {
	RequireHeader bool // refuse requests to Vault without X-Vault-Request: true
	MetricsOnly   bool // serve nothing but /agent/v1/metrics
	EnableQuit    bool // serve /agent/v1/quit
}

// Handler returns what a listener serves.
func (p *Proxy) Handler(o ListenerOptions) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		switch {
		case path == pathMetrics:
			p.serveMetrics(w, r)
		case o.MetricsOnly:
			refuse(w, http.StatusNotFound, "this listener serves only "+pathMetrics)
		case path == pathQuit && o.EnableQuit:
			p.serveQuit(w, r)
		case path == pathCacheClear:
			p.serveCacheClear(w, r)
		case p.o.Upstream == nil || !strings.HasPrefix(path, "/v1/"):
			refuse(w, http.StatusNotFound, "nothing is served here")
		case o.RequireHeader && !hasRequestHeader(r):
			refuse(w, http.StatusPreconditionFailed, `missing "X-Vault-Request" header`)
		default:
			p.serveVault(w, r)
		}
	})
}

// hasRequestHeader tells whether a request has the header that a browser or a
// service that is led astray does not send.
func hasRequestHeader(r *http.Request) bool {
	values := r.Header.Values("X-Vault-Request")
	return len(values) == 1 && values[0] == "true"
}
