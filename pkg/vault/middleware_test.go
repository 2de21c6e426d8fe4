package vault

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// idler is a transport that counts how often its idle connections are closed.
type idler struct {
	http.RoundTripper
	closed *int
}

func (i idler) CloseIdleConnections() { *i.closed++ }

func TestMiddlewareSeesEveryRequest(t *testing.T) {
	var seen []string
	closed := 0
	note := func(name string) Option {
		return WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return idler{roundTrip(func(r *http.Request) (*http.Response, error) {
				seen = append(seen, name+" "+r.Method+" "+r.URL.Path)
				return next.RoundTrip(r)
			}), &closed}
		})
	}
	answer := roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/v1/denied" {
			return reply(r, http.StatusForbidden, nil, `{"errors":["no"]}`), nil
		}
		return reply(r, http.StatusOK, nil, `{"data":{"a":"b"},"auth":{"client_token":"t"}}`), nil
	})
	c := newClient(t, config.Vault{Address: "https://vault:8200"}, WithTransport(answer), note("inner"), note("outer"))
	ctx := t.Context()
	if _, err := c.Do(ctx, sensitive.New("t"), "", Request{Method: http.MethodGet, Path: "secret/a"}); err != nil {
		t.Error(err)
	}
	if _, err := c.Do(ctx, sensitive.New("t"), "", Request{Method: http.MethodGet, Path: "denied"}); KindOf(err) != Denied {
		t.Errorf("error %v", err)
	}
	for _, secure := range []*auth.ClientTLS{nil, {}} {
		if _, err := c.Exchanger("").Exchange(ctx, auth.Request{Method: http.MethodPut, Path: "auth/cert/login", TLS: secure}); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"outer GET /v1/secret/a", "inner GET /v1/secret/a", "outer GET /v1/denied", "inner GET /v1/denied",
		"outer PUT /v1/auth/cert/login", "inner PUT /v1/auth/cert/login", "outer PUT /v1/auth/cert/login", "inner PUT /v1/auth/cert/login",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if closed != 0 {
		t.Errorf("idle connections were closed %d times after a request", closed)
	}
}

func TestMiddlewareDoesNotLiftTheBound(t *testing.T) {
	// The transport's bound is below the middleware: see bounded.
	long := `{"data":{"a":"` + strings.Repeat("x", maxAnswer) + `"}}`
	c := newClient(t, config.Vault{Address: "http://vault:8200"}, WithTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		return reply(r, http.StatusOK, nil, long), nil
	})), WithMiddleware(func(next http.RoundTripper) http.RoundTripper { return next }))
	_, err := c.Do(t.Context(), sensitive.New("t"), "", Request{Method: http.MethodGet, Path: "secret/a"})
	if !errors.Is(err, errTooLarge) {
		t.Errorf("error %v, want %v", err, errTooLarge)
	}
}
