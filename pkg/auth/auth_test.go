package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// canary marks credentials: it must not be in any error.
const canary = "canary-51c8"

// revealed compares secret texts by their values.
var revealed = cmp.Comparer(func(a, b sensitive.String) bool { return a.Reveal() == b.Reveal() })

// exchangerFunc is a Vault made of one function.
type exchangerFunc func(Request) (*api.Secret, error)

func (f exchangerFunc) Exchange(_ context.Context, r Request) (*api.Secret, error) { return f(r) }

// script is a Vault that answers by path, and keeps what it was asked.
type script struct {
	answers map[string]*api.Secret
	err     error
	asked   []Request
}

func (s *script) Exchange(_ context.Context, r Request) (*api.Secret, error) {
	s.asked = append(s.asked, r)
	return s.answers[r.Path], s.err
}

// granted is the answer of a login.
func granted() *api.Secret {
	return &api.Secret{Auth: &api.SecretAuth{
		ClientToken: "hvs.new", Accessor: "acc", LeaseDuration: 3600, Renewable: true,
		Policies: []string{"default", "app"}, Metadata: map[string]string{"role": "web"},
	}}
}

// loginAt is a Vault that grants every login at a path.
func loginAt(path string) *script { return &script{answers: map[string]*api.Secret{path: granted()}} }

// wantToken is the token of granted.
func wantToken() *Token {
	return &Token{
		Value: sensitive.New("hvs.new"), Accessor: "acc", TTL: time.Hour, Renewable: true,
		Policies: []string{"default", "app"}, Metadata: map[string]string{"role": "web"},
	}
}

// makeJWT makes an unsigned token with claims.
func makeJWT(t *testing.T, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part(payload) + "." + part([]byte(canary))
}

// file makes a file in a new directory.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credential")
	write(t, path, content)
	return path
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// wantError compares the whole text of an error, "" for none.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestFromLogin(t *testing.T) {
	cases := map[string]struct {
		answer *api.Secret
		want   *Token
		err    string
	}{
		"service token": {answer: granted(), want: wantToken()},
		"batch token": {
			answer: &api.Secret{Auth: &api.SecretAuth{ClientToken: "hvb.x", LeaseDuration: 60}},
			want:   &Token{Value: sensitive.New("hvb.x"), TTL: time.Minute, Batch: true},
		},
		"batch token of an older server": {
			answer: &api.Secret{Auth: &api.SecretAuth{ClientToken: "b.x"}},
			want:   &Token{Value: sensitive.New("b.x"), Batch: true},
		},
		"nothing":     {err: "vault answered the login without a token"},
		"no auth":     {answer: &api.Secret{}, err: "vault answered the login without a token"},
		"empty token": {answer: &api.Secret{Auth: &api.SecretAuth{}}, err: "vault answered the login with an empty token"},
		"second factor": {
			answer: &api.Secret{Auth: &api.SecretAuth{MFARequirement: &api.MFARequirement{}}},
			err:    "vault demands a second factor for this login, which is not supported",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := FromLogin(tc.answer)
			wantError(t, err, tc.err)
			if diff := cmp.Diff(tc.want, got, revealed); diff != "" {
				t.Errorf("token (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromLookup(t *testing.T) {
	cases := map[string]struct {
		value string
		data  map[string]any
		want  *Token
	}{
		"everything": {
			value: "hvs.x",
			data: map[string]any{
				"accessor": "acc", "ttl": json.Number("2764790"), "renewable": true, "type": "service",
				"policies": []any{"default"}, "identity_policies": []any{"team", 7}, "meta": map[string]any{"k": "v", "n": 1},
			},
			want: &Token{
				Value: sensitive.New("hvs.x"), Accessor: "acc", TTL: 2764790 * time.Second, Renewable: true,
				Policies: []string{"default", "team"}, Metadata: map[string]string{"k": "v"},
			},
		},
		"root":           {value: "root", data: map[string]any{"ttl": json.Number("0")}, want: &Token{Value: sensitive.New("root")}},
		"batch by type":  {value: "x", data: map[string]any{"type": "batch", "ttl": 30.0}, want: &Token{Value: sensitive.New("x"), TTL: 30 * time.Second, Batch: true}},
		"batch by name":  {value: "hvb.x", data: map[string]any{"ttl": 30}, want: &Token{Value: sensitive.New("hvb.x"), TTL: 30 * time.Second, Batch: true}},
		"text for a ttl": {value: "x", data: map[string]any{"ttl": "45"}, want: &Token{Value: sensitive.New("x"), TTL: 45 * time.Second}},
		"odd ttl":        {value: "x", data: map[string]any{"ttl": "soon"}, want: &Token{Value: sensitive.New("x")}},
		"nothing":        {value: "x", want: &Token{Value: sensitive.New("x")}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := FromLookup(sensitive.New(tc.value), tc.data)
			if diff := cmp.Diff(tc.want, got, revealed); diff != "" {
				t.Errorf("token (-want +got):\n%s", diff)
			}
		})
	}
}

// errVault stands for any failure of an exchange.
var errVault = errors.New("vault said no")
