package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// password logs in as a user with a password: the methods ldap, whose users are
// in a directory, and userpass, whose users are in Vault. By default the file is
// removed after reading, and its value kept for later logins.
type password struct {
	login    string // with the user's name
	password *credential
}

func newPassword(o *options) Method {
	user := o.required("username")
	if !isName(user) {
		o.problems = append(o.problems, fmt.Errorf("auth method %q: option %q cannot be part of a path: %q", o.method, "username", user))
	}
	o.period("password_read_period")
	return &password{
		login: o.loginPath() + "/" + user,
		password: o.credential(&credential{
			noun:   "password",
			path:   o.required("password_file_path"),
			remove: o.truth("remove_password_after_reading", true),
			follow: o.truth("remove_password_follows_symlinks", false),
			exact:  true,
		}),
	}
}

// isName tells whether a path that ends in the name leads to that name: a server
// or a proxy may take parts such as ".." for a way up, and drop empty ones.
func isName(user string) bool {
	parts := strings.Split(user, "/")
	leads := func(part string) bool { return part == "." || part == ".." || part == "" && len(parts) > 1 }
	return !slices.ContainsFunc(parts, leads)
}

// Login implements Method.
func (p *password) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	secret, err := p.password.read()
	if err != nil {
		return nil, err
	}
	return login(ctx, vault, p.login, map[string]any{"password": secret.Reveal()})
}
