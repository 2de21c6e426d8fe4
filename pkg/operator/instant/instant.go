// Package instant wakes custom resources as soon as Vault tells of a change.
//
// Resources say what they read by [Listeners.Follow]. For each session and kind of
// engine that anybody follows there is one subscription, however many resources
// there are; it is opened again after it broke, and what may have been missed
// meanwhile is looked at once. Polling stays in force beside it.
//
// Most callers need two functions: Follow and [Listeners.Forget].
package instant

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
	"github.com/vaultk8s/vaultk8s/pkg/vault/events"
)

// Session is where changes are announced; session.Session is one. The same session
// is the same value.
type Session interface {
	Place
	Source
}

// Place says where a session reads, and is told how new that is.
type Place interface {
	VaultNamespace() string // that its events are in
	Changed(index string)   // a change was announced; reads after it have to see it
}

// Source is what events come through, until it ends.
type Source interface {
	events.Upgrader
	Ended() <-chan struct{} // closed when the session is over
}

// Options of all subscriptions.
type Options struct {
	Log  *slog.Logger
	Rand lease.Rand // nil: math/rand/v2
}

// Listeners are all subscriptions of a process.
type Listeners struct {
	o       Options
	backoff lease.Backoff
	tasks   sync.WaitGroup

	mu      sync.Mutex
	ctx     context.Context // of Run; nil: it does not run
	streams map[key]*stream
}

// key is one subscription.
type key struct {
	session Session
	pattern string // of the types of events
}

// stream is a subscription with those who follow it.
type stream struct {
	key       key
	stop      context.CancelFunc
	followers map[string]*follower // by object
	tried     bool
	problem   error // nil: it stands, once it was tried
}

// follower is what one object wants to hear of.
type follower struct {
	paths []string
	hears Hears
	told  string // of the subscription; "": nothing yet
}

// Hears is what an object does with news. Neither function may block.
type Hears struct {
	// Change is called when something that is followed has changed, or may have.
	Change func()
	// State is called with nil when the subscription stands, and with the reason when
	// it does not; once each, until the other is true. nil: nobody wants to know.
	State func(error)
}

// New makes listeners that follow nothing yet.
func New(o Options) *Listeners {
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return &Listeners{o: o, streams: map[key]*stream{}, backoff: lease.Backoff{Initial: time.Second, Max: time.Minute, Jitter: 0.5}}
}

// Run keeps the subscriptions until ctx ends, and waits for them.
func (l *Listeners) Run(ctx context.Context) error {
	l.mu.Lock()
	l.ctx = ctx
	for _, s := range l.streams {
		l.start(s) //nolint:contextcheck // that is the context it works with
	}
	l.mu.Unlock()
	<-ctx.Done()
	l.tasks.Wait()
	return nil
}

// Follow tells an object when something at one of the paths changed, and whenever
// changes may have been missed. Engine is the kind of engine; "" follows nothing,
// because it is not known. What the object followed through the same session before is
// replaced.
func (l *Listeners) Follow(object string, s Session, engine string, paths []string, hears Hears) {
	if f := l.join(object, s, engine, paths, hears); f != nil {
		f()
	}
}

// join is Follow, and returns what is to be told of the subscription.
func (l *Listeners) join(object string, s Session, engine string, paths []string, hears Hears) func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.streams {
		if k.session == s && k.pattern != patternOf(engine) {
			l.leave(k, object)
		}
	}
	if engine == "" || l.over(s) {
		return nil
	}
	k := key{s, patternOf(engine)}
	found := l.streams[k]
	if found == nil {
		found = &stream{key: k, followers: map[string]*follower{}}
		l.streams[k] = found
		l.start(found)
	}
	f := &follower{paths: slices.Clone(paths), hears: hears}
	if before := found.followers[object]; before != nil {
		f.told = before.told
	}
	found.followers[object] = f
	return found.news(f)
}

// news returns what tells a follower of the subscription, nil where it knows. The
// caller holds mu.
func (s *stream) news(f *follower) func() {
	is := "it stands"
	if s.problem != nil {
		is = "it does not" // whatever the reason, which may differ each time
	}
	if !s.tried || f.told == is || f.hears.State == nil {
		return nil
	}
	f.told = is
	problem := s.problem
	return func() { f.hears.State(problem) }
}

// patternOf is the pattern of the events of a kind of engine.
func patternOf(engine string) string { return strings.TrimSuffix(engine, "*") + "*" }

// over tells whether nothing is to be followed any more.
func (l *Listeners) over(s Session) bool {
	select {
	case <-s.Ended():
		return true
	default:
		return l.ctx != nil && l.ctx.Err() != nil
	}
}

// Forget ends all that an object follows.
func (l *Listeners) Forget(object string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.streams {
		l.leave(k, object)
	}
}

// leave ends what an object follows of a subscription, and that with its last
// follower. The caller holds mu.
func (l *Listeners) leave(k key, object string) {
	s := l.streams[k]
	if _, ok := s.followers[object]; !ok {
		return
	}
	delete(s.followers, object)
	if len(s.followers) == 0 {
		delete(l.streams, k)
		if s.stop != nil {
			s.stop()
		}
	}
}

// start begins a subscription where Run has begun. The caller holds mu.
func (l *Listeners) start(s *stream) {
	if l.ctx == nil || l.ctx.Err() != nil {
		return
	}
	ctx, stop := context.WithCancel(l.ctx)
	s.stop = stop
	l.tasks.Go(func() {
		select {
		case <-ctx.Done():
		case <-s.key.session.Ended():
			stop()
		}
	})
	l.tasks.Go(func() {
		defer stop()
		l.keep(ctx, s)
	})
}

// settled is how long a subscription has to stand for its end to be no failure.
const settled = time.Minute

// keep keeps a subscription open until ctx or its session ends.
func (l *Listeners) keep(ctx context.Context, s *stream) {
	failures := 0
	said := ""
	defer l.finished(s)
	for ctx.Err() == nil {
		opened := time.Time{}
		err := events.Listen(ctx, s.key.session, s.key.pattern, func() {
			opened = time.Now()
			said = ""
			l.stands(s, nil)
			l.o.Log.DebugContext(ctx, "subscribed to events of Vault", "type", s.key.pattern, "namespace", s.key.session.VaultNamespace())
			l.tell(s, func(*follower) bool { return true })
		}, func(e events.Event) { l.heard(s, e) })
		if !opened.IsZero() && time.Since(opened) >= settled {
			failures = 0
		}
		if text := err.Error(); text != said && !errors.Is(err, context.Canceled) {
			said = text
			l.o.Log.WarnContext(ctx, "no events of Vault; changes are found by polling until there are", "type", s.key.pattern, "error", err)
		}
		if opened.IsZero() && ctx.Err() == nil {
			l.stands(s, err)
		}
		pause.For(ctx, l.backoff.Wait(failures, l.o.Rand))
		failures++
	}
}

// finished takes out a subscription that is not kept any more.
func (l *Listeners) finished(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[s.key] == s {
		delete(l.streams, s.key)
	}
}

// heard passes an event on to those whom it concerns.
func (l *Listeners) heard(s *stream, e events.Event) {
	namespace := s.key.session.VaultNamespace()
	if e.Index != "" && e.Modified {
		s.key.session.Changed(e.Index)
	}
	l.tell(s, func(f *follower) bool {
		return slices.ContainsFunc(f.paths, func(path string) bool { return e.Concerns(namespace, path) })
	})
}

// stands takes note of how the subscription is, and tells its followers.
func (l *Listeners) stands(s *stream, problem error) {
	l.mu.Lock()
	s.tried, s.problem = true, problem
	var told []func()
	for _, f := range s.followers {
		if news := s.news(f); news != nil {
			told = append(told, news)
		}
	}
	l.mu.Unlock()
	for _, tell := range told {
		tell()
	}
}

// tell notifies followers.
func (l *Listeners) tell(s *stream, whom func(*follower) bool) {
	l.mu.Lock()
	var told []func()
	for _, f := range s.followers {
		if whom(f) {
			told = append(told, f.hears.Change)
		}
	}
	l.mu.Unlock()
	for _, notify := range told {
		notify()
	}
}
