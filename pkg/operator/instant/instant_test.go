package instant

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds the wait for what must happen, on a machine that is busy.
const patience = time.Minute

// server is a Vault that sends what it is told to everybody who subscribed.
type server struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	seen   []string // subscriptions: namespace and pattern
	open   map[*websocket.Conn]string
	refuse bool
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, open: map[*websocket.Conn]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	name := r.Header.Get("X-Vault-Namespace") + " " + strings.TrimPrefix(r.URL.Path, "/v1/sys/events/subscribe/")
	s.mu.Lock()
	s.seen = append(s.seen, name)
	refuse := s.refuse
	s.mu.Unlock()
	if refuse {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	s.open[c] = name
	s.mu.Unlock()
	<-c.CloseRead(r.Context()).Done()
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
}

// subscriptions returns how many are open.
func (s *server) subscriptions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

// write tells that a path was written.
func (s *server) write(path string) {
	s.t.Helper()
	text := `{"data":{"event_type":"kv-v2/data-write","event":{"metadata":{"modified":"true","path":"` + path + `","vault_index":"v1:` + path + `"}}}}`
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if err := c.Write(s.t.Context(), websocket.MessageText, []byte(text)); err != nil {
			s.t.Error(err)
		}
	}
}

// drop ends all connections.
func (s *server) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.CloseNow()
		delete(s.open, c)
	}
}

// session is one of the operator's.
type session struct {
	client *vault.Client
	ended  chan struct{}
	mu     sync.Mutex
	index  string
}

func (s *server) session() *session {
	s.t.Helper()
	c, err := vault.NewClient(config.Vault{Address: s.URL})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return &session{client: c, ended: make(chan struct{})}
}

func (*session) VaultNamespace() string   { return "" }
func (s *session) Ended() <-chan struct{} { return s.ended }

func (s *session) Changed(index string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index = index
}

func (s *session) Upgrade(ctx context.Context, r vault.Request, dial vault.Dial) error {
	return s.client.Upgrade(ctx, sensitive.New("t"), "", r, dial)
}

// run makes listeners that work until the test ends.
func run(t *testing.T) *Listeners {
	t.Helper()
	l := New(Options{Log: slog.New(slog.DiscardHandler)})
	l.backoff = lease.Backoff{Initial: 10 * time.Millisecond, Max: 10 * time.Millisecond}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return l
}

// bell counts notifications.
type bell struct{ rung chan struct{} }

func newBell() bell { return bell{make(chan struct{}, 100)} }

func (b bell) ring() { b.rung <- struct{}{} }

func (b bell) wait(t *testing.T) {
	t.Helper()
	select {
	case <-b.rung:
	case <-time.After(patience):
		t.Fatal("nobody was notified")
	}
}

func (b bell) silent(t *testing.T) {
	t.Helper()
	select {
	case <-b.rung:
		t.Error("notified of what it does not follow")
	default:
	}
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-end:
			t.Fatalf("%s: not within a minute", what)
		case <-tick.C:
		}
	}
}

// TestFollow: many objects share one subscription, and each hears of its own.
func TestFollow(t *testing.T) {
	v := newServer(t)
	l, s := run(t), v.session()
	a, b, other := newBell(), newBell(), newBell()
	v.mu.Lock()   // no subscription stands before all follow
	for range 3 { // as each look at an object does
		l.Follow("a", s, "kv*", []string{"secret/data/x"}, Hears{Change: a.ring})
		l.Follow("b", s, "kv", []string{"secret/data/x", "secret/data/y"}, Hears{Change: b.ring})
		l.Follow("other", s, "kv*", []string{"secret/data/z"}, Hears{Change: other.ring})
	}
	v.mu.Unlock()
	a.wait(t) // what may have been missed before
	b.wait(t)
	other.wait(t)
	wait(t, "subscription", func() bool { return v.subscriptions() == 1 })
	if diff := cmp.Diff([]string{" kv*"}, v.requests()); diff != "" {
		t.Errorf("subscriptions (-want +got):\n%s", diff)
	}
	v.write("secret/data/x")
	a.wait(t)
	b.wait(t)
	v.write("secret/data/y")
	b.wait(t)
	a.silent(t)
	other.silent(t)
	s.mu.Lock()
	if s.index != "v1:secret/data/y" {
		t.Errorf("index %q", s.index)
	}
	s.mu.Unlock()
	l.Follow("a", s, "kv*", []string{"secret/data/y"}, Hears{Change: a.ring})
	l.Forget("b")
	v.write("secret/data/y")
	a.wait(t)
	b.silent(t)
	l.Forget("a")
	l.Forget("other")
	l.Forget("unknown")
	wait(t, "end of the last subscription", func() bool { return v.subscriptions() == 0 })
}

// TestReconnect: a connection that breaks is opened again, and everybody looks at
// what may have been missed.
func TestReconnect(t *testing.T) {
	v := newServer(t)
	l, s := run(t), v.session()
	a := newBell()
	l.Follow("a", s, "kv*", []string{"secret/data/x"}, Hears{Change: a.ring})
	a.wait(t)
	for range 3 {
		wait(t, "subscription", func() bool { return v.subscriptions() == 1 })
		v.drop()
		a.wait(t)
	}
}

// TestRefused: a server that does not allow it is asked again later.
func TestRefused(t *testing.T) {
	v := newServer(t)
	v.refuse = true
	l, s := run(t), v.session()
	a := newBell()
	told := make(chan error, 100)
	hears := Hears{Change: a.ring, State: func(err error) { told <- err }}
	l.Follow("a", s, "kv*", []string{"secret/data/x"}, hears)
	wait(t, "a few attempts", func() bool { return len(v.requests()) > 2 })
	a.silent(t)
	l.Follow("a", s, "kv*", []string{"secret/data/x"}, hears) // as the next look at the object does
	v.mu.Lock()
	v.refuse = false
	v.mu.Unlock()
	a.wait(t)
	if err := <-told; err == nil {
		t.Error("the object was not told that it hears nothing")
	}
	if err := <-told; err != nil {
		t.Errorf("the object was told %v, although the subscription stands", err)
	}
	l.Follow("late", s, "kv*", []string{"secret/data/y"}, hears)
	if err := <-told; err != nil {
		t.Errorf("who comes late was told %v", err)
	}
	// A connection that breaks and is there again is nothing to be told.
	wait(t, "subscription", func() bool { return v.subscriptions() == 1 })
	v.drop()
	a.wait(t)
	if n := len(told); n != 0 {
		t.Errorf("%d more were told, the first: %v", n, <-told)
	}
}

// TestSessionEnds: the subscription of a session ends with it.
func TestSessionEnds(t *testing.T) {
	v := newServer(t)
	l, s := run(t), v.session()
	a := newBell()
	l.Follow("a", s, "kv*", []string{"secret/data/x"}, Hears{Change: a.ring})
	a.wait(t)
	close(s.ended)
	wait(t, "end of the subscription", func() bool { return v.subscriptions() == 0 })
	l.Follow("a", s, "kv*", []string{"secret/data/x"}, Hears{Change: a.ring})
	next := v.session()
	l.Follow("a", next, "kv*", []string{"secret/data/x"}, Hears{Change: a.ring})
	a.wait(t)
	if n := len(v.requests()); n != 2 {
		t.Errorf("%d subscriptions, want one for each session", n)
	}
}

// TestEngines: an engine that is not known is not followed, another one replaces it.
func TestEngines(t *testing.T) {
	v := newServer(t)
	l, s := run(t), v.session()
	a := newBell()
	l.Follow("a", s, "", []string{"database/static-creds/a"}, Hears{Change: a.ring})
	l.Follow("a", s, "kv", []string{"database/static-creds/a"}, Hears{Change: a.ring})
	a.wait(t)
	l.Follow("a", s, "database", []string{"database/static-creds/a"}, Hears{Change: a.ring})
	a.wait(t)
	wait(t, "end of the first subscription", func() bool { return v.subscriptions() == 1 })
	if diff := cmp.Diff([]string{" kv*", " database*"}, v.requests()); diff != "" {
		t.Errorf("subscriptions (-want +got):\n%s", diff)
	}
}

// TestBeforeRun: what is followed before Run is subscribed to when that begins.
func TestBeforeRun(t *testing.T) {
	v := newServer(t)
	l, s := New(Options{Log: slog.New(slog.DiscardHandler)}), v.session()
	a := newBell()
	l.Follow("a", s, "kv*", []string{"secret/data/x"}, Hears{Change: a.ring})
	if len(v.requests()) != 0 {
		t.Error("subscribed before Run")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	a.wait(t)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	l.Follow("b", s, "kv*", []string{"secret/data/x"}, Hears{Change: a.ring})
	a.silent(t)
}
