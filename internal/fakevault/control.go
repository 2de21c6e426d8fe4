package fakevault

import "time"

// Seal makes the server answer 503 to nearly everything until Unseal. What it
// knows stays, and time goes on for tokens and leases.
func (s *Server) Seal() { s.locked(func(time.Time) { s.sealed = true }) }

// Unseal ends Seal.
func (s *Server) Unseal() { s.locked(func(time.Time) { s.sealed = false }) }

// RevokeToken ends a token with its children and their leases. An unknown token is
// no error.
func (s *Server) RevokeToken(id string) {
	s.locked(func(now time.Time) {
		if t := s.tokens.find(id, now); t != nil {
			s.tokens.revoke(t)
		}
	})
}

// RevokeLease ends one lease. An unknown lease is no error.
func (s *Server) RevokeLease(id string) {
	s.locked(func(now time.Time) {
		if l := s.leases.find(id, now); l != nil {
			l.revoke()
		}
	})
}

// RevokeAllLeases ends every lease of a secret; tokens stay.
func (s *Server) RevokeAllLeases() {
	s.locked(func(time.Time) {
		for _, l := range s.leases.byID {
			l.revoke()
		}
	})
}

// ExpireEverything ends every lease and every token but root tokens, as if the
// server had been away for longer than their TTLs.
func (s *Server) ExpireEverything() {
	s.locked(func(time.Time) {
		for _, l := range s.leases.byID {
			l.revoke()
		}
		for _, t := range s.tokens.byID {
			if !t.isRoot() {
				s.tokens.revoke(t)
			}
		}
	})
}

// Forget drops what has ended already, the copies of issued certificates, and the
// requests so far: what is left of the server in memory is what lives. Tests that
// compare heaps call it first.
func (s *Server) Forget() {
	s.locked(func(now time.Time) {
		s.requests = nil
		s.leases.sweep(now)
		s.tokens.sweep(now)
		for _, ns := range s.namespaces {
			for _, m := range ns.mounts {
				if e, ok := m.engine.(*pkiEngine); ok {
					e.issued = map[string]string{}
				}
			}
		}
	})
}
