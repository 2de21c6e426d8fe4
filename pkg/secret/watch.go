package secret

import (
	"cmp"
	"slices"
	"time"
)

// Watch is an interest in one secret. As long as it is open the secret is held
// and kept fresh.
type Watch struct {
	store  *Store
	entry  *entry
	notify func()
	poll   time.Duration // 0: the policy's
}

// Watch opens an interest in a query of an identity that was attached. Notify
// is called, without locks held, whenever the state changed in a way that
// matters to a reader: new data, or an attempt that failed or succeeded again.
// It must not block; nil is allowed. The first watch of a query makes the store
// fetch it.
func (s *Store) Watch(id Identity, q Query, notify func()) *Watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	poll := q.poll
	e := s.findOrAdd(id, q.Every(0), time.Now())
	w := &Watch{store: s, entry: e, notify: notify, poll: poll}
	before := e.poll()
	e.watches = append(e.watches, w)
	e.idle = time.Time{}
	if e.poll() < before {
		e.task.Wake(time.Now()) // it may be due earlier than it was
	}
	return w
}

// poll is the shortest interval that a watch wants; the policy's where nobody
// watches. The caller holds mu.
func (e *entry) poll() time.Duration {
	if len(e.watches) == 0 {
		return e.group.policy.Poll
	}
	shortest := Never
	for _, w := range e.watches {
		shortest = min(shortest, cmp.Or(w.poll, e.group.policy.Poll))
	}
	return shortest
}

// findOrAdd returns the entry of a query, and makes one that is due at that
// time. The caller holds mu.
func (s *Store) findOrAdd(id Identity, q Query, due time.Time) *entry {
	if e := s.find(id, q); e != nil {
		return e
	}
	g := s.groups[id]
	if g == nil {
		panic("secret: watch of an identity that was not attached")
	}
	e := &entry{store: s, group: g, state: State{Query: q, Reason: FirstRead, Due: due}, waiting: g.token.Token == nil}
	e.task = s.schedule.Add(due, e.step)
	g.entries[q] = e
	return e
}

// State returns the newest whole state.
func (w *Watch) State() State {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	return w.entry.state
}

// AwaitTold returns when every watcher of each state that can be seen now has been
// told of it: one of several that are told of a change may otherwise act on it
// before the others know. No Notify may call it.
func (s *Store) AwaitTold() {
	s.telling.Lock()
	s.telling.Unlock() //nolint:gocritic,staticcheck // those who held it are what is waited for
}

// Close ends the interest. A secret that nobody watches is kept for the linger
// time of its policy, so that a template whose branches flip does not throw
// credentials away and ask for new ones.
func (w *Watch) Close() {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	e := w.entry
	e.watches = slices.DeleteFunc(e.watches, func(other *Watch) bool { return other == w })
	if len(e.watches) == 0 {
		e.idle = time.Now()
		e.task.Wake(e.idle.Add(e.group.policy.Linger))
	}
}
