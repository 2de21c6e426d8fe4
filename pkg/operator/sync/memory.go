package sync

import (
	"slices"
	gosync "sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// memory is what is kept of an object between two visits. It holds nothing that a
// new process would miss: all of that is in the status. The own fields are touched
// only by the one visit at a time; the others by the memories, too.
type memory struct {
	name     types.NamespacedName
	uid      types.UID    // of the object; "": it was not seen yet
	visit    gosync.Mutex // held by a visit, and by who lets go of what it has kept
	written  string       // resource version of our newest write
	failures int          // visits in a row that ended in a backoff
	failing  time.Time    // when the first of those ended, of this generation of the object
	failed   int64        // that generation
	since    time.Time    // of the first visit of this process
	own      any          // what the kind keeps
	rolled   time.Time    // since when the newest rollout is known to be complete; zero: it is not
	seen     bool         // a visit of this process has begun
	refresh  string       // value of the annotation that asks for a refresh, as it was served

	unwritten *unwritten      // nil: the newest visit is written down
	settled   settled         // what a static secret's Secret was made of
	watches   []*secret.Watch // of what it reads; the oldest answer tells when it was synced

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
	mu     gosync.Mutex
	all    map[types.NamespacedName]*memory
	closed bool // the manager has ended
}

// of returns the memory of an object, a new one at its first visit; nil when there
// are to be no more visits.
func (s *memories) of(name types.NamespacedName) *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	m := s.all[name]
	if m == nil {
		m = &memory{name: name, since: time.Now()}
		s.all[name] = m
	}
	return m
}

// drop forgets an object.
func (s *memories) drop(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, name)
}

// change lets a visit change the fields that others look at.
func (s *memories) change(edit func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit()
}

// each calls then, without the lock, for the objects that match.
func (s *memories) each(match func(*memory) bool, then func(*memory)) {
	s.mu.Lock()
	var matching []*memory
	for _, m := range s.all {
		if match(m) {
			matching = append(matching, m)
		}
	}
	s.mu.Unlock()
	for _, m := range matching {
		then(m)
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
