package auth

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// New makes the method that a configuration names. Options that the method does
// not know are ignored; an error names every option that is missing or cannot
// be read, one per line.
func New(c config.Auth, with ...Option) (Method, error) {
	o := newOptions(c)
	for _, option := range with {
		option(o)
	}
	var method Method
	switch c.Method {
	case "approle":
		method = newAppRole(o)
	case "aws":
		method = newAWS(o)
	case "azure":
		method = newAzure(o)
	case "cert":
		method = newCert(o)
	case "gcp":
		method = newGCP(o)
	case "jwt":
		method = newJWT(o)
	case "kubernetes":
		method = newKubernetes(o)
	case "ldap", "userpass":
		method = newPassword(o)
	case "token_file":
		method = newTokenFile(o)
	default:
		return nil, refuse(c.Method)
	}
	if err := errors.Join(o.problems...); err != nil {
		return nil, err
	}
	return o.withExtras(method), nil
}

// options reads the options of one method, whose values are texts wherever they
// came from, and gathers what is wrong with them.
type options struct {
	method   string
	mount    string
	role     string
	values   map[string]string
	problems []error
	read     func(name string) ([]byte, error) // nil: files are files
	account  AccountTokens                     // nil: we are not a service account but of this pod
	params   map[string]string
	headers  []config.Header
}

func newOptions(c config.Auth) *options {
	mount := strings.Trim(c.Mount, "/")
	if mount == "" {
		mount = "auth/" + c.Method
	}
	return &options{method: c.Method, mount: mount, role: c.Role, values: c.Options}
}

// loginPath is where the method's logins are sent.
func (o *options) loginPath() string { return o.mount + "/login" }

// text returns an option, or the fallback where it is not set.
func (o *options) text(name, fallback string) string {
	if v := strings.TrimSpace(o.values[name]); v != "" {
		return v
	}
	return fallback
}

// required returns an option that must be set; the role may be set by its shorthand.
func (o *options) required(name string) string {
	fallback := ""
	if name == "role" {
		fallback = o.role
	}
	v := o.text(name, fallback)
	if v == "" {
		o.problems = append(o.problems, fmt.Errorf("auth method %q: option %q is required", o.method, name))
	}
	return v
}

// truth reads a boolean as the spellings of YAML, HCL and annotations have it.
func (o *options) truth(name string, fallback bool) bool {
	v := o.text(name, "")
	switch strings.ToLower(v) {
	case "":
		return fallback
	case "yes", "on":
		return true
	case "no", "off":
		return false
	}
	b, err := strconv.ParseBool(strings.ToLower(v))
	if err != nil {
		o.problems = append(o.problems, fmt.Errorf("auth method %q: option %q must be true or false, not %q", o.method, name, v))
		return fallback
	}
	return b
}
