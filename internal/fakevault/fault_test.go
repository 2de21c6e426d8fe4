package fakevault_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

func kv(t testing.TB) *fakevault.Server {
	t.Helper()
	s := fakevault.New()
	s.EnableKV("kv", 1)
	s.PutKV("kv", "a", map[string]any{"value": "x"})
	return s
}

func TestFaultStatus(t *testing.T) {
	cases := map[string]struct {
		fault fakevault.Fault
		want  string
		retry string
	}{
		"rate limit":  {fakevault.Fault{Status: 429, RetryAfter: 7 * time.Second}, `{"errors":["request path \"kv/a\": rate limit quota exceeded"]}`, "7"},
		"unavailable": {fakevault.Fault{Status: 503}, `{"errors":["Vault is sealed"]}`, ""},
		"bad gateway": {fakevault.Fault{Status: 502}, `{"errors":["bad gateway"]}`, ""},
		"internal":    {fakevault.Fault{Status: 500}, `{"errors":["internal error"]}`, ""},
		"forbidden":   {fakevault.Fault{Status: 403}, `{"errors":["permission denied"]}`, ""},
		"own body":    {fakevault.Fault{Status: 418, Body: `{"errors":["tea"]}`}, `{"errors":["tea"]}`, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := kv(t)
			remove := s.Fault(tc.fault)
			r := call(t, s, "root", "GET", "kv/a", "")
			if got := strings.TrimSpace(r.Raw); r.Status != tc.fault.Status || got != tc.want || r.Header["Retry-After"] != tc.retry {
				t.Errorf("got HTTP %d %s, Retry-After %q", r.Status, got, r.Header["Retry-After"])
			}
			remove()
			mustCall(t, s, "root", "GET", "kv/a", "")
		})
	}
}

func TestFaultChoosesRequests(t *testing.T) {
	cases := map[string]struct {
		fault  fakevault.Fault
		reason string
		want   []int // of two reads and one write of kv/a
	}{
		"every request": {fakevault.Fault{Status: 500}, "nothing narrows it", []int{500, 500, 500}},
		"path":          {fakevault.Fault{Path: "kv/*", Status: 500}, "a glob", []int{500, 500, 500}},
		"other path":    {fakevault.Fault{Path: "other/*", Status: 500}, "a glob", []int{200, 200, 204}},
		"once":          {fakevault.Fault{Times: 1, Status: 500}, "it is used up", []int{500, 200, 204}},
		"twice":         {fakevault.Fault{Times: 2, Status: 500}, "it is used up", []int{500, 500, 204}},
		"method":        {fakevault.Fault{Match: isWrite, Status: 500}, "a function", []int{200, 200, 500}},
		"both":          {fakevault.Fault{Match: isWrite, Path: "other/*", Status: 500}, "both must match", []int{200, 200, 204}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := kv(t)
			defer s.Fault(tc.fault)()
			got := []int{
				call(t, s, "root", "GET", "kv/a", "").Status, call(t, s, "root", "GET", "kv/a", "").Status,
				call(t, s, "root", "POST", "kv/a", `{"value":"y"}`).Status,
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: statuses (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func isWrite(r *http.Request) bool { return r.Method == http.MethodPost }

func TestFirstFaultWins(t *testing.T) {
	s := kv(t)
	removeFirst := s.Fault(fakevault.Fault{Status: 500})
	defer s.Fault(fakevault.Fault{Status: 502})()
	if got := call(t, s, "root", "GET", "kv/a", "").Status; got != 500 {
		t.Errorf("HTTP %d, want 500", got)
	}
	removeFirst()
	removeFirst() // a second time does nothing
	if got := call(t, s, "root", "GET", "kv/a", "").Status; got != 502 {
		t.Errorf("HTTP %d after the first is removed, want 502", got)
	}
}

func request(ctx context.Context, t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://vault.test/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", "root")
	return r
}

func TestDropAndLose(t *testing.T) {
	cases := map[string]struct {
		fault fakevault.Fault
		want  string // what the secret is afterwards
	}{
		"drop": {fakevault.Fault{Drop: true, Times: 1}, "x"},
		"lose": {fakevault.Fault{Lose: true, Times: 1}, "y"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := kv(t)
			s.Fault(tc.fault)
			client := &http.Client{Transport: s}
			resp, err := client.Do(request(t.Context(), t, "POST", "kv/a", `{"value":"y"}`))
			if err == nil {
				_ = resp.Body.Close()
				t.Fatal("the transport did not fail")
			}
			if got := mustCall(t, s, "root", "GET", "kv/a", "").Data["value"]; got != tc.want {
				t.Errorf("the secret is %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDropOverASocket(t *testing.T) {
	s := kv(t)
	server := httptest.NewServer(s)
	defer server.Close()
	s.Fault(fakevault.Fault{Drop: true, Match: isWrite})
	resp, err := server.Client().Post(server.URL+"/v1/kv/a", "application/json", strings.NewReader("{}"))
	if err == nil {
		_ = resp.Body.Close()
		t.Fatal("the connection did not break")
	}
}

func TestDelay(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		defer s.Fault(fakevault.Fault{Delay: time.Minute, Path: "sys/health"})()
		start := time.Now()
		mustCall(t, s, "", "GET", "sys/health", "")
		if got := time.Since(start); got != time.Minute {
			t.Errorf("answered after %v, want 1m", got)
		}
		start = time.Now()
		mustCall(t, s, "root", "GET", "auth/token/lookup-self", "")
		if got := time.Since(start); got != 0 {
			t.Errorf("another path answered after %v, want at once", got)
		}
	})
}

func TestDelayEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := kv(t)
		defer s.Fault(fakevault.Fault{Delay: time.Hour})()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		resp, err := s.RoundTrip(request(ctx, t, "POST", "kv/a", `{"value":"y"}`))
		if err == nil {
			_ = resp.Body.Close()
		}
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("got %v after %v, want the deadline after 1m", err, time.Since(start))
		}
		if resp, err := s.RoundTrip(request(ctx, t, "GET", "kv/a", "")); !errors.Is(err, context.DeadlineExceeded) {
			_ = resp.Body.Close()
			t.Errorf("a request whose context has ended: %v", err)
		}
		want := []fakevault.Request{{Time: time.Now(), Method: "POST", Path: "kv/a"}}
		if diff := cmp.Diff(want, s.Requests()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestSealAndUnseal(t *testing.T) {
	s := kv(t)
	s.Seal()
	refused(t, call(t, s, "root", "GET", "kv/a", ""), 503, "Vault is sealed")
	if got := call(t, s, "", "GET", "sys/health", "").Status; got != 503 {
		t.Errorf("health of a sealed server: HTTP %d, want 503", got)
	}
	s.Unseal()
	mustCall(t, s, "root", "GET", "kv/a", "")
	mustCall(t, s, "root", "PUT", "sys/seal", "")
	refused(t, call(t, s, "root", "GET", "kv/a", ""), 503, "Vault is sealed")
}

func TestObserve(t *testing.T) {
	virtual(t, func(t *testing.T, s *fakevault.Server) {
		s.EnableKV("kv", 2)
		accessor := mustCall(t, s, "root", "GET", "auth/token/lookup-self", "").Data["accessor"].(string)
		s.ResetRequests()
		pass(time.Second)
		call(t, s, "root", "GET", "kv/metadata/?list=true", "")
		call(t, s, "root", "LIST", "kv/metadata/", "")
		call(t, s, "none", "GET", "kv/data/a", "")
		want := []fakevault.Request{
			{Time: time.Now(), Method: "LIST", Path: "kv/metadata/", Status: 404, TokenAccessor: accessor},
			{Time: time.Now(), Method: "LIST", Path: "kv/metadata/", Status: 404, TokenAccessor: accessor},
			{Time: time.Now(), Method: "GET", Path: "kv/data/a", Status: 403},
		}
		if diff := cmp.Diff(want, s.Requests()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		counts := []int{s.Count("", "*"), s.Count("LIST", "*"), s.Count("GET", "kv/*"), s.Count("", "kv/data/a"), s.Count("PUT", "*")}
		if diff := cmp.Diff([]int{3, 2, 1, 1, 0}, counts); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
	})
}

func TestWithoutRequestLog(t *testing.T) {
	s := fakevault.New(fakevault.WithoutRequestLog(), fakevault.WithRootToken("r"))
	mustCall(t, s, "r", "GET", "auth/token/lookup-self", "")
	if got := s.Requests(); len(got) != 0 || s.RootToken() != "r" {
		t.Errorf("kept %v, root token %q", got, s.RootToken())
	}
}
