package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// grant is what an answer gives: a lease or a token.
type grant struct {
	LeaseID       string `json:"lease_id"`
	LeaseDuration int64  `json:"lease_duration"`
	Renewable     bool   `json:"renewable"`
	Auth          *struct {
		ClientToken   string `json:"client_token"`
		Accessor      string `json:"accessor"`
		LeaseDuration int64  `json:"lease_duration"`
		Renewable     bool   `json:"renewable"`
		Orphan        bool   `json:"orphan"`
	} `json:"auth"`
}

// ttl is how long the lease or the token lives.
func (g grant) ttl() time.Duration {
	if g.Auth != nil {
		return seconds(g.Auth.LeaseDuration)
	}
	return seconds(g.LeaseDuration)
}

// renewable tells whether there is a lease or a token at all, and it can be renewed.
func (g grant) renewable() bool {
	if g.Auth != nil {
		return g.Auth.Renewable
	}
	return g.LeaseID != "" && g.Renewable
}

func readGrant(body []byte) (grant, bool) {
	var g grant
	err := json.Unmarshal(body, &g)
	return g, err == nil
}

// learn draws the conclusions from an answer of Vault: it keeps a lease or a
// token, forgets what was revoked, and notes what was renewed. It tells whether
// the answer was kept. The error is that of reading the answer.
func (p *Proxy) learn(k key, x *exchange, answer *http.Response) (kept bool, err error) {
	if answer.StatusCode >= 300 {
		return false, nil
	}
	p.revoked(x)
	if answer.Header.Get("Content-Type") != "application/json" || x.request.Method == http.MethodHead {
		return false, nil
	}
	body, complete, err := peek(answer)
	if err != nil || !complete {
		return false, err
	}
	g, ok := readGrant(body)
	if !ok {
		return false, nil
	}
	if x.isRenewal() {
		p.cache.prolong(g)
		return false, nil
	}
	return p.keep(k, x, answer, body, g), nil
}

// keep puts an answer into the cache where everything speaks for it: it holds
// something renewable that ends with a token that is in the agent's care, or with
// no other token at all.
func (p *Proxy) keep(k key, x *exchange, answer *http.Response, body []byte, g grant) bool {
	e := p.cache.newEntry(x, answer, body, g)
	if e == nil {
		return false
	}
	if !e.parent.Empty() && !x.agents && !p.cache.managed(x.token) {
		return false
	}
	return p.cache.store(k, e)
}

// isRenewal tells whether the request renews something; its answer looks like
// that of a creation.
func (x *exchange) isRenewal() bool {
	if x.isAny("auth/token/renew", "auth/token/renew-self", "auth/token/renew-accessor") {
		return true
	}
	_, isLease := x.below("sys/leases/renew")
	_, isLegacy := x.below("sys/renew")
	return isLease || isLegacy
}

// prolong notes that an application renewed something that is in the cache. It
// may have asked for less time than there was, of which the grace is a part again.
func (c *cache) prolong(g grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		if e.isOf(g) {
			e.grace = min(e.grace, lease.Grace(g.ttl(), c.rand))
			if at := e.extend(g); !at.IsZero() {
				e.task.Wake(at)
			}
			return
		}
	}
}

// isOf tells whether a renewal was about the entry.
func (e *entry) isOf(g grant) bool {
	if g.Auth != nil {
		return !e.made.Empty() && (e.accessor != "" && e.accessor == g.Auth.Accessor || e.made == sensitive.New(g.Auth.ClientToken))
	}
	return e.lease != "" && e.lease == g.LeaseID
}

// revoked drops what a request, which Vault has carried out, revoked.
func (p *Proxy) revoked(x *exchange) {
	switch {
	case x.isAny("auth/token/revoke-self"):
		p.cache.evictToken(x.token)
		if x.agents {
			x.upstream.Session.Invalid(x.epoch)
		}
	case x.isAny("auth/token/revoke"):
		p.cache.evictToken(sensitive.New(x.field("token")))
	case x.isAny("auth/token/revoke-orphan"):
		p.cache.evictOrphaning(sensitive.New(x.field("token")))
	case x.isAny("auth/token/revoke-accessor"):
		p.evictAccessor(x.field("accessor"))
	default:
		p.revokedLeases(x)
	}
}

// revokedLeases is revoked for leases, by their ids or by what those begin with.
func (p *Proxy) revokedLeases(x *exchange) {
	for _, endpoint := range []string{"sys/leases/revoke", "sys/revoke"} {
		if id, ok := x.below(endpoint); ok {
			if id == "" {
				id = x.field("lease_id")
			}
			p.cache.evictLease(id)
			return
		}
	}
	for _, endpoint := range []string{"sys/leases/revoke-prefix", "sys/leases/revoke-force", "sys/revoke-prefix", "sys/revoke-force"} {
		if prefix, ok := x.below(endpoint); ok && prefix != "" {
			p.cache.evictPrefix(prefix, x.namespace())
			return
		}
	}
}

// field is a text in the body of the request, "" where there is none.
func (x *exchange) field(name string) string {
	text, _ := readText(object(x.body)[name])
	return text
}

func readText(raw json.RawMessage) (string, bool) {
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}

// evictLease drops a lease.
func (c *cache) evictLease(id string) {
	if id != "" {
		c.evict(func(e *entry) bool { return e.lease == id })
	}
}

// evictPrefix drops the leases whose ids begin with a path, and the tokens that
// were made at such a path: their leases are called after it, too.
func (c *cache) evictPrefix(prefix, namespace string) {
	c.evict(func(e *entry) bool {
		id := e.lease
		if id == "" {
			id = e.path + "/"
		}
		return e.namespace == namespace && strings.HasPrefix(id, prefix+"/")
	})
}

// evictOrphaning drops a token and its leases. The tokens made with it live on,
// and depend on none from now on.
func (c *cache) evictOrphaning(token sensitive.String) {
	if token.Empty() {
		return
	}
	c.mu.Lock()
	for _, e := range c.entries {
		if e.parent == token && !e.made.Empty() {
			e.parent = sensitive.String{}
		}
	}
	c.mu.Unlock()
	c.evictToken(token)
}

// evictAccessor drops the token of an accessor, which may be the agent's own.
func (p *Proxy) evictAccessor(accessor string) {
	if accessor == "" {
		return
	}
	p.cache.evict(func(e *entry) bool { return e.accessor == accessor })
	if state := p.o.Upstream().state(); state.Token != nil && state.Token.Accessor == accessor {
		p.cache.evictToken(state.Token.Value)
	}
}
