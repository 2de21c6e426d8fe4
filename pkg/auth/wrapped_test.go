package auth

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// sealing is a Vault that wraps what it is asked to wrap, at any path, and
// answers what else is asked as the script does.
func sealing(s *script) exchangerFunc {
	return func(r Request) (*api.Secret, error) {
		answer, err := s.Exchange(context.Background(), r)
		if r.WrapTTL == 0 || err != nil {
			return answer, err
		}
		return &api.Secret{WrapInfo: &api.SecretWrapInfo{
			Token: "hvs.wrapping", Accessor: "wa", TTL: int(r.WrapTTL / time.Second),
			CreationTime: time.Unix(1700000000, 0), CreationPath: r.Path, WrappedAccessor: "acc",
		}}, nil
	}
}

func TestLoginWrapped(t *testing.T) {
	cases := map[string]struct {
		method  string
		options map[string]string
		path    string
		others  int // requests before the login, which come plain
	}{
		"kubernetes": {method: "kubernetes", options: map[string]string{"role": "web", "token_path": file(t, makeJWT(t, nil))}, path: "auth/kubernetes/login"},
		"approle": {
			method: "approle", path: "auth/approle/login", others: 2,
			options: map[string]string{
				"role_id_file_path": file(t, "r"), "secret_id_file_path": file(t, "w"), "secret_id_response_wrapping_path": wrapPath,
			},
		},
		"cert": {method: "cert", path: "auth/cert/login"},
		"ldap": {method: "ldap", options: map[string]string{"username": "bob", "password_file_path": file(t, "p")}, path: "auth/ldap/login/bob"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			vault := wrappingVault(wrapPath)
			got, err := LoginWrapped(t.Context(), newMethod(t, tc.method, tc.options), sealing(vault), 5*time.Minute)
			wantError(t, err, "")
			want := &WrapInfo{
				Token: sensitive.New("hvs.wrapping"), Accessor: "wa", TTL: 5 * time.Minute,
				CreationTime: time.Unix(1700000000, 0), CreationPath: tc.path, WrappedAccessor: "acc",
			}
			if diff := cmp.Diff(want, got, revealed); diff != "" {
				t.Errorf("what is told of the wrapping (-want +got):\n%s", diff)
			}
			if len(vault.asked) != tc.others+1 {
				t.Errorf("%d requests, want %d", len(vault.asked), tc.others+1)
			}
			for _, r := range vault.asked {
				if wrapped := r.WrapTTL != 0; wrapped != (r.Path == tc.path) {
					t.Errorf("the answer of %s is wanted wrapped: %v", r.Path, wrapped)
				}
			}
		})
	}
}

func TestLoginWrappedFailures(t *testing.T) {
	tokens := map[string]string{"token_file_path": file(t, "hvs.given")}
	lookup := &script{answers: map[string]*api.Secret{"auth/token/lookup-self": {Data: map[string]any{"ttl": 60}}}}
	cases := map[string]struct {
		method  string
		options map[string]string
		vault   Exchanger
		want    string
	}{
		"refused":    {method: "cert", vault: &script{err: errVault}, want: `log in at "auth/cert/login": vault said no`},
		"plain":      {method: "cert", vault: loginAt("auth/cert/login"), want: "vault answered the login without wrapping the answer"},
		"nothing":    {method: "cert", vault: &script{}, want: `log in at "auth/cert/login": vault answered the login without a token`},
		"token_file": {method: "token_file", options: tokens, vault: sealing(lookup), want: "this auth method makes no token, so that there is nothing to wrap"},
		"no credentials": {
			method: "ldap", options: map[string]string{"username": "bob", "password_file_path": "/nonexistent/p"}, vault: sealing(&script{}),
			want: "read the password: open /nonexistent/p: no such file or directory",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			info, err := LoginWrapped(t.Context(), newMethod(t, tc.method, tc.options), tc.vault, time.Minute)
			wantError(t, err, tc.want)
			if info != nil {
				t.Errorf("%+v beside an error", info)
			}
		})
	}
	if lookup.asked[0].WrapTTL != 0 || lookup.asked[0].Method != http.MethodGet {
		t.Errorf("the token was looked up with %+v", lookup.asked[0])
	}
}

func TestLoginPlainIsNotWrapped(t *testing.T) {
	vault := loginAt("auth/cert/login")
	_, err := newMethod(t, "cert", nil).Login(t.Context(), sealing(vault))
	wantError(t, err, "")
	if vault.asked[0].WrapTTL != 0 {
		t.Error("a login whose token we want was asked for wrapped")
	}
}

// placed is an Exchanger that knows where the server is.
type placed struct{ Exchanger }

func (placed) Address() string { return "https://vault.example" }

func TestWrapperTellsTheAddress(t *testing.T) {
	for want, vault := range map[string]Exchanger{"https://vault.example": placed{&script{}}, "": &script{}} {
		var w any = &wrapper{vault: vault}
		a, ok := w.(addressed)
		if !ok || a.Address() != want {
			t.Errorf("the address below is %q, told: %v", want, ok)
		}
	}
}
