package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/proxy"
)

func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

func TestEndpoints(t *testing.T) {
	const (
		nothing     = `{"errors":["nothing is served here"]}` + "\n"
		onlyMetrics = `{"errors":["this listener serves only /agent/v1/metrics"]}` + "\n"
		noHeader    = `{"errors":["missing \"X-Vault-Request\" header"]}` + "\n"
	)
	header := proxy.ListenerOptions{RequireHeader: true}
	metricsOnly := proxy.ListenerOptions{MetricsOnly: true, EnableQuit: true}
	quit := proxy.ListenerOptions{EnableQuit: true}
	cases := map[string]struct {
		reason  string
		options proxy.ListenerOptions
		method  string
		path    string
		header  string // X-Vault-Request
		status  int
		body    string // "": anything
		quits   int
	}{
		"metrics":                  {"the sum of them as JSON", proxy.ListenerOptions{}, "GET", "/agent/v1/metrics", "", 200, "json", 0},
		"metrics for Prometheus":   {"", proxy.ListenerOptions{}, "GET", "/agent/v1/metrics?format=prometheus", "", 200, "prometheus", 0},
		"metrics by writing":       {"", proxy.ListenerOptions{}, "POST", "/agent/v1/metrics", "", 405, `{"errors":["the method POST is not served here"]}` + "\n", 0},
		"metrics without header":   {"the header is for requests to Vault", header, "GET", "/agent/v1/metrics", "", 200, "json", 0},
		"only metrics":             {"", metricsOnly, "GET", "/agent/v1/metrics?format=prometheus", "", 200, "prometheus", 0},
		"only metrics, Vault":      {"", metricsOnly, "GET", "/v1/secret/data/app", "", 404, onlyMetrics, 0},
		"only metrics, quit":       {"", metricsOnly, "POST", "/agent/v1/quit", "", 404, onlyMetrics, 0},
		"only metrics, clear":      {"", metricsOnly, "POST", "/agent/v1/cache-clear", "", 404, onlyMetrics, 0},
		"quit":                     {"", quit, "POST", "/agent/v1/quit", "", 200, "", 1},
		"quit by reading":          {"", quit, "GET", "/agent/v1/quit", "", 405, `{"errors":["the method GET is not served here"]}` + "\n", 0},
		"quit by putting":          {"", quit, "PUT", "/agent/v1/quit", "", 405, "", 0},
		"quit switched off":        {"", proxy.ListenerOptions{}, "POST", "/agent/v1/quit", "", 404, nothing, 0},
		"quit off, read":           {"", proxy.ListenerOptions{}, "GET", "/agent/v1/quit", "", 404, nothing, 0},
		"quit without header":      {"the header is for requests to Vault", proxy.ListenerOptions{RequireHeader: true, EnableQuit: true}, "POST", "/agent/v1/quit", "", 200, "", 1},
		"Vault":                    {"", proxy.ListenerOptions{}, "GET", "/v1/secret/data/app", "", 200, "", 0},
		"Vault with header":        {"", header, "GET", "/v1/secret/data/app", "true", 200, "", 0},
		"Vault without header":     {"", header, "GET", "/v1/secret/data/app", "", 412, noHeader, 0},
		"Vault with another value": {"", header, "GET", "/v1/secret/data/app", "yes", 412, noHeader, 0},
		"elsewhere":                {"only the API is passed on", proxy.ListenerOptions{}, "GET", "/ui/", "", 404, nothing, 0},
		"root":                     {"only the API is passed on", proxy.ListenerOptions{}, "GET", "/", "", 404, nothing, 0},
		"unknown agent path":       {"", proxy.ListenerOptions{}, "GET", "/agent/v1/none", "", 404, nothing, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				quits := 0
				w := newWorld(t, func(_ *world, o *proxy.Options) {
					o.Agent = proxy.Endpoints{Metrics: says("prometheus"), MetricsJSON: says("json"), Quit: func() { quits++ }}
				})
				r := httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, http.NoBody)
				if tc.header != "" {
					r.Header.Set("X-Vault-Request", tc.header)
				}
				a := do(w.proxy.Handler(tc.options), r)
				if a.status != tc.status || tc.body != "" && a.body != tc.body || quits != tc.quits {
					t.Errorf("%s: status %d, %d quits, body %s", tc.reason, a.status, quits, a.body)
				}
				if tc.status == 405 && a.header.Get("Allow") == "" {
					t.Error("it does not say which methods there are")
				}
			})
		})
	}
}

func TestEndpointsThatAreNotGiven(t *testing.T) {
	p := proxy.New(proxy.Options{})
	defer p.Close()
	h := p.Handler(proxy.ListenerOptions{EnableQuit: true})
	for path, want := range map[string]int{
		"GET /agent/v1/metrics": 404, "POST /agent/v1/quit": 200, "GET /v1/secret/data/app": 404, "POST /agent/v1/cache-clear": 200,
	} {
		method, path, _ := strings.Cut(path, " ")
		if a := do(h, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)); a.status != want {
			t.Errorf("%s %s: %d, want %d", method, path, a.status, want)
		}
	}
	p = proxy.New(proxy.Options{Agent: proxy.Endpoints{Metrics: says("prometheus")}})
	if a := do(p.Handler(proxy.ListenerOptions{}), httptest.NewRequestWithContext(t.Context(), "GET", "/agent/v1/metrics", http.NoBody)); a.body != "prometheus" {
		t.Errorf("without a summary: %s", a.body)
	}
	if entries, bytes := p.Cached(); entries != 0 || bytes != 0 {
		t.Errorf("%d entries, %d bytes", entries, bytes)
	}
}

func TestCacheClearRefuses(t *testing.T) {
	cases := map[string]struct {
		method, body string
		status       int
		want         string
	}{
		"empty":          {"POST", "", 400, "failed to parse JSON input: empty JSON provided"},
		"no JSON":        {"PUT", "{", 400, "failed to parse JSON input: unexpected EOF"},
		"wrong type":     {"PUT", `{"type":1}`, 400, "failed to parse JSON input: json: cannot unmarshal number into Go struct field clearing.type of type string"},
		"no type":        {"POST", `{}`, 400, "failed to parse clear input: no type provided"},
		"unknown type":   {"POST", `{"type":"static"}`, 400, "failed to clear cache: invalid type provided"},
		"no path":        {"POST", `{"type":"request_path"}`, 400, "failed to clear cache: request path not provided"},
		"no lease":       {"POST", `{"type":"lease"}`, 400, "failed to clear cache: lease not provided"},
		"no token":       {"POST", `{"type":"token","namespace":"a"}`, 400, "failed to clear cache: token not provided"},
		"no accessor":    {"POST", `{"type":"token_accessor","value":""}`, 400, "failed to clear cache: token accessor not provided"},
		"too large":      {"POST", `{"type":"` + strings.Repeat("x", 1<<16) + `"}`, 400, "failed to parse JSON input: http: request body too large"},
		"another method": {"GET", ``, 405, "the method GET is not served here"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.credentials()
				a := do(w.handler, httptest.NewRequestWithContext(t.Context(), tc.method, "/agent/v1/cache-clear", strings.NewReader(tc.body)))
				if want := fmt.Sprintf("{\"errors\":[%q]}\n", tc.want); a.status != tc.status || a.body != want {
					t.Errorf("status %d\ngot  %swant %s", a.status, a.body, want)
				}
				w.wantCached("nothing was cleared", 1)
			})
		})
	}
}
