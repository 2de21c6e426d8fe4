package auth

import "context"

// jwt logs in with a JSON web token of any issuer. By default the file is
// removed after reading, and its value kept for later logins.
type jwt struct {
	login string
	role  string
	token *credential
}

func newJWT(o *options) Method {
	o.period("jwt_read_period")
	if o.account != nil {
		return o.newAccount()
	}
	return &jwt{
		login: o.loginPath(),
		role:  o.required("role"),
		token: o.credential(&credential{
			noun:   "JWT",
			path:   o.required("path"),
			remove: o.truth("remove_jwt_after_reading", true),
			follow: o.truth("remove_jwt_follows_symlinks", false),
		}),
	}
}

// Login implements Method.
func (j *jwt) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	return loginJWT(ctx, vault, j.login, j.role, j.token)
}
