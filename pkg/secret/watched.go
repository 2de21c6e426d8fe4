package secret

// Watched tells whether anybody watches anything of an identity. Who wants to
// detach it asks first: a watch of what is detached learns nothing any more.
func (s *Store) Watched(id Identity) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[id]
	if g == nil {
		return false
	}
	for _, e := range g.entries {
		if len(e.watches) > 0 {
			return true
		}
	}
	return false
}
