package sync

import (
	"slices"
	gosync "sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
)

// memory is what is kept of an object between two visits. It holds nothing that a
// new process would miss: all of that is in the status. The own fields are touched
// only by the one visit at a time; the others by the memories, too.
type memory struct {
	name     types.NamespacedName
	written  string    // resource version of our newest write
	failures int       // visits in a row that ended in a backoff
	since    time.Time // of the first visit of this process
	own      any       // what the kind keeps
	rolled   time.Time // since when the newest rollout is known to be complete; zero: it is not
	seen     bool      // a visit of this process has begun
	refresh  string    // value of the annotation that asks for a refresh, as it was served

	session string                 // cache key of the login, without a Vault namespace
	waits   bool                   // there is no login
	uses    []types.NamespacedName // SecretTransformations
	forced  bool                   // one of those has changed
}

// concerns tells whether an object has to see a change of a token. Called with the
// memories locked.
func (m *memory) concerns(c session.TokenChange) bool {
	return m.session == c.CacheKey && m.session != "" || m.waits && c.ClientID != ""
}

// memories are those of all objects of a kind.
type memories struct {
	mu  gosync.Mutex
	all map[types.NamespacedName]*memory
}

// of returns the memory of an object, a new one at its first visit.
func (s *memories) of(name types.NamespacedName) *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.all[name]
	if m == nil {
		m = &memory{name: name, since: time.Now()}
		s.all[name] = m
	}
	return m
}

// drop forgets an object, and returns what was known of it; nil for nothing.
func (s *memories) drop(name types.NamespacedName) *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.all[name]
	delete(s.all, name)
	return m
}

// change lets a visit change the fields that others look at.
func (s *memories) change(edit func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit()
}

// each calls then, without the lock, for the objects that match.
func (s *memories) each(match func(*memory) bool, then func(types.NamespacedName)) {
	s.mu.Lock()
	var names []types.NamespacedName
	for name, m := range s.all {
		if match(m) {
			names = append(names, name)
		}
	}
	s.mu.Unlock()
	for _, name := range names {
		then(name)
	}
}

// usesOf matches the objects that refer to a SecretTransformation, and marks them.
func usesOf(name types.NamespacedName) func(*memory) bool {
	return func(m *memory) bool {
		if !slices.Contains(m.uses, name) {
			return false
		}
		m.forced = true
		return true
	}
}
