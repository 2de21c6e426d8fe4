package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

func TestFromJWTAsksForTheTokenAtEveryLogin(t *testing.T) {
	var tokens []string
	for n := range 2 {
		tokens = append(tokens, makeJWT(t, map[string]any{"n": n}))
	}
	asked := 0
	m := FromJWT("/auth/k8s/prod/", "web", func(context.Context) (sensitive.String, error) {
		asked++
		return sensitive.New(tokens[asked-1]), nil
	})
	vault := loginAt("auth/k8s/prod/login")
	var want []Request
	for _, jwt := range tokens {
		token, err := m.Login(t.Context(), vault)
		wantError(t, err, "")
		if diff := cmp.Diff(wantToken(), token, revealed); diff != "" {
			t.Errorf("token (-want +got):\n%s", diff)
		}
		want = append(want, Request{Method: http.MethodPut, Path: "auth/k8s/prod/login", Body: map[string]any{"role": "web", "jwt": jwt}})
	}
	if diff := cmp.Diff(want, vault.asked, revealed); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestFromJWTRefuses(t *testing.T) {
	end := time.Now().Add(-time.Minute)
	cases := map[string]struct {
		token string
		err   error
		want  string
	}{
		"no source": {err: errors.New("no token"), want: "no token"},
		"nothing":   {want: "the service-account token is no JWT: expected three base64 parts separated by dots"},
		"text":      {token: canary, want: "the service-account token is no JWT: expected three base64 parts separated by dots"},
		"expired":   {token: makeJWT(t, map[string]any{"exp": end.Unix()}), want: "the service-account token expired at " + end.UTC().Format(time.RFC3339)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			vault := loginAt("auth/kubernetes/login")
			m := FromJWT("auth/kubernetes", "web", func(context.Context) (sensitive.String, error) { return sensitive.New(tc.token), tc.err })
			_, err := m.Login(t.Context(), vault)
			wantError(t, err, tc.want)
			if len(vault.asked) != 0 || strings.Contains(err.Error(), canary) {
				t.Errorf("asked %d times: %v", len(vault.asked), err)
			}
		})
	}
}
