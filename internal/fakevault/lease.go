package fakevault

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// lease is the lease of one secret. It ends with its token.
type lease struct {
	id, path        string
	renewable       bool
	terms           terms
	ttl             time.Duration // last granted
	issued, renewed time.Time
	expires         time.Time
	token           *token
	store           *leaseStore
}

func (l *lease) alive(now time.Time) bool { return now.Before(l.expires) && l.token.alive(now) }

func (l *lease) revoke() {
	delete(l.store.byID, l.id)
	delete(l.token.leases, l)
}

// leaseStore holds all leases; see tokenStore for how ended ones go.
type leaseStore struct {
	byID    map[string]*lease
	sweepAt int
}

func (ls *leaseStore) init() { ls.byID, ls.sweepAt = map[string]*lease{}, firstSweep }

func (ls *leaseStore) find(id string, now time.Time) *lease {
	l := ls.byID[id]
	if l == nil || l.alive(now) {
		return l
	}
	l.revoke()
	return nil
}

func (ls *leaseStore) add(l *lease) {
	if len(ls.byID) >= ls.sweepAt {
		ls.sweep(l.issued)
	}
	l.store, ls.byID[l.id] = ls, l
	if l.token.leases == nil {
		l.token.leases = map[*lease]struct{}{}
	}
	l.token.leases[l] = struct{}{}
}

func (ls *leaseStore) sweep(now time.Time) {
	for _, l := range ls.byID {
		if !l.alive(now) {
			l.revoke()
		}
	}
	ls.sweepAt = 2*len(ls.byID) + firstSweep
}

// lend makes a lease for what the call reads. A batch token's leases end with it
// at the latest, because nothing revokes them.
func (c *call) lend(t terms, renewable bool) (*lease, []string, error) {
	if left := c.token.remaining(c.now); c.token.kind == kindBatch && left > 0 {
		t.maxTTL = smallest(left, t.maxTTL)
		t.ttl = smallest(t.maxTTL, t.ttl)
	}
	ttl, warnings, err := c.s.grant(t, 0, c.now, c.now)
	if err != nil {
		return nil, nil, err
	}
	l := &lease{
		id: c.path + "/" + newID(), path: c.path, renewable: renewable, terms: t, ttl: ttl,
		issued: c.now, expires: c.now.Add(ttl), token: c.token,
	}
	c.s.leases.add(l)
	return l, warnings, nil
}

// leaseCall serves sys/leases/ and the older sys/renew and sys/revoke.
func leaseCall(c *call, path string) *reply {
	action, rest, _ := strings.Cut(path, "/")
	id := c.text("lease_id")
	if id == "" {
		id = rest
	}
	switch {
	case action == "lookup" && c.op == opList:
		return keysReply(c.s.leases.children(rest, c.now))
	case c.op != opWrite:
		return unsupported()
	case action == "revoke-prefix", action == "revoke-force":
		c.s.leases.revokePrefix(rest)
		return empty()
	case id == "":
		return badRequest("lease_id must be specified")
	}
	return oneLease(c, action, id)
}

func oneLease(c *call, action, id string) *reply {
	l := c.s.leases.find(id, c.now)
	switch action {
	case "renew":
		return renewLease(c, l)
	case "revoke":
		if l != nil {
			l.revoke()
		}
		return empty()
	case "lookup":
		return lookupLease(c, l)
	}
	return unknownPath()
}

func renewLease(c *call, l *lease) *reply {
	var increment time.Duration
	if rep := c.durations(map[string]*time.Duration{"increment": &increment}); rep != nil {
		return rep
	}
	switch {
	case l == nil:
		return badRequest("lease not found")
	case !l.renewable:
		return badRequest("lease is not renewable")
	}
	ttl, warnings, err := c.s.grant(l.terms, increment, l.issued, c.now)
	if err != nil {
		return badRequest("%v", err)
	}
	l.ttl, l.expires, l.renewed = ttl, c.now.Add(ttl), c.now
	return &reply{lease: l, warnings: warnings}
}

func lookupLease(c *call, l *lease) *reply {
	if l == nil {
		return badRequest("invalid lease")
	}
	return dataReply(map[string]any{
		"expire_time": stamp(l.expires), "id": l.id, "issue_time": stamp(l.issued), "last_renewal": stampOrNil(l.renewed),
		"renewable": l.renewable, "ttl": seconds(l.expires.Sub(c.now)),
	})
}

// children are the next parts of the lease ids below a prefix.
func (ls *leaseStore) children(prefix string, now time.Time) []string {
	if prefix = strings.TrimSuffix(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	found := map[string]bool{}
	for id, l := range ls.byID {
		if rest, ok := strings.CutPrefix(id, prefix); ok && l.alive(now) {
			found[firstPart(rest)] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// firstPart keeps a path's first segment, with the slash if more follows.
func firstPart(path string) string {
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i+1]
	}
	return path
}

func (ls *leaseStore) revokePrefix(prefix string) {
	for id, l := range ls.byID {
		if strings.HasPrefix(id, strings.TrimSuffix(prefix, "/")+"/") {
			l.revoke()
		}
	}
}
