package secret

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Vault sends the requests of one identity; vault.Session is one.
type Vault interface {
	Do(ctx context.Context, r vault.Request) (*vault.Response, error)
}

// Policy says how the secrets of one identity are kept fresh.
type Policy struct {
	Poll      time.Duration // between reads of what has no lease; 0: 5m
	Threshold float64       // part of a life after which what cannot be renewed is replaced; 0: 0.90
	Backoff   lease.Backoff // between failed attempts; zero: 250ms doubling to 1m
	Linger    time.Duration // how long what nobody watches is still kept; 0: 5m
}

// Options of a store.
type Options struct {
	Rand    lease.Rand  // nil: math/rand/v2
	Observe func(Event) // called, without locks held, after each exchange with Vault; nil: none
}

// Event is one exchange with Vault for a secret, for logs, metrics and audit.
type Event struct {
	Identity Identity
	Reason   Reason
	Renewal  bool  // of a lease, not a read
	Changed  bool  // the data differs from before
	State    State // after it; State.Err tells how it ended
}

// Store holds the secrets of any number of identities. It works as entries of
// one lease.Schedule.
type Store struct {
	schedule *lease.Schedule
	options  Options
	telling  sync.RWMutex // read-locked from before a new state can be seen until its watchers are told
	mu       sync.Mutex
	groups   map[Identity]*group
	returned map[string]time.Time // by connection: when a Vault that was away was last found back
}

// group is what one identity holds.
type group struct {
	identity Identity
	vault    Vault
	policy   Policy
	entries  map[Query]*entry
	token    vault.TokenState // newest known; its Epoch is 0 before the first
}

// NewStore makes an empty store that works in the schedule.
func NewStore(schedule *lease.Schedule, o Options) *Store {
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return &Store{schedule: schedule, options: o, groups: map[Identity]*group{}, returned: map[string]time.Time{}}
}

// Attach tells the store how to reach Vault for an identity, and how to keep
// its secrets. It comes before the first Watch of that identity. An identity that
// is attached already keeps what it holds, and is served the new way from now on.
func (s *Store) Attach(id Identity, v Vault, p Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.groups[id]; g != nil {
		g.vault, g.policy = v, p.withDefaults()
		for _, e := range g.entries {
			e.task.Wake(time.Now()) // the policy may want it looked at earlier than before
		}
		return
	}
	s.groups[id] = &group{identity: id, vault: v, policy: p.withDefaults(), entries: map[Query]*entry{}}
}

func (p Policy) withDefaults() Policy {
	if p.Poll <= 0 {
		p.Poll = 5 * time.Minute
	}
	if p.Threshold <= 0 || p.Threshold >= 1 {
		p.Threshold = 0.90
	}
	if p.Backoff.Initial <= 0 {
		p.Backoff.Initial = 250 * time.Millisecond
	}
	if p.Backoff.Max <= 0 {
		p.Backoff.Max = time.Minute
	}
	if p.Linger <= 0 {
		p.Linger = 5 * time.Minute
	}
	return p
}

// Detach forgets an identity with everything it holds. Its watches stay as they were.
func (s *Store) Detach(id Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.groups[id]; g != nil {
		for _, e := range g.entries {
			e.task.Stop()
		}
		delete(s.groups, id)
	}
}

// TokenChanged tells the store the token of an identity: after every login,
// renewal and failed attempt. Secrets that waited for a token are read now.
// Leases that die with a replaced token are issued again while the old token
// still lives, spread over half of that time.
func (s *Store) TokenChanged(id Identity, state vault.TokenState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[id]
	if g == nil {
		return
	}
	replaced := state.Epoch != g.token.Epoch
	g.token = state
	now := time.Now()
	for _, e := range g.entries {
		if replaced {
			e.tokenReplaced(state, now, s.options.Rand())
		}
		if e.waiting && state.Token != nil {
			e.waiting = false
			e.task.Wake(now)
		}
	}
}

// Notify tells the store that the data of a query changed in Vault; it is read
// again within the given spread. Announcements that come before that read are one.
func (s *Store) Notify(id Identity, q Query, spread time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(id, q.Every(0))
	if e == nil {
		return
	}
	now := time.Now()
	at := now.Add(time.Duration(float64(spread) * s.options.Rand()))
	if !e.notified.After(now) || at.Before(e.notified) {
		e.notified = at
		e.task.Wake(at)
	}
}

// States returns the state of everything that an identity watches or still holds,
// in no order.
func (s *Store) States(id Identity) []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[id]
	if g == nil {
		return nil
	}
	all := make([]State, 0, len(g.entries))
	for _, e := range g.entries {
		all = append(all, e.state)
	}
	return all
}

// find returns the entry of a query, nil where there is none. The caller holds mu.
func (s *Store) find(id Identity, q Query) *entry {
	g := s.groups[id]
	if g == nil {
		return nil
	}
	return g.entries[q]
}
