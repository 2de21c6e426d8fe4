package certs

import (
	"crypto/x509"
	"slices"
	"time"
)

// Reason says in one word what was changed; logs carry it.
type Reason string

// What [Advance] changes.
const (
	AuthorityCreated  Reason = "AuthorityCreated"  // there was none that could be used
	AuthorityAdded    Reason = "AuthorityAdded"    // a successor is trusted from now on
	AuthorityPromoted Reason = "AuthorityPromoted" // the successor signs
	AuthorityDropped  Reason = "AuthorityDropped"  // a former one has ended
)

// Advance does what is due and returns the new state with what was done; without
// reasons, the state is the one that was given. published tells that the API
// server has known the whole bundle of s long enough to verify by it.
func Advance(s *State, now time.Time, published bool) (*State, []Reason, error) {
	if s == nil || !s.signer.valid(now) {
		return begin(s, now)
	}
	next := *s
	var reasons []Reason
	if next.former = alive(s.former, now); len(next.former) < len(s.former) {
		reasons = append(reasons, AuthorityDropped)
	}
	switch {
	case s.successor == nil && s.signer.Due(now):
		successor, err := NewAuthority(now)
		if err != nil {
			return s, nil, err
		}
		next.successor = successor
		reasons = append(reasons, AuthorityAdded)
	case s.successor != nil && published:
		next.former = append([]*x509.Certificate{s.signer.certificate}, next.former...)
		next.signer, next.successor = s.successor, nil
		reasons = append(reasons, AuthorityPromoted)
	}
	return &next, reasons, nil
}

// begin makes everything anew. What is still trusted stays so, for the replicas
// that have not read the new state yet.
func begin(s *State, now time.Time) (*State, []Reason, error) {
	signer, err := NewAuthority(now)
	if err != nil {
		return s, nil, err
	}
	next := &State{signer: signer}
	if s != nil {
		next.former = alive(s.trusted(), now)
	}
	return next, []Reason{AuthorityCreated}, nil
}

func alive(all []*x509.Certificate, now time.Time) []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(all), func(c *x509.Certificate) bool { return !now.Before(c.NotAfter) })
}
