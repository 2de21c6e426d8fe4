package lab

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAPIAnswers(t *testing.T) {
	cases := map[string]struct {
		code       int
		kind, body string
		want       map[string]any
		wantErr    string
	}{
		"Object":          {code: 200, kind: "application/json", body: `{"a":{"b":1}}`, want: map[string]any{"a": map[string]any{"b": 1.0}}},
		"No content":      {code: 204},
		"Text":            {code: 200, kind: "text/plain", body: "ok"},
		"Broken":          {code: 200, kind: "application/json", body: `{"a":`, wantErr: "POST /x: decode the answer: unexpected end of JSON input"},
		"Vault error":     {code: 403, body: `{"errors":["1 error occurred","permission denied"]}`, wantErr: "POST /x: 403: 1 error occurred; permission denied"},
		"Vault not found": {code: 404, body: `{"errors":[]}`, wantErr: `POST /x: 404: {"errors":[]}`},
		"Kubernetes":      {code: 404, body: `{"kind":"Status","message":"pods \"a\" not found"}`, wantErr: `POST /x: 404: pods "a" not found`},
		"Silent":          {code: 500, wantErr: "POST /x: 500: no message"},
		"Long":            {code: 500, body: strings.Repeat("x", 500), wantErr: "POST /x: 500: " + strings.Repeat("x", 200)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tc.kind)
				w.WriteHeader(tc.code)
				_, _ = io.WriteString(w, tc.body)
			}))
			defer s.Close()
			a := newAPI(s.URL, nil)
			defer a.close()
			got, err := a.do(t.Context(), "POST", "/x", nil, nil)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if (err == nil) != (tc.wantErr == "") || err != nil && err.Error() != tc.wantErr {
				t.Errorf("error %v, want %q", err, tc.wantErr)
			}
			if err != nil && tc.code >= 400 && StatusCode(fmt.Errorf("wrapped: %w", err)) != tc.code {
				t.Errorf("status %d, want %d", StatusCode(err), tc.code)
			}
		})
	}
}

func TestAPIRequest(t *testing.T) {
	a := newAPI("http://127.0.0.1:1", nil)
	req, err := a.request(t.Context(), "PUT", "/v1/x?list=true", http.Header{"X-Vault-Token": {"t"}}, map[string]any{"k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(req.Body)
	got := []string{req.Method, req.URL.String(), req.Header.Get("X-Vault-Token"), req.Header.Get("Content-Type"), string(body)}
	want := []string{"PUT", "http://127.0.0.1:1/v1/x?list=true", "t", "application/json", `{"k":"v"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAPIErrors(t *testing.T) {
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	a := newAPI("http://"+loopback(ports[0]), nil)
	cases := map[string]struct {
		path string
		body any
		want string
	}{
		"Nobody listens": {path: "/x", want: "GET /x: dial tcp " + loopback(ports[0]) + ": connect: connection refused"},
		"Not JSON":       {path: "/x", body: make(chan int), want: "GET /x: encode the request: json: unsupported type: chan int"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := a.do(t.Context(), "GET", tc.path, nil, tc.body)
			if err == nil || err.Error() != tc.want || StatusCode(err) != 0 {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	in := map[string]any{"auth": map[string]any{"client_token": "t", "n": 1.0}}
	cases := map[string]struct {
		keys []string
		want string
		ok   bool
	}{
		"There":       {keys: []string{"auth", "client_token"}, want: "t", ok: true},
		"Missing":     {keys: []string{"auth", "accessor"}},
		"Number":      {keys: []string{"auth", "n"}},
		"Too deep":    {keys: []string{"auth", "client_token", "x"}},
		"Not in here": {keys: []string{"data", "x"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := text(in, tc.keys...)
			wantErr := fmt.Sprintf("the answer has no %q", strings.Join(tc.keys, "."))
			if got != tc.want || (err == nil) != tc.ok || err != nil && err.Error() != wantErr {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}
