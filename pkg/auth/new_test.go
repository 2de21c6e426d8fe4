package auth

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

func TestNewRefuses(t *testing.T) {
	cases := map[string]struct {
		config config.Auth
		want   string
	}{
		"unknown": {
			config: config.Auth{Method: "x"},
			want:   `auth method "x" is not known; supported are ` + supported(),
		},
		"none": {
			want: `auth method "" is not known; supported are ` + supported(),
		},
		"mistyped": {
			config: config.Auth{Method: "kubernetse"},
			want:   `auth method "kubernetse" is not known; did you mean "kubernetes"? supported are ` + supported(),
		},
		"mistyped, capital": {
			config: config.Auth{Method: "Token-File"},
			want:   `auth method "Token-File" is not known; did you mean "token_file"? supported are ` + supported(),
		},
		"of the old agent": {
			config: config.Auth{Method: "kerberos"},
			want:   `auth method "kerberos" is one of the Vault Agent that is not supported here; supported are ` + supported(),
		},
		"kubernetes": {
			config: config.Auth{Method: "kubernetes", Options: map[string]string{"role": "  "}},
			want:   `auth method "kubernetes": option "role" is required`,
		},
		"jwt, all at once": {
			config: config.Auth{Method: "jwt", Options: map[string]string{"remove_jwt_after_reading": "maybe"}},
			want: `auth method "jwt": option "role" is required` + "\n" +
				`auth method "jwt": option "path" is required` + "\n" +
				`auth method "jwt": option "remove_jwt_after_reading" must be true or false, not "maybe"`,
		},
		"jwt, odd period": {
			config: config.Auth{Method: "jwt", Options: map[string]string{"role": "web", "path": "/t", "jwt_read_period": "-1"}},
			want:   `auth method "jwt": option "jwt_read_period" must be a duration such as 30s or 1m, not "-1"`,
		},
		"cert, all at once": {
			config: config.Auth{Method: "cert", Options: map[string]string{"client_cert": "/c", "reload": "perhaps", "reload_period": "soon"}},
			want: `auth method "cert": options "client_cert" and "client_key" go together` + "\n" +
				`auth method "cert": option "reload" must be true or false, not "perhaps"` + "\n" +
				`auth method "cert": option "reload_period" must be a duration such as 30s or 1m, not "soon"`,
		},
		"cert without the certificate": {
			config: config.Auth{Method: "cert", Options: map[string]string{"client_key": "/k"}},
			want:   `auth method "cert": options "client_cert" and "client_key" go together`,
		},
		"ldap, all at once": {
			config: config.Auth{Method: "ldap", Options: map[string]string{
				"remove_password_after_reading": "perhaps", "remove_password_follows_symlinks": "2", "password_read_period": "soon",
			}},
			want: `auth method "ldap": option "username" is required` + "\n" +
				`auth method "ldap": option "password_read_period" must be a duration such as 30s or 1m, not "soon"` + "\n" +
				`auth method "ldap": option "password_file_path" is required` + "\n" +
				`auth method "ldap": option "remove_password_after_reading" must be true or false, not "perhaps"` + "\n" +
				`auth method "ldap": option "remove_password_follows_symlinks" must be true or false, not "2"`,
		},
		"userpass": {
			config: config.Auth{Method: "userpass", Options: map[string]string{"username": "../root"}},
			want: `auth method "userpass": option "username" cannot be part of a path: "../root"` + "\n" +
				`auth method "userpass": option "password_file_path" is required`,
		},
		"approle": {
			config: config.Auth{Method: "approle", Role: "web"},
			want:   `auth method "approle": option "role_id_file_path" is required`,
		},
		"token_file": {
			config: config.Auth{Method: "token_file", Options: map[string]string{"role": "web"}},
			want:   `auth method "token_file": option "token_file_path" is required`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			method, err := New(tc.config)
			wantError(t, err, tc.want)
			if method != nil {
				t.Errorf("method = %v, want none beside an error", method)
			}
		})
	}
}

// supported is the list that errors show.
func supported() string { return strings.Join(served(), ", ") }

// TestServedAndUnserved asks New for each method of both lists.
func TestServedAndUnserved(t *testing.T) {
	for _, name := range served() {
		if _, err := New(config.Auth{Method: name}); err != nil && strings.Contains(err.Error(), "supported") {
			t.Errorf("the list has %q, and New says %v", name, err)
		}
		if got := nearest(name + "x"); got != name {
			t.Errorf("nearest(%q) = %q, want %q", name+"x", got, name)
		}
	}
	if !slices.IsSorted(served()) || !slices.IsSorted(unserved()) {
		t.Error("the lists are not in the order of the alphabet")
	}
	for _, name := range unserved() {
		if _, err := New(config.Auth{Method: name}); err == nil || slices.Contains(served(), name) {
			t.Errorf("New(%q) = %v; served as well: %v", name, err, slices.Contains(served(), name))
		}
	}
}

func TestNewAccepts(t *testing.T) {
	cases := map[string]struct {
		config config.Auth
		reason string
	}{
		"role by shorthand":      {config: config.Auth{Method: "kubernetes", Role: "web"}},
		"cert of the connection": {config: config.Auth{Method: "cert"}, reason: "the connection may have a certificate"},
		"texts for everything": {
			config: config.Auth{Method: "cert", Options: map[string]string{"name": "web", "client_cert": "/c", "client_key": "/k", "reload": "true", "reload_period": "60"}},
			reason: "annotations have nothing but texts",
		},
		"unknown options": {
			config: config.Auth{Method: "approle", Options: map[string]string{"role_id_file_path": "/r", "role": "web", "token_path": "/t", "type": "iam"}},
			reason: "annotations set token_path and role for every method",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := New(tc.config); err != nil {
				t.Errorf("New() = %v; %s", err, tc.reason)
			}
		})
	}
}

func TestMount(t *testing.T) {
	cases := map[string]struct{ mount, want string }{
		"default": {mount: "", want: "auth/kubernetes/login"},
		"given":   {mount: "auth/kubernetes-prod", want: "auth/kubernetes-prod/login"},
		"slashes": {mount: "/auth/team/k8s/", want: "auth/team/k8s/login"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := newOptions(config.Auth{Method: "kubernetes", Mount: tc.mount}).loginPath(); got != tc.want {
				t.Errorf("loginPath() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTruth(t *testing.T) {
	cases := map[string]struct {
		value    string
		fallback bool
		want     bool
	}{
		"unset, true":  {fallback: true, want: true},
		"unset, false": {},
		"true":         {value: "true", want: true},
		"True":         {value: " True ", want: true},
		"tRUE":         {value: "tRUE", want: true},
		"1":            {value: "1", want: true},
		"yes":          {value: "yes", want: true},
		"on":           {value: "ON", want: true},
		"false":        {value: "false", fallback: true},
		"0":            {value: "0", fallback: true},
		"no":           {value: "No", fallback: true},
		"off":          {value: "off", fallback: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := newOptions(config.Auth{Options: map[string]string{"o": tc.value}})
			if got := o.truth("o", tc.fallback); got != tc.want || o.problems != nil {
				t.Errorf("truth() = %v with %v, want %v", got, o.problems, tc.want)
			}
		})
	}
}

func TestSubjectAndWatched(t *testing.T) {
	token := file(t, makeJWT(t, map[string]any{"sub": "system:serviceaccount:shop:web"})+"\n")
	anonymous := file(t, makeJWT(t, map[string]any{"sub": 7}))
	garbled := file(t, "not a token")
	cases := map[string]struct {
		config  config.Auth
		subject string
		watched []string
	}{
		"kubernetes": {
			config:  config.Auth{Method: "kubernetes", Options: map[string]string{"token_path": token}},
			subject: "system:serviceaccount:shop:web",
		},
		"kubernetes without a file": {
			config:  config.Auth{Method: "kubernetes", Options: map[string]string{"token_path": "/nonexistent/token"}},
			subject: "/nonexistent/token",
		},
		"kubernetes with another file": {
			config:  config.Auth{Method: "kubernetes", Options: map[string]string{"token_path": garbled}},
			subject: garbled,
		},
		"jwt": {
			config:  config.Auth{Method: "jwt", Options: map[string]string{"path": token}},
			subject: "system:serviceaccount:shop:web",
			watched: []string{token},
		},
		"jwt of nobody": {
			config:  config.Auth{Method: "jwt", Options: map[string]string{"path": anonymous}},
			subject: anonymous,
			watched: []string{anonymous},
		},
		"approle": {
			config:  config.Auth{Method: "approle", Options: map[string]string{"role_id_file_path": "/r", "secret_id_file_path": "/s"}},
			subject: "/r",
			watched: []string{"/r", "/s"},
		},
		"approle without a secret id": {
			config:  config.Auth{Method: "approle", Options: map[string]string{"role_id_file_path": "/r"}},
			subject: "/r",
			watched: []string{"/r"},
		},
		"token_file": {
			config:  config.Auth{Method: "token_file", Options: map[string]string{"token_file_path": token}},
			subject: token,
			watched: []string{token},
		},
		"unknown": {config: config.Auth{Method: "x"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Subject(tc.config); got != tc.subject {
				t.Errorf("Subject() = %q, want %q", got, tc.subject)
			}
			if diff := cmp.Diff(tc.watched, Watched(tc.config)); diff != "" {
				t.Errorf("Watched() (-want +got):\n%s", diff)
			}
		})
	}
}
