package auth

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// passwordMethods are the methods with a user and a password.
func passwordMethods() []string { return []string{"ldap", "userpass"} }

func TestPasswordLogin(t *testing.T) {
	cases := map[string]struct {
		user, content string
		path, body    string
		reason        string
	}{
		"plain":           {user: "bob", content: "p1", path: "/login/bob", body: "p1"},
		"line":            {user: "bob", content: "p1\n", path: "/login/bob", body: "p1"},
		"line of Windows": {user: "bob", content: "p1\r\n", path: "/login/bob", body: "p1"},
		"blanks": {
			user: " bob ", content: " p 1\t\n", path: "/login/bob", body: " p 1\t",
			reason: "a password may begin and end with blanks, a name of a document does not",
		},
		"only blanks":   {user: "bob", content: "  ", path: "/login/bob", body: "  "},
		"odd user":      {user: "Ann Smith@example.test", content: "p", path: "/login/Ann Smith@example.test", body: "p", reason: "the exchanger escapes the path"},
		"slash in user": {user: "ou/ann", content: "p", path: "/login/ou/ann", body: "p"},
		"dots in user":  {user: "..ann.", content: "p", path: "/login/..ann.", body: "p"},
	}
	for name, tc := range cases {
		for _, method := range passwordMethods() {
			t.Run(method+" "+name, func(t *testing.T) {
				vault := loginAt("auth/" + method + tc.path)
				m := newMethod(t, method, map[string]string{"username": tc.user, "password_file_path": file(t, tc.content)})
				token, err := m.Login(t.Context(), vault)
				wantError(t, err, "")
				if diff := cmp.Diff(wantToken(), token, revealed); diff != "" {
					t.Errorf("token (-want +got):\n%s", diff)
				}
				want := []Request{{Method: http.MethodPut, Path: "auth/" + method + tc.path, Body: map[string]any{"password": tc.body}}}
				if diff := cmp.Diff(want, vault.asked, revealed); diff != "" {
					t.Errorf("requests (-want +got):\n%s%s", diff, tc.reason)
				}
			})
		}
	}
}

func TestPasswordMount(t *testing.T) {
	m, err := New(config.Auth{Method: "ldap", Mount: "auth/people/", Options: map[string]string{"username": "bob", "password_file_path": file(t, "p")}})
	wantError(t, err, "")
	vault := loginAt("auth/people/login/bob")
	if _, err := m.Login(t.Context(), vault); err != nil {
		t.Errorf("Login() = %v, asked %v", err, vault.asked)
	}
}

// TestPasswordIsRememberedAfterItsFile takes a password through removals and a change.
func TestPasswordIsRememberedAfterItsFile(t *testing.T) {
	path := file(t, "one-"+canary)
	m := newMethod(t, "ldap", map[string]string{"username": "bob", "password_file_path": path})
	vault := loginAt("auth/ldap/login/bob")
	login := func(want string) {
		t.Helper()
		_, err := m.Login(t.Context(), vault)
		wantError(t, err, "")
		if got := vault.asked[len(vault.asked)-1].Body["password"]; got != want {
			t.Errorf("password %v was sent, want %s", got, want)
		}
		if exists(path) {
			t.Error("the file is still there: it is removed by default")
		}
	}
	login("one-" + canary)
	login("one-" + canary)
	write(t, path, "two")
	login("two")
}

func TestPasswordFileStays(t *testing.T) {
	path := file(t, "p")
	m := newMethod(t, "userpass", map[string]string{"username": "bob", "password_file_path": path, "remove_password_after_reading": "False"})
	for range 2 {
		_, err := m.Login(t.Context(), loginAt("auth/userpass/login/bob"))
		wantError(t, err, "")
	}
	if err := os.Remove(path); err != nil {
		t.Fatalf("the file was removed: %v", err)
	}
	_, err := m.Login(t.Context(), loginAt("auth/userpass/login/bob"))
	wantError(t, err, "read the password: open "+path+": no such file or directory")
}

func TestPasswordBehindALink(t *testing.T) {
	for name, tc := range map[string]struct {
		follow             string
		linkGone, fileGone bool
	}{
		"the link goes": {follow: "false", linkGone: true},
		"the file goes": {follow: "true", fileGone: true},
	} {
		t.Run(name, func(t *testing.T) {
			target := file(t, "p")
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(target, link); err != nil {
				t.Fatal(err)
			}
			m := newMethod(t, "ldap", map[string]string{
				"username": "bob", "password_file_path": link, "remove_password_follows_symlinks": tc.follow,
			})
			_, err := m.Login(t.Context(), loginAt("auth/ldap/login/bob"))
			wantError(t, err, "")
			if exists(link) == tc.linkGone || exists(target) == tc.fileGone {
				t.Errorf("link is there: %v, file is there: %v", exists(link), exists(target))
			}
		})
	}
}

func TestPasswordFailures(t *testing.T) {
	empty, good := file(t, "\n"), file(t, canary)
	cases := map[string]struct {
		path  string
		vault *script
		want  string
	}{
		"no file":    {path: "/nonexistent/p", want: "read the password: open /nonexistent/p: no such file or directory"},
		"empty file": {path: empty, want: `the password file "` + empty + `" is empty`},
		"refused":    {path: good, vault: &script{err: errVault}, want: `log in at "auth/ldap/login/bob": vault said no`},
		"no token":   {path: good, vault: &script{}, want: `log in at "auth/ldap/login/bob": vault answered the login without a token`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMethod(t, "ldap", map[string]string{"username": "bob", "password_file_path": tc.path, "remove_password_after_reading": "no"})
			if tc.vault == nil {
				tc.vault = loginAt("auth/ldap/login/bob")
			}
			_, err := m.Login(t.Context(), tc.vault)
			wantError(t, err, tc.want)
			if tc.vault.err != nil && !errors.Is(err, errVault) {
				t.Error("the error does not wrap that of the exchange")
			}
		})
	}
}

func TestIsName(t *testing.T) {
	cases := map[string]bool{
		"bob": true, "a.b": true, "...": true, "ou/ann": true, "..a": true, "a b": true,
		"":  true, // missing, which is another error
		".": false, "..": false, "../root": false, "a/../b": false, "a/.": false, "a//b": false, "/a": false, "a/": false, "/": false,
	}
	for user, want := range cases {
		if got := isName(user); got != want {
			t.Errorf("isName(%q) = %v, want %v", user, got, want)
		}
	}
}
