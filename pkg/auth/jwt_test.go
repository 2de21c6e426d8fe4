package auth

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// newMethod makes a method that must be valid.
func newMethod(t *testing.T, method string, options map[string]string) Method {
	t.Helper()
	m, err := New(config.Auth{Method: method, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestKubernetesReadsTheFileAtEveryLogin(t *testing.T) {
	first, second := makeJWT(t, map[string]any{"n": 1}), makeJWT(t, map[string]any{"n": 2})
	path := file(t, first+"\n")
	m := newMethod(t, "kubernetes", map[string]string{"role": "web", "token_path": path})
	vault := loginAt("auth/kubernetes/login")
	for _, content := range []string{first, second} {
		write(t, path, "\n"+content+" \n")
		token, err := m.Login(t.Context(), vault)
		wantError(t, err, "")
		if diff := cmp.Diff(wantToken(), token, revealed); diff != "" {
			t.Errorf("token (-want +got):\n%s", diff)
		}
	}
	want := []Request{
		{Method: http.MethodPut, Path: "auth/kubernetes/login", Body: map[string]any{"role": "web", "jwt": first}},
		{Method: http.MethodPut, Path: "auth/kubernetes/login", Body: map[string]any{"role": "web", "jwt": second}},
	}
	if diff := cmp.Diff(want, vault.asked, revealed); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestJWTFileErrors(t *testing.T) {
	good := makeJWT(t, nil)
	cases := map[string]struct {
		content string
		want    string // after the file's quoted name
		reason  string
	}{
		"empty":            {content: " \n", want: `the service-account token file %q is empty`},
		"not a token":      {content: canary, want: `the file %q does not hold a JWT: expected three base64 parts separated by dots`},
		"two parts":        {content: "YQ.YQ", want: `the file %q does not hold a JWT: expected three base64 parts separated by dots`},
		"four parts":       {content: good + ".YQ", want: `the file %q does not hold a JWT: expected three base64 parts separated by dots`},
		"no signature":     {content: "YQ.YQ.", want: `the file %q does not hold a JWT: expected three base64 parts separated by dots`},
		"odd characters":   {content: "YQ.Y*Q.YQ", want: `the file %q does not hold a JWT: expected three base64 parts separated by dots`},
		"expired":          {content: makeJWT(t, map[string]any{"exp": 1700000000}), want: `the token in %q expired at 2023-11-14T22:13:20Z`},
		"expired, to part": {content: makeJWT(t, map[string]any{"exp": 1700000000.75}), want: `the token in %q expired at 2023-11-14T22:13:20Z`},
		"claims unknown":   {content: "YQ.YQ.YQ", reason: "Vault judges what we cannot read"},
		"odd expiry":       {content: makeJWT(t, map[string]any{"exp": "never"})},
		"far expiry":       {content: makeJWT(t, map[string]any{"exp": 1e300})},
		"valid":            {content: makeJWT(t, map[string]any{"exp": time.Now().Add(time.Hour).Unix()})},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := file(t, tc.content)
			m := newMethod(t, "kubernetes", map[string]string{"role": "web", "token_path": path})
			vault := loginAt("auth/kubernetes/login")
			_, err := m.Login(t.Context(), vault)
			wantError(t, err, strings.ReplaceAll(tc.want, "%q", `"`+path+`"`))
			if asked := len(vault.asked) > 0; asked != (tc.want == "") {
				t.Errorf("vault was asked: %v", asked)
			}
		})
	}
}

func TestKubernetesMissingFile(t *testing.T) {
	m := newMethod(t, "kubernetes", map[string]string{"role": "web", "token_path": "/nonexistent/token"})
	_, err := m.Login(t.Context(), loginAt("auth/kubernetes/login"))
	wantError(t, err, "read the service-account token: open /nonexistent/token: no such file or directory")
	if !errors.Is(err, os.ErrNotExist) {
		t.Error("the error does not wrap the cause")
	}
}

func TestLoginFailures(t *testing.T) {
	path := file(t, makeJWT(t, nil))
	cases := map[string]struct {
		vault *script
		want  string
	}{
		"refused":  {vault: &script{err: errVault}, want: `log in at "auth/jwt/login": vault said no`},
		"no token": {vault: &script{}, want: `log in at "auth/jwt/login": vault answered the login without a token`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMethod(t, "jwt", map[string]string{"role": "web", "path": path, "remove_jwt_after_reading": "false"})
			_, err := m.Login(t.Context(), tc.vault)
			wantError(t, err, tc.want)
			if tc.vault.err != nil && !errors.Is(err, errVault) {
				t.Error("the error does not wrap that of the exchange")
			}
		})
	}
}

func TestJWTRemovesTheFile(t *testing.T) {
	token := makeJWT(t, nil)
	for name, tc := range map[string]struct {
		options            map[string]string
		linkGone, fileGone bool
	}{
		"by default":     {linkGone: true},
		"follows a link": {options: map[string]string{"remove_jwt_follows_symlinks": "true"}, fileGone: true},
		"not":            {options: map[string]string{"remove_jwt_after_reading": "false"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, token)
			link := filepath.Join(filepath.Dir(path), "link")
			if err := os.Symlink(path, link); err != nil {
				t.Fatal(err)
			}
			options := map[string]string{"role": "web", "path": link}
			for name, value := range tc.options {
				options[name] = value
			}
			_, err := newMethod(t, "jwt", options).Login(t.Context(), loginAt("auth/jwt/login"))
			wantError(t, err, "")
			if gone := !exists(link); gone != tc.linkGone {
				t.Errorf("link gone: %v, want %v", gone, tc.linkGone)
			}
			if gone := !exists(path); gone != tc.fileGone {
				t.Errorf("file gone: %v, want %v", gone, tc.fileGone)
			}
		})
	}
}

func TestJWTIsRememberedAfterRemoval(t *testing.T) {
	first, second := makeJWT(t, map[string]any{"n": 1}), makeJWT(t, map[string]any{"n": 2})
	path := file(t, first)
	m := newMethod(t, "jwt", map[string]string{"role": "web", "path": path})
	vault := loginAt("auth/jwt/login")
	login := func() {
		t.Helper()
		if _, err := m.Login(t.Context(), vault); err != nil {
			t.Fatal(err)
		}
	}
	login()
	login() // from memory
	write(t, path, second)
	login() // the new file wins
	write(t, path, "")
	login() // an empty file is as good as none
	var sent []any
	for _, r := range vault.asked {
		sent = append(sent, r.Body["jwt"])
	}
	if diff := cmp.Diff([]any{first, first, second, second}, sent); diff != "" {
		t.Errorf("tokens sent (-want +got):\n%s", diff)
	}
}

func TestJWTIsForgottenWithoutRemoval(t *testing.T) {
	path := file(t, makeJWT(t, nil))
	m := newMethod(t, "jwt", map[string]string{"role": "web", "path": path, "remove_jwt_after_reading": "0"})
	vault := loginAt("auth/jwt/login")
	_, err := m.Login(t.Context(), vault)
	wantError(t, err, "")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = m.Login(t.Context(), vault)
	wantError(t, err, "read the JWT: open "+path+": no such file or directory")
}

func TestTokenFile(t *testing.T) {
	path := file(t, "hvs."+canary+"\n")
	cases := map[string]struct {
		answer *api.Secret
		err    error
		want   string
	}{
		"valid":   {answer: &api.Secret{Data: map[string]any{"ttl": 60.0}}},
		"refused": {err: errVault, want: `look up the token in "` + path + `": vault said no`},
		"empty":   {answer: &api.Secret{}, want: `look up the token in "` + path + `": vault answered without data`},
		"nothing": {want: `look up the token in "` + path + `": vault answered without data`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var asked Request
			vault := exchangerFunc(func(r Request) (*api.Secret, error) {
				asked = r
				return tc.answer, tc.err
			})
			token, err := newMethod(t, "token_file", map[string]string{"token_file_path": path}).Login(t.Context(), vault)
			wantError(t, err, tc.want)
			if asked.Method != http.MethodGet || asked.Path != "auth/token/lookup-self" || asked.Token.Reveal() != "hvs."+canary {
				t.Errorf("asked %s %s", asked.Method, asked.Path)
			}
			if err == nil && (token.Value.Reveal() != "hvs."+canary || token.TTL != time.Minute) {
				t.Errorf("token lives %v", token.TTL)
			}
		})
	}
}

func TestTokenFileMissing(t *testing.T) {
	m := newMethod(t, "token_file", map[string]string{"token_file_path": "/nonexistent/token"})
	_, err := m.Login(t.Context(), &script{})
	wantError(t, err, "read the token: open /nonexistent/token: no such file or directory")
}

func FuzzParseJWT(f *testing.F) {
	f.Add("YQ.YQ.YQ")
	f.Add("a.b.c")
	f.Add("eyJhIjoxfQ.eyJleHAiOjEsInN1YiI6IngifQ.YQ")
	f.Add("eyJhIjoxfQ.eyJleHAiOi0xZTMwOH0.YQ")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := parseJWT(text)
		if !ok && c != (claims{}) {
			t.Errorf("claims %+v of no token", c)
		}
		err := checkJWT("file", text, time.Now())
		if !ok && err == nil {
			t.Error("no token, and no error")
		}
		if err != nil && len(text) > 60 && strings.Contains(err.Error(), text) {
			t.Error("the error shows the token")
		}
	})
}
