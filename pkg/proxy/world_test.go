package proxy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/proxy"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// world is a Vault, an agent's session and a proxy before it, in virtual time.
type world struct {
	t        *testing.T
	vault    *fakevault.Server
	client   *vault.Client
	session  *vault.Session
	schedule *lease.Schedule
	proxy    *proxy.Proxy
	handler  http.Handler

	mu      sync.Mutex
	counted map[string]int
	agent   fakevault.TokenRole // of the agent's tokens
	login   func() error        // of the agent; nil: it succeeds
}

// Login implements auth.Method: it makes a token behind Vault's back, so that the
// requests that Vault counts are those of the proxy.
func (w *world) Login(ctx context.Context, _ auth.Exchanger) (*auth.Token, error) {
	if w.login != nil {
		if err := w.login(); err != nil {
			return nil, err
		}
	}
	value := sensitive.New(w.vault.CreateToken(w.agent))
	data := w.lookup(ctx, value.Reveal())
	return auth.FromLookup(value, data), nil
}

// lookup asks Vault about a token.
func (w *world) lookup(ctx context.Context, token string) map[string]any {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/auth/token/lookup-self", http.NoBody)
	r.Header.Set("X-Vault-Token", token)
	recorder := httptest.NewRecorder()
	w.vault.ServeHTTP(recorder, r)
	var answer struct{ Data map[string]any }
	_ = json.Unmarshal(recorder.Body.Bytes(), &answer)
	return answer.Data
}

// policy is that of the agent and of the applications.
func policy() map[string][]string {
	all := []string{"create", "read", "update", "delete", "list", "sudo"}
	// The default policy has a narrower rule for the look-up of oneself.
	return map[string][]string{"secret/*": all, "database/*": all, "auth/*": all, "auth/token/lookup-self": all, "sys/*": all}
}

// newWorld makes a world whose agent has a token of 24 hours. Change options with
// the functions. It belongs into a synctest bubble.
func newWorld(t *testing.T, change ...func(*world, *proxy.Options)) *world {
	t.Helper()
	w := &world{t: t, vault: fakevault.New(), counted: map[string]int{}, agent: fakevault.TokenRole{Policies: []string{"app"}, TTL: 24 * time.Hour}}
	w.vault.Policy("app", policy())
	w.vault.EnableKV("secret", 2)
	w.vault.PutKV("secret", "app", map[string]any{"password": "canary-4d1"})
	w.vault.EnableDatabase("database")
	w.vault.DynamicRole("database", "app", time.Hour, 4*time.Hour)
	w.vault.EnableUserpass("userpass", map[string]string{"u": "p"}, fakevault.TokenRole{Policies: []string{"app"}, TTL: time.Hour, MaxTTL: 3 * time.Hour})
	var err error
	if w.client, err = vault.NewClient(config.Vault{Address: "http://vault.test:8200", MaxRetries: -1}, vault.WithTransport(w.vault)); err != nil {
		t.Fatal(err)
	}
	w.schedule = lease.NewSchedule(4)
	w.session = vault.NewSession(w.client, w, w.schedule, vault.SessionOptions{Rand: half})
	o := proxy.Options{
		Upstream: func() proxy.Upstream { return proxy.Upstream{Client: w.client, Session: w.session} },
		UseToken: "true", Schedule: w.schedule, Rand: half, Count: w.counters(),
	}
	for _, f := range change {
		f(w, &o)
	}
	w.proxy = proxy.New(o)
	w.handler = w.proxy.Handler(proxy.ListenerOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.schedule.Run(ctx) }()
	t.Cleanup(func() {
		w.proxy.Close()
		cancel()
		<-done
	})
	w.session.Start(nil)
	synctest.Wait()
	w.vault.ResetRequests()
	return w
}

func half() float64 { return 0.5 }

// counters counts by names.
func (w *world) counters() proxy.Counters {
	counter := func(name string) func() {
		return func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.counted[name]++
		}
	}
	return proxy.Counters{
		Success: counter("success"), ClientError: counter("client error"), Error: counter("error"),
		CacheHit: counter("hit"), CacheMiss: counter("miss"),
	}
}

// useToken chooses use_auto_auth_token; noCache leaves the cache out.
func useToken(mode string) func(*world, *proxy.Options) {
	return func(_ *world, o *proxy.Options) { o.UseToken = mode }
}

func noCache(_ *world, o *proxy.Options) { o.Schedule = nil }

// answer is what an application got.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request through the proxy. A body makes no difference to Vault
// where there is none; headers come in pairs.
func (w *world) ask(method, path, body string, headers ...string) answer {
	return w.askWith(w.t.Context(), method, path, body, headers...)
}

func (w *world) askWith(ctx context.Context, method, path, body string, headers ...string) answer {
	r := httptest.NewRequestWithContext(ctx, method, "/v1/"+path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return do(w.handler, r)
}

func do(h http.Handler, r *http.Request) answer {
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// text reads a field of an answer, whose name has dots.
func (a answer) text(name string) string {
	var value any
	_ = json.Unmarshal([]byte(a.body), &value)
	for part := range strings.SplitSeq(name, ".") {
		fields, _ := value.(map[string]any)
		value = fields[part]
	}
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// cached asks for the credentials of the database, with the agent's token.
func (w *world) credentials(headers ...string) answer {
	w.t.Helper()
	a := w.ask("GET", "database/creds/app", "", headers...)
	if a.status != 200 {
		w.t.Fatalf("credentials: %d %s", a.status, a.body)
	}
	return a
}

// userLogin logs an application in through the proxy and returns its token.
func (w *world) userLogin() string {
	w.t.Helper()
	a := w.ask("PUT", "auth/userpass/login/u", `{"password":"p"}`)
	if a.status != 200 {
		w.t.Fatalf("login: %d %s", a.status, a.body)
	}
	return a.text("auth.client_token")
}

// agentToken is the agent's token now.
func (w *world) agentToken() string {
	w.t.Helper()
	state := w.session.State()
	if state.Token == nil {
		w.t.Fatal("the agent has no token")
	}
	return state.Token.Value.Reveal()
}

// wantCached checks how many answers the cache holds.
func (w *world) wantCached(reason string, want int) {
	w.t.Helper()
	if got, bytes := w.proxy.Cached(); got != want || (bytes == 0) != (want == 0) {
		w.t.Errorf("%s: %d answers of %d bytes are cached, want %d", reason, got, bytes, want)
	}
}

// wantAsked checks how many requests of a path reached Vault.
func (w *world) wantAsked(path string, want int) {
	w.t.Helper()
	if got := w.vault.Count("", path); got != want {
		w.t.Errorf("%d requests of %s reached Vault, want %d", got, path, want)
	}
}

func (w *world) wantCounted(want map[string]int) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(want, w.counted); diff != "" {
		w.t.Errorf("counters (-want +got):\n%s", diff)
	}
}

func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
