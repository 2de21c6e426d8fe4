package trace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestContinue(t *testing.T) {
	cases := map[string]struct {
		header string
		want   string // the tree
	}{
		"sampled":         {parent, "below b7ad6b7169203331:\n  x INTERNAL []\n"},
		"later version":   {strings.Replace(parent, "00-", "01-", 1) + "-more", "below b7ad6b7169203331:\n  x INTERNAL []\n"},
		"other flags":     {strings.TrimSuffix(parent, "01") + "ff", "below b7ad6b7169203331:\n  x INTERNAL []\n"},
		"not sampled":     {strings.TrimSuffix(parent, "01") + "00", ""},
		"none":            {"", "x INTERNAL []\n"},
		"version ff":      {strings.Replace(parent, "00-", "ff-", 1), "x INTERNAL []\n"},
		"too long":        {parent + "-more", "x INTERNAL []\n"},
		"joined":          {strings.Replace(parent, "00-", "01-", 1) + "more", "x INTERNAL []\n"},
		"upper case":      {strings.ToUpper(parent), "x INTERNAL []\n"},
		"no digits":       {strings.Replace(parent, "0af7", "0ag7", 1), "x INTERNAL []\n"},
		"trace of zeros":  {"00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01", "x INTERNAL []\n"},
		"span of zeros":   {"00-0af7651916cd43dd8448eb211c80319c-" + strings.Repeat("0", 16) + "-01", "x INTERNAL []\n"},
		"wrong separator": {strings.Replace(parent, "-b7", "_b7", 1), "x INTERNAL []\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var c collector
			tracer, end := start(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.serveHTTP(t))
			_, finish := tracer.Span(tracer.Continue(t.Context(), tc.header), "x")
			finish(nil)
			if err := end(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, c.tree(t)); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParsePlace(f *testing.F) {
	for _, seed := range []string{parent, "", "00-", strings.ToUpper(parent), strings.Repeat("-", 55), "cc" + parent[2:] + "-x"} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$`)
	f.Fuzz(func(t *testing.T, header string) {
		p, ok := parsePlace(header)
		if ok && !form.MatchString(strings.ReplaceAll(header, "\n", "")) {
			t.Fatalf("%q was read", header)
		}
		if !ok {
			return
		}
		again, ok := parsePlace(p.traceparent())
		if !ok || again != p || !strings.HasPrefix(header[2:], p.traceparent()[2:53]) {
			t.Fatalf("%q became %s", header, p.traceparent())
		}
	})
}

func FuzzPairs(f *testing.F) {
	for _, seed := range []string{"a=b,c=d", "a=%2C%3d", ",,", "=", "a", "a=%", " a = b ,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		all, err := pairs(list)
		if err != nil && len(all) > 0 {
			t.Fatalf("both %v and %v", all, err)
		}
		for _, p := range all {
			if p.name == "" || strings.ContainsAny(p.name, ",=") {
				t.Fatalf("name %q from %q", p.name, list)
			}
		}
	})
}

// TestSampler counts how many of 2000 traces are told, begun here, below a
// sampled span and below one that is not.
func TestSampler(t *testing.T) {
	const n = 2000
	cases := map[string]struct {
		variables                 []string
		here, sampled, notSampled int
	}{
		"default":                      {nil, n, n, 0},
		"always_on":                    {[]string{"OTEL_TRACES_SAMPLER=always_on"}, n, n, n},
		"always_off":                   {[]string{"OTEL_TRACES_SAMPLER=always_off"}, 0, 0, 0},
		"parentbased_always_on":        {[]string{"OTEL_TRACES_SAMPLER=parentbased_always_on"}, n, n, 0},
		"parentbased_always_off":       {[]string{"OTEL_TRACES_SAMPLER=parentbased_always_off"}, 0, n, 0},
		"all by ratio":                 {[]string{"OTEL_TRACES_SAMPLER=traceidratio"}, n, n, n},
		"none by ratio":                {[]string{"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0"}, 0, 0, 0},
		"a quarter by ratio":           {[]string{"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.25"}, n / 4, n / 4, n / 4},
		"a quarter by ratio or parent": {[]string{"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.25"}, n / 4, n, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, err := newSampler(variables(tc.variables...))
			if err != nil {
				t.Fatal(err)
			}
			count := func(p place, below bool) int {
				random := rand.New(rand.NewPCG(1, 2))
				told := 0
				for range n {
					var id [16]byte
					for i := range id {
						id[i] = byte(random.Uint32())
					}
					if s.sample(p, below, id) {
						told++
					}
				}
				return told
			}
			got := []int{count(place{}, false), count(place{sampled: true}, true), count(place{}, true)}
			for i, want := range []int{tc.here, tc.sampled, tc.notSampled} {
				// The standard deviation of a quarter of 2000 is 19.
				if d := got[i] - want; d < -60 || d > 60 || (want%n == 0 && d != 0) {
					t.Errorf("%v traces were told, want %d, %d and %d", got, tc.here, tc.sampled, tc.notSampled)
				}
			}
		})
	}
}

func TestOneTraceIsSampledAsAWhole(t *testing.T) {
	var c collector
	tracer, end := start(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.serveHTTP(t), "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.5")
	for range 100 {
		work(tracer)
	}
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := c.count(); n == 0 || n == 300 || n%3 != 0 {
		t.Errorf("%d spans, want some of the 100 traces of three spans", n)
	}
}

func TestIDsAreUnique(t *testing.T) {
	tracer, end := start(t, "OTEL_TRACES_EXPORTER=otlp", "OTEL_TRACES_SAMPLER=always_off")
	seen := map[any]bool{}
	for range 1000 {
		ctx, finish := tracer.Span(t.Context(), "x")
		finish(nil)
		p, ok := placeOf(ctx)
		if !ok || seen[p.trace] || seen[p.span] || p.sampled {
			t.Fatalf("place %v", p)
		}
		seen[p.trace], seen[p.span] = true, true
	}
	if err := end(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTransport(t *testing.T) {
	var c collector
	tracer, end := start(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.serveHTTP(t))
	var told []string
	vault := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told = append(told, r.Header.Get("Traceparent"))
		if strings.Contains(r.URL.Path, "denied") {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	local := tracer.Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.Path, "away") {
			return nil, errors.New("no route to host")
		}
		w := httptest.NewRecorder()
		vault.ServeHTTP(w, r)
		return w.Result(), nil
	}))
	ctx, finish := tracer.Span(t.Context(), "refresh")
	ask := func(ctx context.Context, method, url string) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader("canary"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Vault-Token", "canary")
		answer, err := local.RoundTrip(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
		}
		if r.Header.Get("Traceparent") != "" {
			t.Error("the caller's request was changed")
		}
		return r, err
	}
	for _, path := range []string{"https://vault:8200/v1/secret/data/app?version=canary", "https://vault/v1/denied"} {
		if _, err := ask(ctx, http.MethodGet, path); err != nil {
			t.Error(err)
		}
	}
	if _, err := ask(ctx, http.MethodPut, "https://vault/v1/away"); err == nil || err.Error() != "no route to host" {
		t.Errorf("error %v", err)
	}
	finish(nil)
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = `refresh INTERNAL []
  vault GET CLIENT [http.request.method=GET url.path=/v1/secret/data/app server.address=vault server.port=8200 http.response.status_code=200]
  vault GET CLIENT [http.request.method=GET url.path=/v1/denied server.address=vault http.response.status_code=403] STATUS_CODE_ERROR "Forbidden"
  vault PUT CLIENT [http.request.method=PUT url.path=/v1/away server.address=vault] STATUS_CODE_ERROR "no route to host"
`
	if diff := cmp.Diff(want, c.tree(t)); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	span := c.got[0].GetScopeSpans()[0].GetSpans()[0]
	if got, want := told[0], fmt.Sprintf("00-%x-%x-01", span.GetTraceId(), span.GetSpanId()); got != want {
		t.Errorf("traceparent %s, want %s", got, want)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTextsThatAreNotUTF8(t *testing.T) {
	var c collector
	tracer, end := start(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.serveHTTP(t))
	_, finish := tracer.Span(t.Context(), "a\xff", String("b\xff", "c\xff"))
	finish(errors.New("d\xff"))
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("a\uFFFD INTERNAL [b\uFFFD=c\uFFFD] STATUS_CODE_ERROR \"d\uFFFD\"\n", c.tree(t)); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestAttrPrints(t *testing.T) {
	for want, attr := range map[string]Attr{"a=b": String("a", "b"), "n=-3": Int("n", -3), "t=true": Bool("t", true), "f=false": Bool("f", false)} {
		if got := attr.String(); got != want {
			t.Errorf("attribute %s, want %s", got, want)
		}
	}
}
