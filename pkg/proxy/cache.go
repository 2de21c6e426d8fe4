package proxy

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const (
	// CacheBytes bounds the cache: about 8,000 leases with answers of 1 KB.
	CacheBytes = 16 << 20
	// entryBytes is what an entry costs beside its answer: itself, its place in
	// the schedule and in the map, its headers and ids.
	entryBytes = 1 << 10
)

// cache holds answers that are kept alive, and lets only one of several equal
// requests through to Vault.
type cache struct {
	upstream func() Upstream
	schedule *lease.Schedule
	rand     lease.Rand

	mu      sync.Mutex
	entries map[key]*entry
	turns   map[key]*turn
	bytes   int
}

// turn is one request under way that equal ones wait for.
type turn struct {
	done   chan struct{}
	shared bool // its answer is in the cache, or its failure need not be that of others
}

func newCache(o Options) *cache {
	c := &cache{upstream: o.Upstream, schedule: o.Schedule, rand: o.Rand, entries: map[key]*entry{}, turns: map[key]*turn{}}
	if c.rand == nil {
		c.rand = rand.Float64
	}
	return c
}

// shared answers from the cache, or else from Vault, and keeps what may be kept.
func (p *Proxy) shared(ctx context.Context, x *exchange) (*http.Response, error) {
	k := x.key()
	hit, mine, err := p.cache.enter(ctx, k)
	if err != nil {
		return nil, err
	}
	if hit != nil {
		count(p.o.Count.CacheHit)
		return hit, nil
	}
	passed := false
	if mine != nil {
		defer func() { p.cache.leave(k, mine, !passed) }()
	}
	answer, err := p.send(ctx, x)
	if err != nil {
		return nil, err
	}
	count(p.o.Count.CacheMiss)
	answer.Header.Set("X-Cache", "MISS")
	kept, err := p.learn(k, x, answer)
	passed = err == nil && !kept && answer.StatusCode < 300
	return answer, err
}

// enter finds the answer to a request. Where there is none, it waits for an equal
// request under way; then a turn is the caller's own and must be left, and nil
// lets the caller go on beside others: the answer is not one to be shared.
func (c *cache) enter(ctx context.Context, k key) (*http.Response, *turn, error) {
	for {
		hit, mine, running := c.look(k)
		if hit != nil || mine != nil {
			return hit, mine, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-running.done:
		}
		if !running.shared {
			return nil, nil, nil
		}
	}
}

// look finds the answer to a request, or begins a turn where there is none, or
// finds the one that is under way.
func (c *cache) look(k key) (hit *http.Response, mine, running *turn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if e := c.entries[k]; e != nil && e.usable(now) {
		return e.answer(now), nil, nil
	}
	if other := c.turns[k]; other != nil {
		return nil, nil, other
	}
	mine = &turn{done: make(chan struct{})}
	c.turns[k] = mine
	return nil, mine, nil
}

// leave lets those go on who waited. After a failure they come one by one, so
// that a Vault that is back is not asked for a lease by each of them at once.
func (c *cache) leave(k key, mine *turn, shared bool) {
	c.mu.Lock()
	delete(c.turns, k)
	c.mu.Unlock()
	mine.shared = shared
	close(mine.done)
}

// store keeps an entry alive from now on, unless the cache is full.
func (c *cache) store(k key, e *entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.entries[k]; old != nil {
		c.remove(old)
	}
	if c.bytes+e.size > CacheBytes {
		return false
	}
	e.cache, e.key = c, k
	c.entries[k] = e
	c.bytes += e.size
	e.task = c.schedule.Add(e.wakeAt(), e.keep)
	return true
}

// managed tells whether a token came out of the cache.
func (c *cache) managed(token sensitive.String) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		if e.made == token {
			return true
		}
	}
	return false
}

// evict drops entries, and everything that was made with the tokens in them.
func (c *cache) evict(match func(*entry) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		if match(e) {
			c.remove(e)
		}
	}
}

// evictToken drops a token and everything that was made with it.
func (c *cache) evictToken(token sensitive.String) {
	if !token.Empty() {
		c.evict(func(e *entry) bool { return e.made == token || e.parent == token })
	}
}

// remove drops an entry with what is below it. The caller holds mu.
func (c *cache) remove(e *entry) {
	if e.gone {
		return
	}
	e.gone = true
	e.task.Stop()
	delete(c.entries, e.key)
	c.bytes -= e.size
	if e.made.Empty() {
		return
	}
	for _, child := range c.entries {
		if child.parent == e.made {
			c.remove(child)
		}
	}
}

func (c *cache) size() (entries, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries), c.bytes
}
