package fakevault_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// reply is an answer as the tests look at it.
type reply struct {
	Status        int
	LeaseID       string            `json:"lease_id"`
	LeaseDuration int               `json:"lease_duration"`
	Renewable     bool              `json:"renewable"`
	Data          map[string]any    `json:"data"`
	Warnings      []string          `json:"warnings"`
	Errors        []string          `json:"errors"`
	Auth          *auth             `json:"auth"`
	WrapInfo      map[string]any    `json:"wrap_info"`
	Header        map[string]string `json:"-"`
	Raw           string            `json:"-"`
}

type auth struct {
	ClientToken   string            `json:"client_token"`
	Accessor      string            `json:"accessor"`
	LeaseDuration int               `json:"lease_duration"`
	Renewable     bool              `json:"renewable"`
	TokenType     string            `json:"token_type"`
	Policies      []string          `json:"policies"`
	Metadata      map[string]string `json:"metadata"`
}

// call sends one request through RoundTrip; header comes in pairs.
func call(t testing.TB, s *fakevault.Server, token, method, path, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://vault.test/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{Raw: string(b), Header: map[string]string{}}
	for k := range resp.Header {
		r.Header[k] = resp.Header.Get(k)
	}
	if len(b) > 0 && resp.Header.Get("Content-Type") == "application/json" {
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatalf("%s %s: the answer is no JSON: %v: %s", method, path, err, b)
		}
	}
	r.Status = resp.StatusCode
	return r
}

// mustCall is call for requests that have to succeed.
func mustCall(t testing.TB, s *fakevault.Server, token, method, path, body string, header ...string) reply {
	t.Helper()
	r := call(t, s, token, method, path, body, header...)
	if r.Status >= 300 {
		t.Fatalf("%s %s: HTTP %d: %s", method, path, r.Status, r.Raw)
	}
	return r
}

const invalidToken = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"

// refused fails the test unless the answer is the given failure.
func refused(t testing.TB, r reply, status int, text string) {
	t.Helper()
	if r.Status != status || len(r.Errors) != 1 || r.Errors[0] != text {
		t.Errorf("got HTTP %d %q, want %d %q", r.Status, r.Errors, status, text)
	}
}
