package proxy_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/proxy"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestWhoseTokenIsSent(t *testing.T) {
	cases := map[string]struct {
		reason  string
		mode    string
		headers []string
		status  int
		whose   string // whose token reached Vault: "agent", "application" or "nobody"
	}{
		"off, none":           {"requests keep what they have", "", nil, 403, "nobody"},
		"off, own":            {"requests keep what they have", "", []string{"X-Vault-Token", "APP"}, 200, "application"},
		"false, bearer":       {"Vault takes both headers", "false", []string{"Authorization", "Bearer APP"}, 200, "application"},
		"true, none":          {"the agent's fills in", "true", nil, 200, "agent"},
		"true, own":           {"an own token stays", "true", []string{"X-Vault-Token", "APP"}, 200, "application"},
		"true, bearer":        {"an own token stays", "true", []string{"Authorization", "Bearer APP"}, 200, "application"},
		"true, other scheme":  {"that is no token", "true", []string{"Authorization", "Basic dTpw"}, 200, "agent"},
		"true, empty header":  {"that is no token", "true", []string{"X-Vault-Token", ""}, 200, "agent"},
		"true, both headers":  {"Vault's own goes first", "true", []string{"X-Vault-Token", "APP", "Authorization", "Bearer x"}, 200, "application"},
		"true, invalid":       {"an own token stays, whatever it is worth", "true", []string{"X-Vault-Token", "hvs.no"}, 403, "nobody"},
		"force, none":         {"the agent's always", "force", nil, 200, "agent"},
		"force, own":          {"the agent's always", "force", []string{"X-Vault-Token", "APP"}, 200, "agent"},
		"force, bearer":       {"the agent's always", "force", []string{"Authorization", "Bearer hvs.no"}, 200, "agent"},
		"force, both headers": {"the agent's always", "force", []string{"X-Vault-Token", "a", "Authorization", "Bearer b"}, 200, "agent"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, useToken(tc.mode), noCache)
				app := w.vault.CreateToken(fakevault.TokenRole{Policies: []string{"app"}})
				owners := map[string]string{"": "nobody", accessor(w, w.agentToken()): "agent", accessor(w, app): "application"}
				w.vault.ResetRequests()
				for i := range tc.headers {
					tc.headers[i] = strings.Replace(tc.headers[i], "APP", app, 1)
				}
				a := w.ask("GET", "secret/data/app", "", tc.headers...)
				got := w.vault.Requests()
				if len(got) != 1 || a.status != tc.status || owners[got[0].TokenAccessor] != tc.whose {
					t.Errorf("%s: status %d, %d requests, the token is that of %s; want %d of %s", tc.reason, a.status, len(got), owners[got[0].TokenAccessor], tc.status, tc.whose)
				}
			})
		})
	}
}

func accessor(w *world, token string) string {
	text, _ := w.lookup(w.t.Context(), token)["accessor"].(string)
	return text
}

func TestNoTokenYet(t *testing.T) {
	const body = `{"errors":["the agent has no token yet; it is still logging in to Vault"]}` + "\n"
	cases := map[string]struct {
		mode   string
		header string
		want   int
	}{
		"needed":     {"true", "", 503},
		"forced":     {"force", "own", 503},
		"not needed": {"true", "own", 403},
		"off":        {"", "", 403},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, useToken(tc.mode), func(w *world, _ *proxy.Options) { w.login = func() error { return errors.New("no") } })
				a := w.ask("GET", "secret/data/app", "", "X-Vault-Token", tc.header)
				if a.status != tc.want || tc.want == 503 && a.body != body {
					t.Errorf("status %d, want %d; body %s", a.status, tc.want, a.body)
				}
			})
		})
	}
	bubble(t, func(t *testing.T) {
		w := newWorld(t, func(w *world, o *proxy.Options) {
			o.Upstream = func() proxy.Upstream { return proxy.Upstream{Client: w.client} }
		})
		if a := w.ask("GET", "secret/data/app", ""); a.status != 503 || a.body != body {
			t.Errorf("without a session: status %d, body %s", a.status, a.body)
		}
	})
}

func TestNamespaces(t *testing.T) {
	cases := map[string]struct {
		reason     string
		configured string
		prepend    bool
		asked      string
		want       string
	}{
		"none":             {"nothing is made up", "", true, "", ""},
		"asked":            {"it passes as it is", "team", false, "a/b", "a/b"},
		"not prepended":    {"the configured one is for the agent", "team", false, "", ""},
		"prepended":        {"to the one that is asked for", "/team/", true, "/a/b", "team/a/b/"},
		"prepended to all": {"a request without gets the configured one", "team", true, "", "team/"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var got string
				client := transportClient(t, config.Vault{Namespace: tc.configured}, func(r *http.Request) (*http.Response, error) {
					got = r.Header.Get("X-Vault-Namespace")
					return jsonReply(200, `{}`), nil
				})
				w := newWorld(t, func(_ *world, o *proxy.Options) {
					o.UseToken, o.PrependNamespace = "", tc.prepend
					o.Upstream = func() proxy.Upstream { return proxy.Upstream{Client: client} }
				})
				if a := w.ask("GET", "a", "", "X-Vault-Namespace", tc.asked); a.status != 200 || got != tc.want {
					t.Errorf("%s: status %d, namespace %q, want %q", tc.reason, a.status, got, tc.want)
				}
			})
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// transportClient is a client of a function, without retries.
func transportClient(t *testing.T, c config.Vault, f roundTrip) *vault.Client {
	t.Helper()
	c.Address, c.MaxRetries = "http://vault.test:8200", -1
	client, err := vault.NewClient(c, vault.WithTransport(f))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func jsonReply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func TestInvalidTokenHeals(t *testing.T) {
	cases := map[string]struct {
		reason  string
		mode    string
		supply  bool          // the application sends the agent's token itself
		login   time.Duration // how long the new login takes
		status  int
		logins  int
		atLeast time.Duration
	}{
		"at once":         {"the request is repeated with the new token", "true", false, 0, 200, 1, 0},
		"forced":          {"the request is repeated with the new token", "force", false, time.Second, 200, 1, time.Second},
		"slow login":      {"the answer is passed on after 5 s", "true", false, time.Minute, 403, 0, 5 * time.Second},
		"supplied itself": {"the agent logs in, the application has to do so itself", "true", true, 0, 403, 1, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				logins := -1 // the first is before
				w := newWorld(t, useToken(tc.mode), func(w *world, _ *proxy.Options) {
					w.login = func() error {
						if logins++; logins > 0 && tc.login > 0 {
							<-time.After(tc.login)
						}
						return nil
					}
				})
				dead := w.agentToken()
				w.vault.RevokeToken(dead)
				token := ""
				if tc.supply {
					token = dead
				}
				begun := time.Now()
				a := w.ask("PUT", "secret/data/other", `{"data":{"a":"1"}}`, "X-Vault-Token", token)
				if took := time.Since(begun); a.status != tc.status || took < tc.atLeast || took > tc.atLeast+time.Second {
					t.Errorf("%s: status %d after %v, want %d after %v; body %s", tc.reason, a.status, took, tc.status, tc.atLeast, a.body)
				}
				if tc.status == 403 && !strings.Contains(a.body, "invalid token") {
					t.Errorf("the answer of Vault is lost: %s", a.body)
				}
				if tc.supply {
					elapse(time.Second)
				}
				if tc.login < time.Minute && logins != tc.logins {
					t.Errorf("%s: %d logins, want %d", tc.reason, logins, tc.logins)
				}
				elapse(2 * time.Minute)
			})
		})
	}
}

func TestDeniedIsNoReasonToLogIn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		if a := w.ask("GET", "none/of/it", ""); a.status != 403 {
			t.Errorf("status %d: %s", a.status, a.body)
		}
		elapse(time.Minute)
		if epoch := w.session.State().Epoch; epoch != 1 {
			t.Errorf("the agent is at its token number %d", epoch)
		}
		w.wantAsked("none/of/it", 1)
		w.wantCounted(map[string]int{"client error": 1, "miss": 1})
	})
}

// TestManyHealTogether: one login is enough for all.
func TestManyHealTogether(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, noCache)
		w.vault.RevokeToken(w.agentToken())
		statuses := make(chan int, 20)
		for range cap(statuses) {
			go func() { statuses <- w.ask("GET", "secret/data/app", "").status }()
		}
		for range cap(statuses) {
			if got := <-statuses; got != 200 {
				t.Errorf("status %d", got)
			}
		}
		if epoch := w.session.State().Epoch; epoch != 2 {
			t.Errorf("the agent is at its token number %d, want 2", epoch)
		}
	})
}

func TestAgentTokenIsStripped(t *testing.T) {
	cases := map[string]struct {
		reason  string
		mode    string
		method  string
		path    string
		body    string
		headers []string
		field   string // that holds a token
		others  []string
		want    bool // the token stays
	}{
		"look-up":               {"an application must not get at it", "true", "GET", "auth/token/lookup-self", "", nil, "data.id", []string{"data.accessor"}, false},
		"look-up by writing":    {"an application must not get at it", "true", "PUT", "auth/token/lookup-self", "", nil, "data.id", []string{"data.accessor"}, false},
		"look-up without name":  {"Vault takes the caller's then", "true", "PUT", "auth/token/lookup", "{}", nil, "data.id", []string{"data.accessor"}, false},
		"look-up by odd path":   {"Vault cleans paths", "true", "GET", "auth//token/./lookup-self", "", nil, "data.id", []string{"data.accessor"}, false},
		"renewal":               {"an application must not get at it", "force", "PUT", "auth/token/renew-self", "", nil, "auth.client_token", []string{"auth.accessor"}, false},
		"forced over another":   {"an application must not get at it", "force", "GET", "auth/token/lookup-self", "", []string{"X-Vault-Token", "other"}, "data.id", []string{"data.accessor"}, false},
		"wrapped":               {"wrapping would hide it from us", "true", "GET", "auth/token/lookup-self", "", []string{"X-Vault-Wrap-TTL", "60s"}, "data.id", []string{"data.accessor", "wrap_info"}, false},
		"supplied":              {"the application has it", "true", "GET", "auth/token/lookup-self", "", []string{"X-Vault-Token", "AGENT"}, "data.id", nil, true},
		"supplied and forced":   {"the application has it", "force", "GET", "auth/token/lookup-self", "", []string{"X-Vault-Token", "AGENT"}, "data.id", nil, true},
		"named in the body":     {"the application has it", "true", "PUT", "auth/token/lookup", `{"token":"AGENT"}`, nil, "data.id", nil, true},
		"renewed with the body": {"the application has it", "true", "PUT", "auth/token/renew", `{"token":"AGENT"}`, nil, "auth.client_token", nil, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, useToken(tc.mode))
				token := w.agentToken()
				for i := range tc.headers {
					tc.headers[i] = strings.Replace(tc.headers[i], "AGENT", token, 1)
				}
				handler := w.handler
				if strings.Contains(tc.path, "//") {
					handler = cleaning(w)
				}
				r := httptest.NewRequestWithContext(t.Context(), tc.method, "/v1/"+tc.path, strings.NewReader(strings.Replace(tc.body, "AGENT", token, 1)))
				for i := 0; i < len(tc.headers); i += 2 {
					r.Header.Set(tc.headers[i], tc.headers[i+1])
				}
				a := do(handler, r)
				if a.status != 200 || (a.text(tc.field) == token) != tc.want || strings.Contains(a.body, token) != tc.want {
					t.Errorf("%s: status %d, %s = %q: %s", tc.reason, a.status, tc.field, a.text(tc.field), a.body)
				}
				for _, name := range tc.others {
					if a.text(name) != "" {
						t.Errorf("%s: %s is still there", tc.reason, name)
					}
				}
				if a.text("data.ttl")+a.text("auth.lease_duration") == "" || a.text("request_id") == "" {
					t.Errorf("more is gone than had to: %s", a.body)
				}
			})
		})
	}
}

// cleaning is a proxy before a Vault that cleans paths, as the real one does
// with a redirection.
func cleaning(w *world) http.Handler {
	client := transportClient(w.t, config.Vault{}, func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.Path, "//") {
			answer := jsonReply(301, "")
			answer.Header.Set("Location", "/v1/auth/token/lookup-self")
			return answer, nil
		}
		return w.vault.RoundTrip(r)
	})
	p := proxy.New(proxy.Options{Upstream: func() proxy.Upstream { return proxy.Upstream{Client: client, Session: w.session} }, UseToken: "true"})
	return p.Handler(proxy.ListenerOptions{})
}

func TestOtherTokensAreNotStripped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, useToken("true"))
		token := w.userLogin()
		if a := w.ask("PUT", "auth/token/lookup", `{"token":"`+token+`"}`); a.text("data.id") != token {
			t.Errorf("a look-up of another token: %s", a.body)
		}
		if a := w.ask("GET", "auth/token/lookup-self", "", "X-Vault-Token", token); a.text("data.id") != token {
			t.Errorf("a look-up of the own token: %s", a.body)
		}
	})
}

func TestRefusedRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.ask("GET", "sys/events/subscribe/*", "", "Upgrade", "websocket", "Connection", "Upgrade")
		if want := `{"errors":["the agent does not pass on websockets; connect to Vault itself"]}` + "\n"; a.status != 501 || a.body != want {
			t.Errorf("a websocket: %d %s", a.status, a.body)
		}
		a = w.ask("PUT", "secret/data/app", strings.Repeat("x", 32<<20+1))
		if want := `{"errors":["the request is larger than 32 MiB, which is the most that is passed on"]}` + "\n"; a.status != 413 || a.body != want {
			t.Errorf("a large request: %d %s", a.status, a.body)
		}
		r := httptest.NewRequestWithContext(t.Context(), "PUT", "/v1/secret/data/app", io.MultiReader(strings.NewReader("{"), broken{}))
		if a = do(w.handler, r); a.status != 400 || a.body != `{"errors":["the body of the request broke off"]}`+"\n" {
			t.Errorf("a broken request: %d %s", a.status, a.body)
		}
		if n := len(w.vault.Requests()); n != 0 {
			t.Errorf("%d of them reached Vault", n)
		}
		w.wantCounted(map[string]int{"error": 3})
	})
}

// broken is a body that ends early.
type broken struct{}

// Read implements io.Reader.
func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestVaultIsAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		remove := w.vault.Fault(fakevault.Fault{Drop: true})
		a := w.ask("GET", "secret/data/app", "")
		want := `{"errors":["GET http://vault.test:8200/v1/secret/data/app: unavailable: connection reset by peer (a fault of the test)"]}` + "\n"
		if a.status != 502 || a.body != want {
			t.Errorf("status %d\ngot  %s\nwant %s", a.status, a.body, want)
		}
		remove()
		if a := w.ask("GET", "secret/data/app", ""); a.status != 200 {
			t.Errorf("when it is back: %d %s", a.status, a.body)
		}
		w.wantCounted(map[string]int{"error": 1, "success": 1, "miss": 1})
	})
}

// TestPauseOfTheAgentIsPassedOn: Vault asked the agent itself to wait.
func TestPauseOfTheAgentIsPassedOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.Fault(fakevault.Fault{Status: 429, RetryAfter: 90 * time.Second, Times: 1})
		_, err := w.session.Do(t.Context(), vault.Request{Method: "GET", Path: "secret/data/app"})
		if vault.KindOf(err) != vault.RateLimited {
			t.Fatalf("error = %v", err)
		}
		elapse(500 * time.Millisecond)
		a := w.ask("PUT", "secret/data/app", `{"data":{}}`)
		if a.status != 429 || a.header.Get("Retry-After") != "90" || !strings.Contains(a.body, "held back by the rate limit") {
			t.Errorf("status %d, Retry-After %q: %s", a.status, a.header.Get("Retry-After"), a.body)
		}
	})
}

func TestAnswersPassAsTheyAre(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client := transportClient(t, config.Vault{}, func(*http.Request) (*http.Response, error) {
			answer := jsonReply(473, `{ "odd" : 1.0 }`)
			answer.Header.Set("X-Custom", "kept")
			answer.Header.Set("Connection", "close")
			return answer, nil
		})
		w := newWorld(t, noCache, func(_ *world, o *proxy.Options) {
			o.Upstream = func() proxy.Upstream { return proxy.Upstream{Client: client} }
		}, useToken(""))
		a := w.ask("GET", "sys/health", "")
		if a.status != 473 || a.body != `{ "odd" : 1.0 }` || a.header.Get("X-Custom") != "kept" || a.header.Get("Connection") != "" || a.header.Get("X-Cache") != "" {
			t.Errorf("got %+v", a)
		}
	})
}

// TestStreams reads a log while it is written: nobody waits for its end, and an
// equal request does not wait for this one.
func TestStreams(t *testing.T) {
	bubble(t, func(t *testing.T) {
		body, feed := io.Pipe()
		client := transportClient(t, config.Vault{}, func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body, ContentLength: -1}, nil
		})
		w := newWorld(t, func(_ *world, o *proxy.Options) {
			o.Upstream = func() proxy.Upstream { return proxy.Upstream{Client: client} }
		}, useToken(""))
		recorder := &listening{ResponseRecorder: httptest.NewRecorder(), heard: make(chan string)}
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/sys/monitor?log_format=json", http.NoBody))
		}()
		for _, line := range []string{"one\n", "two\n"} {
			_, _ = io.WriteString(feed, line)
			if got := <-recorder.heard; got != line {
				t.Errorf("heard %q, want %q", got, line)
			}
		}
		_ = feed.Close()
		<-done
		if recorder.flushed != 2 {
			t.Errorf("sent on %d times, want after each line", recorder.flushed)
		}
	})
}

// listening is a connection that tells what it hears.
type listening struct {
	*httptest.ResponseRecorder
	heard   chan string
	flushed int
}

// Write implements io.Writer.
func (l *listening) Write(p []byte) (int, error) {
	l.heard <- string(p)
	return len(p), nil
}

// Flush implements http.Flusher.
func (l *listening) Flush() { l.flushed++ }

func TestAnswerThatBreaksOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client := transportClient(t, config.Vault{}, func(*http.Request) (*http.Response, error) {
			answer := jsonReply(200, "")
			answer.Header.Set("Content-Type", "text/plain")
			answer.Body = io.NopCloser(io.MultiReader(strings.NewReader("half"), broken{}))
			return answer, nil
		})
		w := newWorld(t, func(_ *world, o *proxy.Options) {
			o.Upstream = func() proxy.Upstream { return proxy.Upstream{Client: client} }
		}, useToken(""))
		defer func() {
			if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // the very value
				t.Errorf("the handler ended with %v; the answer looks complete", got)
			}
		}()
		w.ask("GET", "a", "")
	})
}

func TestApplicationGoesAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.Fault(fakevault.Fault{Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if a := w.askWith(ctx, "GET", "database/creds/app", ""); a.status != 502 || time.Since(begun) != time.Second {
			t.Errorf("status %d after %v: %s", a.status, time.Since(begun), a.body)
		}
		synctest.Wait()
		w.wantCached("nothing came", 0)
	})
}
