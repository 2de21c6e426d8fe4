package auth

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"
)

const (
	appRoleLogin = "auth/approle/login"
	wrapPath     = "auth/approle/role/web/secret-id"
)

// wrappingVault grants logins and opens wrapping tokens made at a path.
func wrappingVault(createdAt string) *script {
	s := loginAt(appRoleLogin)
	s.answers["sys/wrapping/lookup"] = &api.Secret{Data: map[string]any{"creation_path": createdAt}}
	s.answers["sys/wrapping/unwrap"] = &api.Secret{Data: map[string]any{"secret_id": "unwrapped-" + canary}}
	return s
}

// sent lists the requests with their token and body.
func (s *script) sent() []string {
	var out []string
	for _, r := range s.asked {
		line := r.Method + " " + r.Path
		if !r.Token.Empty() {
			line += " token=" + r.Token.Reveal()
		}
		for _, name := range []string{"role_id", "secret_id", "token"} {
			if v, ok := r.Body[name].(string); ok {
				line += " " + name + "=" + v
			}
		}
		out = append(out, line)
	}
	return out
}

func TestAppRolePlain(t *testing.T) {
	roleID, secretID := file(t, "r1\n"), file(t, "s1\n")
	m := newMethod(t, "approle", map[string]string{"role_id_file_path": roleID, "secret_id_file_path": secretID})
	vault := loginAt(appRoleLogin)
	login := func() {
		t.Helper()
		token, err := m.Login(t.Context(), vault)
		wantError(t, err, "")
		if diff := cmp.Diff(wantToken(), token, revealed); diff != "" {
			t.Errorf("token (-want +got):\n%s", diff)
		}
	}
	login()
	if exists(secretID) || !exists(roleID) {
		t.Error("the secret id must be removed after reading, the role id must not")
	}
	login() // from memory
	if err := os.Remove(roleID); err != nil {
		t.Fatal(err)
	}
	write(t, secretID, "s2")
	login() // the new secret id wins, the role id is remembered
	want := []string{
		"PUT auth/approle/login role_id=r1 secret_id=s1",
		"PUT auth/approle/login role_id=r1 secret_id=s1",
		"PUT auth/approle/login role_id=r1 secret_id=s2",
	}
	if diff := cmp.Diff(want, vault.sent()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestAppRoleWithoutSecretID(t *testing.T) {
	m := newMethod(t, "approle", map[string]string{"role_id_file_path": file(t, "r1")})
	vault := loginAt(appRoleLogin)
	_, err := m.Login(t.Context(), vault)
	wantError(t, err, "")
	if diff := cmp.Diff([]string{"PUT auth/approle/login role_id=r1"}, vault.sent()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestAppRoleFileErrors(t *testing.T) {
	good, empty := file(t, "r1"), file(t, " ")
	cases := map[string]struct{ roleID, secretID, want string }{
		"no role id":      {roleID: "/nonexistent/r", want: "read the role id: open /nonexistent/r: no such file or directory"},
		"empty role id":   {roleID: empty, want: `the role id file "` + empty + `" is empty`},
		"no secret id":    {roleID: good, secretID: "/nonexistent/s", want: "read the secret id: open /nonexistent/s: no such file or directory"},
		"empty secret id": {roleID: good, secretID: empty, want: `the secret id file "` + empty + `" is empty`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMethod(t, "approle", map[string]string{"role_id_file_path": tc.roleID, "secret_id_file_path": tc.secretID})
			_, err := m.Login(t.Context(), loginAt(appRoleLogin))
			wantError(t, err, tc.want)
		})
	}
}

// wrapped makes a method whose secret id comes wrapped.
func wrapped(t *testing.T, secretID, remove string) Method {
	t.Helper()
	return newMethod(t, "approle", map[string]string{
		"role_id_file_path": file(t, "r1"), "secret_id_file_path": secretID,
		"secret_id_response_wrapping_path": "/" + wrapPath, "remove_secret_id_file_after_reading": remove,
	})
}

func TestAppRoleWrapped(t *testing.T) {
	for _, remove := range []string{"true", "false"} {
		t.Run("remove "+remove, func(t *testing.T) {
			secretID := file(t, "w1")
			m, vault := wrapped(t, secretID, remove), wrappingVault(wrapPath)
			for range 2 { // the second login must not open the token again
				_, err := m.Login(t.Context(), vault)
				wantError(t, err, "")
			}
			write(t, secretID, "w2")
			_, err := m.Login(t.Context(), vault)
			wantError(t, err, "")
			login := "PUT auth/approle/login role_id=r1 secret_id=unwrapped-" + canary
			want := []string{
				"PUT sys/wrapping/lookup token=w1", "PUT sys/wrapping/unwrap token=w1", login,
				login,
				"PUT sys/wrapping/lookup token=w2", "PUT sys/wrapping/unwrap token=w2", login,
			}
			if diff := cmp.Diff(want, vault.sent()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppRoleUnwrapErrors(t *testing.T) {
	cases := map[string]struct {
		change func(*script)
		want   string
	}{
		"made elsewhere": {
			change: func(s *script) { s.answers["sys/wrapping/lookup"].Data["creation_path"] = "sys/wrapping/wrap" },
			want:   `the wrapping token was created at "sys/wrapping/wrap", not at "auth/approle/role/web/secret-id"; someone may have replaced it`,
		},
		"made nowhere": {
			change: func(s *script) { s.answers["sys/wrapping/lookup"].Data = map[string]any{} },
			want:   `the wrapping token was created at "", not at "auth/approle/role/web/secret-id"; someone may have replaced it`,
		},
		"unknown":       {change: func(s *script) { s.answers["sys/wrapping/lookup"] = nil }, want: "vault knows nothing of the wrapping token"},
		"refused":       {change: func(s *script) { s.err = errVault }, want: "vault said no"},
		"nothing in it": {change: func(s *script) { s.answers["sys/wrapping/unwrap"] = nil }, want: "vault answered without data"},
		"something else": {
			change: func(s *script) { s.answers["sys/wrapping/unwrap"].Data = map[string]any{"token": canary} },
			want:   "the wrapped answer holds no secret_id",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			secretID := file(t, "w1")
			vault := wrappingVault(wrapPath)
			tc.change(vault)
			_, err := wrapped(t, secretID, "true").Login(t.Context(), vault)
			wantError(t, err, `unwrap the secret id in "`+secretID+`": `+tc.want)
		})
	}
}

// TestAppRoleUnwrapsLater: the file is gone after the first attempt, and the
// wrapping token, which was not opened, must survive that.
func TestAppRoleUnwrapsLater(t *testing.T) {
	vault := wrappingVault(wrapPath)
	refusing := exchangerFunc(func(r Request) (*api.Secret, error) {
		if strings.HasPrefix(r.Path, "sys/") {
			return nil, errVault
		}
		return granted(), nil
	})
	m := wrapped(t, file(t, "w1"), "true")
	if _, err := m.Login(t.Context(), refusing); !errors.Is(err, errVault) {
		t.Fatalf("Login() = %v, want the error of the exchange", err)
	}
	_, err := m.Login(t.Context(), vault)
	wantError(t, err, "")
}
