package auth

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

func TestWatchedFilesOfPairsAndPasswords(t *testing.T) {
	pair := map[string]string{"ca_cert": "/ca", "client_cert": "/c", "client_key": "/k"}
	reload := func(value string) map[string]string {
		return map[string]string{"ca_cert": "/ca", "client_cert": "/c", "client_key": "/k", "reload": value}
	}
	user := map[string]string{"username": "bob", "password_file_path": "/p"}
	cases := map[string]struct {
		config  config.Auth
		subject string
		watched []string
		reauth  bool // where the configuration does not ask for it
		asked   bool // where it does
	}{
		"cert":                    {config: config.Auth{Method: "cert", Options: pair}, subject: "/c"},
		"cert with reload":        {config: config.Auth{Method: "cert", Options: reload("true")}, subject: "/c", watched: []string{"/c", "/k"}, reauth: true, asked: true},
		"cert without reload":     {config: config.Auth{Method: "cert", Options: reload("false")}, subject: "/c"},
		"cert of the connection":  {config: config.Auth{Method: "cert", Options: map[string]string{"reload": "true"}}},
		"ldap":                    {config: config.Auth{Method: "ldap", Options: user}, subject: "bob", watched: []string{"/p"}, asked: true},
		"userpass":                {config: config.Auth{Method: "userpass", Options: user}, subject: "bob", watched: []string{"/p"}, asked: true},
		"jwt":                     {config: config.Auth{Method: "jwt", Options: map[string]string{"path": "/t"}}, subject: "/t", watched: []string{"/t"}, asked: true},
		"kubernetes":              {config: config.Auth{Method: "kubernetes", Options: map[string]string{"token_path": "/t"}}, subject: "/t"},
		"approle, half of it":     {config: config.Auth{Method: "approle", Options: map[string]string{"secret_id_file_path": "/s"}}, watched: []string{"/s"}, asked: true},
		"token_file without file": {config: config.Auth{Method: "token_file"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Subject(tc.config); got != tc.subject {
				t.Errorf("Subject() = %q, want %q", got, tc.subject)
			}
			if diff := cmp.Diff(tc.watched, Watched(tc.config)); diff != "" {
				t.Errorf("Watched() (-want +got):\n%s", diff)
			}
			if got := Reauth(tc.config); got != tc.reauth {
				t.Errorf("Reauth() = %v, want %v", got, tc.reauth)
			}
			tc.config.Reauth = true
			if got := Reauth(tc.config); got != tc.asked {
				t.Errorf("Reauth() = %v where the configuration asks for it, want %v", got, tc.asked)
			}
		})
	}
}

func TestWatchInterval(t *testing.T) {
	cases := map[string]struct {
		method, option, value string
		want                  time.Duration
	}{
		"cert":              {"cert", "reload_period", "30s", 30 * time.Second},
		"cert, number":      {"cert", "reload_period", "90", 90 * time.Second},
		"cert, unset":       {"cert", "", "", time.Minute},
		"cert, zero":        {"cert", "reload_period", "0", time.Minute},
		"cert, odd":         {"cert", "reload_period", "soon", time.Minute},
		"cert, negative":    {"cert", "reload_period", "-5s", time.Minute},
		"jwt":               {"jwt", "jwt_read_period", "500ms", 500 * time.Millisecond},
		"ldap":              {"ldap", "password_read_period", " 2H ", 2 * time.Hour},
		"userpass":          {"userpass", "password_read_period", "0.5", 500 * time.Millisecond},
		"very often":        {"ldap", "password_read_period", "1ns", 100 * time.Millisecond},
		"of another method": {"approle", "reload_period", "5s", time.Minute},
		"unknown method":    {"x", "", "", time.Minute},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := WatchInterval(config.Auth{Method: tc.method, Options: map[string]string{tc.option: tc.value}})
			if got != tc.want {
				t.Errorf("WatchInterval() = %v, want %v", got, tc.want)
			}
		})
	}
}

func FuzzPeriod(f *testing.F) {
	for _, seed := range []string{"", "0", "1", "1m", "-1", "1e300", "NaN", "Inf", "0x1p-2", "1_0", "1h1m1s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := newOptions(config.Auth{Method: "cert", Options: map[string]string{"reload_period": text}})
		if got := o.period("reload_period"); got < shortestInterval || len(o.problems) > 0 && got != defaultInterval {
			t.Errorf("period(%q) = %v with %v", text, got, o.problems)
		}
	})
}
