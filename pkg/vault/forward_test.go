package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// incoming is a request as an HTTP server hands it over.
func incoming(t *testing.T, method, target, body string, headers map[string]string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return r
}

func content(t *testing.T, answer *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestForwardSendsWhatItGot(t *testing.T) {
	cases := map[string]struct {
		reason  string
		config  config.Vault
		request *http.Request
		want    string // method, URI and body
		headers map[string]string
	}{
		"read": {
			reason:  "query and escapes stay as they were written",
			request: incoming(t, "GET", "http://agent:8100/v1/secret/data/a%2Fb%20c?version=3&b=%41&a", "", map[string]string{"X-Vault-Token": "t1", "X-Vault-Namespace": "team/"}),
			want:    "GET /v1/secret/data/a%2Fb%20c?version=3&b=%41&a ",
			headers: map[string]string{"X-Vault-Token": "t1", "X-Vault-Namespace": "team/", "X-Vault-Request": "true", "User-Agent": "vaultk8s/1.2.3"},
		},
		"write": {
			reason:  "the body passes unchanged",
			request: incoming(t, "PUT", "/v1/secret/data/app", `{ "data": {"b":1.0, "a":2} }`, map[string]string{"User-Agent": "curl/8", "X-Vault-Wrap-TTL": "60s"}),
			want:    `PUT /v1/secret/data/app { "data": {"b":1.0, "a":2} }`,
			headers: map[string]string{"User-Agent": "curl/8", "X-Vault-Wrap-Ttl": "60s", "X-Vault-Token": "", "X-Vault-Namespace": ""},
		},
		"list": {
			reason:  "the method of Vault passes, too",
			request: incoming(t, "LIST", "/v1/secret/metadata", "", nil),
			want:    "LIST /v1/secret/metadata ",
		},
		"headers of the connection": {
			reason: "they end here; what came from far stays as it is",
			request: incoming(t, "GET", "/v1/a", "", map[string]string{
				"Connection": "X-Mine, Close", "X-Mine": "1", "Te": "trailers", "Proxy-Authorization": "Basic x", "Keep-Alive": "5",
				"X-Forwarded-For": "10.0.0.1", "Accept-Encoding": "br",
			}),
			want: "GET /v1/a ",
			headers: map[string]string{
				"Connection": "", "X-Mine": "", "Te": "", "Proxy-Authorization": "", "Keep-Alive": "", "X-Forwarded-For": "10.0.0.1", "Accept-Encoding": "gzip",
			},
		},
		"configured headers": {
			reason:  "they are for requests that do not bring their own",
			config:  config.Vault{Headers: []config.Header{{Name: "X-Team", Value: "shop"}, {Name: "X-Zone", Value: "a"}}},
			request: incoming(t, "GET", "/v1/a", "", map[string]string{"X-Zone": "b"}),
			want:    "GET /v1/a ",
			headers: map[string]string{"X-Team": "shop", "X-Zone": "b"},
		},
		"below a prefix": {
			reason:  "the address may have a path",
			config:  config.Vault{Address: "/prefix/"},
			request: incoming(t, "GET", "/v1/a%2Fb", "", nil),
			want:    "GET /prefix/v1/a%2Fb ",
		},
		"configured namespace": {
			reason:  "it is for the agent's own requests; whether it counts for others is their proxy's decision",
			config:  config.Vault{Namespace: "team"},
			request: incoming(t, "GET", "/v1/a", "", nil),
			want:    "GET /v1/a ",
			headers: map[string]string{"X-Vault-Namespace": ""},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got, host string
			var headers http.Header
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got, headers, host = fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, body), r.Header, r.Host
			}))
			defer server.Close()
			tc.config.Address = server.URL + tc.config.Address
			answer, err := newClient(t, tc.config, WithVersion("1.2.3")).Forward(t.Context(), tc.request)
			if err != nil {
				t.Fatal(err)
			}
			content(t, answer)
			if got != tc.want || !strings.HasSuffix(server.URL, host) {
				t.Errorf("%s\ngot  %s (for %s)\nwant %s", tc.reason, got, host, tc.want)
			}
			for header, want := range tc.headers {
				if headers.Get(header) != want {
					t.Errorf("%s: %s = %q, want %q", tc.reason, header, headers.Get(header), want)
				}
			}
		})
	}
}

// answers makes a client whose server gives one answer after the other, the last
// for ever, and counts them. A status of 0 is a broken connection.
func answers(t *testing.T, retries int, header http.Header, statuses ...int) (*Client, *atomic.Int32) {
	t.Helper()
	asked := &atomic.Int32{}
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			_, _ = io.ReadAll(r.Body)
		}
		n := int(asked.Add(1))
		status := statuses[min(n, len(statuses))-1]
		if status == 0 {
			return nil, errors.New("connection reset by peer")
		}
		return reply(r, status, header.Clone(), fmt.Sprintf(`{"errors":["answer %d"]}`, n)), nil
	})
	return newClient(t, config.Vault{Address: "http://vault:8200", MaxRetries: retries}, WithTransport(transport)), asked
}

func TestForwardRepeatsReads(t *testing.T) {
	cases := map[string]struct {
		reason   string
		method   string
		path     string
		retries  int
		statuses []int
		status   int // 0: no answer came
		asked    int32
	}{
		"success":              {"there is nothing to repeat", "GET", "/v1/a", 0, []int{200}, 200, 1},
		"client error":         {"it would not fare better", "GET", "/v1/a", 0, []int{404}, 404, 1},
		"not implemented":      {"it would not fare better", "GET", "/v1/a", 0, []int{501}, 501, 1},
		"server error":         {"it passes", "GET", "/v1/a", 0, []int{500, 502, 503, 200}, 200, 4},
		"too many":             {"it passes", "LIST", "/v1/a", 0, []int{429, 200}, 200, 2},
		"state not there yet":  {"another node catches up", "HEAD", "/v1/a", 0, []int{412, 200}, 200, 2},
		"connection":           {"it comes back", "GET", "/v1/a", 0, []int{0, 0, 200}, 200, 3},
		"away":                 {"twelve retries are the default", "GET", "/v1/a", 0, []int{0}, 0, 13},
		"failing":              {"the last answer is passed on", "GET", "/v1/a", 2, []int{500}, 500, 3},
		"retries off":          {"-1 stands for none", "GET", "/v1/a", -1, []int{500}, 500, 1},
		"write":                {"Vault may have carried it out", "PUT", "/v1/a", 0, []int{500}, 500, 1},
		"write, connection":    {"Vault may have carried it out", "POST", "/v1/a", 0, []int{0}, 0, 1},
		"delete":               {"Vault may have carried it out", "DELETE", "/v1/a", 0, []int{503}, 503, 1},
		"state of the server":  {"503 is the answer: sealed", "GET", "/v1/sys/health", 0, []int{503}, 503, 1},
		"state of the standby": {"429 is the answer: standby", "GET", "/v1/sys/health", 0, []int{429}, 429, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, asked := answers(t, tc.retries, nil, tc.statuses...)
				answer, err := c.Forward(t.Context(), incoming(t, tc.method, tc.path, "", nil))
				status := 0
				if err == nil {
					status = answer.StatusCode
					content(t, answer)
				} else if said := failure(t, err); said.Kind != Unavailable {
					t.Errorf("kind = %v, want %v", said.Kind, Unavailable)
				}
				if status != tc.status || asked.Load() != tc.asked {
					t.Errorf("%s: status %d after %d requests, want %d after %d", tc.reason, status, asked.Load(), tc.status, tc.asked)
				}
			})
		})
	}
}

func TestForwardPausesBetweenAttempts(t *testing.T) {
	cases := map[string]struct {
		reason   string
		header   http.Header
		min, max time.Duration
	}{
		"backoff": {reason: "0.25+0.5+1+2+4+8+6*10 s, up to a quarter less", min: 56 * time.Second, max: 76 * time.Second},
		"asked":   {reason: "Vault may ask for more", header: http.Header{"Retry-After": {"20"}}, min: 240 * time.Second, max: 240 * time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := answers(t, 0, tc.header, 503)
				begun := time.Now()
				answer, err := c.Forward(t.Context(), incoming(t, "GET", "/v1/a", "", nil))
				if err != nil {
					t.Fatal(err)
				}
				if got := content(t, answer); got != `{"errors":["answer 13"]}` {
					t.Errorf("the answer is %s", got)
				}
				if took := time.Since(begun); took < tc.min || took > tc.max {
					t.Errorf("it took %v, want %v to %v: %s", took, tc.min, tc.max, tc.reason)
				}
			})
		})
	}
}

func TestForwardEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, asked := answers(t, 0, nil, 503)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Forward(ctx, incoming(t, "GET", "/v1/secret/app", "", map[string]string{"X-Vault-Token": canary}))
		if want := "GET http://vault:8200/v1/secret/app: unavailable: context deadline exceeded; " +
			"hint: no answer in time; a network policy or firewall may drop the connection, or Vault is overloaded"; failure(t, err).Error() != want {
			t.Errorf("error\ngot  %v\nwant %s", err, want)
		}
		if n := asked.Load(); n < 2 || n > 4 {
			t.Errorf("%d requests within a second, want 2 to 4", n)
		}
	})
}

// TestForwardWaitsForTheHeadOnly lets a body trickle for longer than the timeout,
// which the head of another answer must keep.
func TestForwardWaitsForTheHeadOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := false
		c := newClient(t, config.Vault{Address: "http://vault:8200", Timeout: time.Minute, MaxRetries: -1}, WithTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
			if silent {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			body, feed := io.Pipe()
			go func() {
				for n := range 3 {
					<-time.After(time.Minute)
					_, _ = fmt.Fprint(feed, n)
				}
				_ = feed.CloseWithError(r.Context().Err())
			}()
			return &http.Response{StatusCode: http.StatusOK, Body: body, Header: http.Header{}}, nil
		})))
		answer, err := c.Forward(t.Context(), incoming(t, "GET", "/v1/sys/monitor", "", nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := content(t, answer); got != "012" {
			t.Errorf("the log reads %q", got)
		}
		silent = true
		begun := time.Now()
		_, err = c.Forward(t.Context(), incoming(t, "GET", "/v1/sys/monitor", "", nil))
		if said := failure(t, err); !errors.Is(said, context.DeadlineExceeded) || time.Since(begun) != time.Minute {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestForwardPassesMoreThanWeRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := strings.Repeat("x", 1<<20)
		for range maxAnswer>>20 + 1 {
			_, _ = io.WriteString(w, chunk)
		}
	}))
	defer server.Close()
	seen := 0
	c := newClient(t, config.Vault{Address: server.URL}, WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			seen++
			return next.RoundTrip(r)
		})
	}))
	answer, err := c.Forward(t.Context(), incoming(t, "GET", "/v1/sys/storage/raft/snapshot", "", nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(content(t, answer)); got != maxAnswer+1<<20 {
		t.Errorf("%d bytes came through, want %d", got, maxAnswer+1<<20)
	}
	if seen != 1 {
		t.Errorf("the middleware saw %d requests", seen)
	}
}

func TestForwardFollowsToTheActiveNode(t *testing.T) {
	cases := map[string]struct {
		reason string
		status int
		to     string
		want   []string
		answer int
	}{
		"standby":      {"a standby names the active node", 307, "http://active:8200/v1/a?b=c", []string{"PUT vault:8200 body", "PUT active:8200 body"}, 200},
		"moved":        {"the method stays", 301, "/v1/b", []string{"PUT vault:8200 body", "PUT vault:8200 body"}, 200},
		"for ever":     {"once is enough", 307, "http://vault:8200/v1/a", []string{"PUT vault:8200 body", "PUT vault:8200 body"}, 307},
		"without goal": {"it is passed on", 307, "", []string{"PUT vault:8200 body"}, 307},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var asked []string
			c := inProcess(t, func(r *http.Request) (*http.Response, error) {
				body, _ := io.ReadAll(r.Body)
				asked = append(asked, fmt.Sprintf("%s %s %s", r.Method, r.URL.Host, body))
				if len(asked) > 1 && tc.answer == 200 {
					return reply(r, 200, nil, "{}"), nil
				}
				header := http.Header{}
				if tc.to != "" {
					header.Set("Location", tc.to)
				}
				return reply(r, tc.status, header, ""), nil
			})
			answer, err := c.Forward(t.Context(), incoming(t, "PUT", "/v1/a", "body", nil))
			if err != nil {
				t.Fatal(err)
			}
			content(t, answer)
			if diff := cmp.Diff(tc.want, asked); diff != "" || answer.StatusCode != tc.answer {
				t.Errorf("%s: status %d (-want +got):\n%s", tc.reason, answer.StatusCode, diff)
			}
		})
	}
}

func TestForwardDoesNotLeaveTLS(t *testing.T) {
	var asked int
	c := newClient(t, config.Vault{Address: "https://vault:8200"}, WithTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		asked++
		return reply(r, 307, http.Header{"Location": {"http://elsewhere:8200/v1/a"}}, ""), nil
	})))
	answer, err := c.Forward(t.Context(), incoming(t, "GET", "/v1/a", "", map[string]string{"X-Vault-Token": canary}))
	if err != nil {
		t.Fatal(err)
	}
	content(t, answer)
	if asked != 1 || answer.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("status %d after %d requests: the token went out in the clear", answer.StatusCode, asked)
	}
}

func TestForwardKeepsToTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, config.Vault{Address: "http://vault:8200", RateLimit: 2, RateBurst: 1}, WithTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
			return reply(r, 200, nil, "{}"), nil
		})))
		begun := time.Now()
		for range 5 {
			answer, err := c.Forward(t.Context(), incoming(t, "PUT", "/v1/a", "", nil))
			if err != nil {
				t.Fatal(err)
			}
			content(t, answer)
		}
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("five requests at two a second took %v, want 2s", took)
		}
	})
}

// TestForwardDoesNotHoldBackTheAgent: an application that hits a quota must not
// stop the renewal of the agent's token.
func TestForwardDoesNotHoldBackTheAgent(t *testing.T) {
	c, asked := answers(t, 0, http.Header{"Retry-After": {"60"}, "Content-Type": {"application/json"}}, 429, 200)
	answer, err := c.Forward(t.Context(), incoming(t, "PUT", "/v1/a", "", nil))
	if err != nil {
		t.Fatal(err)
	}
	content(t, answer)
	if _, err := c.Do(t.Context(), sensitive.New("t"), "", Request{Method: "PUT", Path: "auth/token/renew-self"}); err != nil || asked.Load() != 2 {
		t.Errorf("the agent's own request after %d: %v", asked.Load(), err)
	}
}

func TestForwardDuringAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := answers(t, 0, http.Header{"Retry-After": {"60"}, "Content-Type": {"application/json"}}, 429, 200)
		if _, err := c.Do(t.Context(), sensitive.New("t"), "", Request{Method: "GET", Path: "a"}); KindOf(err) != RateLimited {
			t.Fatalf("error = %v", err)
		}
		_, err := c.Forward(t.Context(), incoming(t, "PUT", "/v1/a", "", nil))
		if said := failure(t, err); said.Kind != RateLimited || said.RetryAfter != time.Minute {
			t.Errorf("a write in the pause: %v after %v, want it refused for a minute", said, said.RetryAfter)
		}
		begun := time.Now()
		answer, err := c.Forward(t.Context(), incoming(t, "GET", "/v1/a", "", nil))
		if err != nil {
			t.Fatal(err)
		}
		content(t, answer)
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("a read in the pause took %v, want a minute", took)
		}
	})
}

func TestForwardBodyThatCannotBeReadAgain(t *testing.T) {
	c, _ := answers(t, 0, nil, 200)
	r := incoming(t, "PUT", "/v1/a", "body", nil)
	r.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("the body has gone") }
	if _, err := c.Forward(t.Context(), r); failure(t, err).Error() != "PUT http://vault:8200/v1/a: unavailable: the body has gone" {
		t.Errorf("error = %v", err)
	}
	c, asked := answers(t, 0, nil, 500)
	r = incoming(t, "GET", "/v1/a", "body", nil)
	r.GetBody = nil
	answer, err := c.Forward(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	content(t, answer)
	if asked.Load() != 1 {
		t.Errorf("a body that is read only once was sent %d times", asked.Load())
	}
}

func TestNamespace(t *testing.T) {
	if got := newClient(t, config.Vault{Address: "http://vault:8200", Namespace: "team/a"}).Namespace(); got != "team/a" {
		t.Errorf("namespace = %q", got)
	}
}

// once logs in with token after token.
type once struct{ n atomic.Int32 }

// Login implements auth.Method.
func (o *once) Login(context.Context, auth.Exchanger) (*auth.Token, error) {
	return &auth.Token{Value: sensitive.New(fmt.Sprint("token-", o.n.Add(1))), TTL: time.Hour}, nil
}

func TestInvalidLogsInOncePerToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := answers(t, 0, nil, 200)
		schedule := lease.NewSchedule(2)
		s := NewSession(c, &once{}, schedule, SessionOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- schedule.Run(ctx) }()
		defer func() { cancel(); <-done }()
		s.Start(nil)
		synctest.Wait()
		for range 3 {
			s.Invalid(1)
			synctest.Wait()
		}
		if state := s.State(); state.Epoch != 2 || state.Token == nil || state.Token.Value.Reveal() != "token-2" {
			t.Errorf("epoch %d after the first token was called invalid three times, want 2", state.Epoch)
		}
	})
}
