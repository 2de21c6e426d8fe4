package fakevault

import (
	"slices"
	"time"
)

type tokenKind string

const (
	kindService tokenKind = "service"
	kindBatch   tokenKind = "batch"
)

// spentUses marks a token whose last permitted use is being served.
const spentUses = -1

// token is one token, or what is left of it while others still point to it.
type token struct {
	id, accessor      string
	path, displayName string
	entity, role      string
	policies          []string
	meta              map[string]string
	kind              tokenKind
	ns                *namespace
	orphan, renewable bool
	login             bool // made by a login: a renewal asks its role for the TTL again
	numUses           int  // 0: any number
	terms             terms
	granted, created  time.Duration // the TTL last granted, and the first one
	issued, renewed   time.Time
	expires           time.Time // zero: never
	gone              bool      // revoked, or found to be expired
	parent            *token
	children          map[*token]struct{}
	leases            map[*lease]struct{}
	wrapped           []byte // the answer that a wrapping token holds
	accessorInside    string // of what it holds
}

// alive tells whether the token is still good. A token ends with its parent.
func (t *token) alive(now time.Time) bool {
	if t.gone || (!t.expires.IsZero() && !now.Before(t.expires)) {
		return false
	}
	return t.parent == nil || t.parent.alive(now)
}

func (t *token) isRoot() bool { return slices.Contains(t.policies, "root") }

// remaining is how long the token has to live, 0 for one that does not end.
func (t *token) remaining(now time.Time) time.Duration {
	if t.expires.IsZero() {
		return 0
	}
	return t.expires.Sub(now)
}

// tokenStore holds all tokens. Ended ones are removed when they are looked up, or
// by a sweep that costs, spread over the additions between two of them, O(1) each.
type tokenStore struct {
	byID, byAccessor map[string]*token
	sweepAt          int
}

// firstSweep is how many tokens or leases may exist before the ended ones are
// looked for; it doubles with what is found alive.
const firstSweep = 1024

func (ts *tokenStore) init() {
	ts.byID, ts.byAccessor, ts.sweepAt = map[string]*token{}, map[string]*token{}, firstSweep
}

func (ts *tokenStore) add(t *token) {
	if len(ts.byID) >= ts.sweepAt {
		ts.sweep(t.issued)
	}
	ts.byID[t.id] = t
	if t.accessor != "" {
		ts.byAccessor[t.accessor] = t
	}
	if t.parent != nil {
		if t.parent.children == nil {
			t.parent.children = map[*token]struct{}{}
		}
		t.parent.children[t] = struct{}{}
	}
}

func (ts *tokenStore) sweep(now time.Time) {
	for _, t := range ts.byID {
		if !t.alive(now) {
			ts.revoke(t)
		}
	}
	ts.sweepAt = 2*len(ts.byID) + firstSweep
}

// find returns the living token with the id.
func (ts *tokenStore) find(id string, now time.Time) *token {
	return ts.living(ts.byID[id], now)
}

func (ts *tokenStore) findAccessor(accessor string, now time.Time) *token {
	return ts.living(ts.byAccessor[accessor], now)
}

func (ts *tokenStore) living(t *token, now time.Time) *token {
	if t == nil || t.alive(now) {
		return t
	}
	ts.revoke(t)
	return nil
}

// revoke ends a token, its children and its leases.
func (ts *tokenStore) revoke(t *token) {
	t.gone = true
	delete(ts.byID, t.id)
	delete(ts.byAccessor, t.accessor)
	if t.parent != nil {
		delete(t.parent.children, t)
	}
	for l := range t.leases {
		l.revoke()
	}
	for child := range t.children {
		ts.revoke(child)
	}
}

// use counts one request against a token with a limited number of them.
func (ts *tokenStore) use(t *token) {
	if t.numUses == 1 {
		t.numUses = spentUses
	} else if t.numUses > 1 {
		t.numUses--
	}
}

// spent ends a token after the request that was its last.
func (ts *tokenStore) spent(t *token) {
	if t != nil && t.numUses == spentUses {
		ts.revoke(t)
	}
}

// start gives a new token its first TTL, from now.
func (s *Server) start(t *token, now time.Time) ([]string, error) {
	t.issued = now
	if t.isRoot() && t.terms == (terms{}) {
		t.renewable = false
		return nil, nil
	}
	ttl, warnings, err := s.grant(t.terms, 0, now, now)
	if err != nil {
		return nil, err
	}
	t.granted, t.created, t.expires = ttl, ttl, now.Add(ttl)
	return warnings, nil
}

// prolong renews a token. A token from a login starts each time from its role's
// TTL, any other from what it was granted last.
func (s *Server) prolong(t *token, increment time.Duration, now time.Time) ([]string, error) {
	wish := t.terms
	if !t.login {
		wish.ttl = t.granted
	}
	ttl, warnings, err := s.grant(wish, increment, t.issued, now)
	if err != nil {
		return nil, err
	}
	t.granted, t.expires, t.renewed = ttl, now.Add(ttl), now
	return warnings, nil
}

// normalPolicies are sorted and single, with or without "default" among them; the
// root policy stands alone.
func normalPolicies(names []string, withDefault bool) []string {
	if slices.Contains(names, "root") {
		return []string{"root"}
	}
	isDefault := func(n string) bool { return n == "default" }
	out := slices.DeleteFunc(append([]string{}, names...), isDefault)
	if withDefault {
		out = append(out, "default")
	}
	slices.Sort(out)
	return slices.Compact(out)
}
