package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// entry is an answer in the cache with the lease or the token that it holds.
type entry struct {
	cache     *cache
	key       key
	path      string // of the request, below /v1/
	namespace string
	status    int
	header    http.Header
	body      sensitive.String

	parent   sensitive.String // the token that it ends with; empty: none
	token    sensitive.String // the token that renews it
	lease    string           // id; "" for a token
	made     sensitive.String // the token in the answer; empty for a lease
	accessor string           // of that token
	first    time.Duration    // what was granted first, and is asked for again

	// What follows changes, and is guarded by the cache's mu.
	terms     lease.Terms
	grace     time.Duration // the last part of its life, in which it is not given out any more
	renewAt   time.Time
	failures  int // renewals that failed since the newest success
	refreshed time.Time
	task      *lease.Entry
	gone      bool
	size      int
}

// newEntry makes an entry of an answer; nil where that holds nothing that is
// renewed.
func (c *cache) newEntry(x *exchange, answer *http.Response, body []byte, g grant) *entry {
	now := time.Now()
	e := &entry{
		path: x.path, namespace: x.namespace(), status: answer.StatusCode, header: ownHeaders(answer.Header),
		body: sensitive.New(string(body)), refreshed: now, size: entryBytes + len(body),
	}
	switch {
	case !g.renewable() || g.ttl() <= 0 || g.Auth != nil && g.Auth.ClientToken == "":
		return nil
	case g.Auth == nil:
		e.lease, e.parent, e.token = g.LeaseID, x.token, x.token
	default:
		e.made, e.accessor = sensitive.New(g.Auth.ClientToken), g.Auth.Accessor
		e.token = e.made
		if !g.Auth.Orphan {
			e.parent = x.token
		}
	}
	e.first = g.ttl()
	e.terms = lease.Terms{Issued: now, TTL: e.first, Renewable: true}
	e.grace = lease.Grace(e.terms.TTL, c.rand)
	e.renewAt = e.terms.RenewAt(now, e.grace)
	return e
}

// ownHeaders are the headers of an answer without those of its connection.
func ownHeaders(h http.Header) http.Header {
	own := maps.Clone(h)
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		own.Del(name)
	}
	return own
}

// answer gives the entry out once more, with the time since Vault last said
// that it is alive. The caller holds the cache's mu.
func (e *entry) answer(now time.Time) *http.Response {
	body := e.body.Reveal()
	h := e.header.Clone()
	h.Set("X-Cache", "HIT")
	h.Set("Age", strconv.FormatInt(int64(now.Sub(e.refreshed)/time.Second), 10))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Del("Date")
	return &http.Response{StatusCode: e.status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// giveUpAt is when the entry ends here: the rest of the lease is left to those
// who have it, while others get a new one.
func (e *entry) giveUpAt() time.Time { return e.terms.Expires().Add(-e.grace) }

func (e *entry) usable(now time.Time) bool { return now.Before(e.giveUpAt()) }

// wakeAt is when the entry needs care next.
func (e *entry) wakeAt() time.Time {
	if !e.terms.Renewable {
		return e.giveUpAt()
	}
	return lease.Earliest(e.renewAt, e.giveUpAt())
}

// keep is the entry's task in the schedule.
func (e *entry) keep(ctx context.Context) time.Time {
	due, at := e.due(time.Now())
	if !due {
		return at
	}
	g, err := e.cache.renew(ctx, e)
	if err != nil && ctx.Err() != nil {
		return time.Time{} // the program ends; that is no failure
	}
	return e.renewed(g, err)
}

// due decides whether to renew now; if not, when to look again. The end of a
// lease is the end of its entry.
func (e *entry) due(now time.Time) (bool, time.Time) {
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	switch {
	case e.gone:
		return false, time.Time{}
	case !e.usable(now):
		e.cache.remove(e)
		return false, time.Time{}
	case now.Before(e.wakeAt()):
		return false, e.wakeAt()
	}
	return true, time.Time{}
}

// renewed keeps the outcome of a renewal. Only where Vault is away is it tried
// again.
func (e *entry) renewed(g grant, err error) time.Time {
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	if e.gone {
		return time.Time{}
	}
	if err == nil {
		return e.extend(g)
	}
	if !vault.KindOf(err).Temporary() {
		e.cache.remove(e)
		return time.Time{}
	}
	e.renewAt = time.Now().Add(max(renewBackoff().Wait(e.failures, e.cache.rand), vault.RetryAfter(err)))
	e.failures++
	return e.wakeAt()
}

// renewBackoff is that of the agent's own token.
func renewBackoff() lease.Backoff {
	return lease.Backoff{Initial: 10 * time.Second, Max: 5 * time.Minute}
}

// extend takes the new terms of a renewal, ours or an application's, and returns
// when the entry needs care next. The caller holds the cache's mu.
func (e *entry) extend(g grant) time.Time {
	now := time.Now()
	e.failures, e.refreshed = 0, now
	e.terms = lease.Terms{Issued: now, TTL: g.ttl(), Renewable: g.renewable()}
	e.renewAt = e.terms.RenewAt(now, e.grace)
	if e.terms.TTL <= 0 || !e.usable(now) {
		e.cache.remove(e)
		return time.Time{}
	}
	return e.wakeAt()
}

// renew asks Vault for more time, as much as was granted first: for a lease with
// the token that it was made with, for a token with itself. It speaks for the
// application, and so in the namespace that that named.
func (c *cache) renew(ctx context.Context, e *entry) (grant, error) {
	endpoint, fields := "auth/token/renew-self", map[string]any{"increment": int64(e.first / time.Second)}
	if e.lease != "" {
		endpoint, fields["lease_id"] = "sys/leases/renew", e.lease
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return grant{}, fmt.Errorf("renew a cached lease: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://vault/v1/"+endpoint, http.NoBody)
	if err != nil {
		return grant{}, fmt.Errorf("renew a cached lease: %w", err)
	}
	request.Header.Set(headerToken, e.token.Reveal())
	if e.namespace != "" {
		request.Header.Set(headerNamespace, e.namespace+"/")
	}
	setBody(request, body)
	return c.ask(ctx, request)
}

// ask sends a request of the cache itself.
func (c *cache) ask(ctx context.Context, request *http.Request) (grant, error) {
	client := c.upstream().Client
	answer, err := client.Forward(ctx, request)
	if err != nil {
		return grant{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	if said := client.Refusal(answer); said != nil {
		return grant{}, said
	}
	body, _, err := peek(answer)
	if err != nil {
		return grant{}, err
	}
	g, ok := readGrant(body)
	if !ok {
		return grant{}, errors.New("the answer to a renewal is not what Vault sends")
	}
	return g, nil
}

// seconds reads a duration of Vault, bounded to what a time.Duration holds with
// room to calculate: 100 years.
func seconds(n int64) time.Duration {
	const most = 100 * 365 * 24 * 3600
	return time.Duration(min(n, most)) * time.Second
}
