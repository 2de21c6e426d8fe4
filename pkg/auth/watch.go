package auth

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// defaultInterval is how often files of credentials are looked at: the Vault
// Agent's minute.
const defaultInterval = time.Minute

// shortestInterval bounds what options ask for: a look costs microseconds, but it
// wakes the processor.
const shortestInterval = 100 * time.Millisecond

// Reauth tells whether files of credentials are to be watched for a new login:
// where the configuration asks for it, and for the method cert where its own
// option reload does. Watched names the files.
func Reauth(c config.Auth) bool {
	return len(Watched(c)) > 0 && (c.Reauth || c.Method == "cert")
}

// WatchInterval returns how often the files of Watched are to be looked at: what
// the method's own option says (credential_poll_interval of aws, reload_period
// of cert, jwt_read_period of jwt, password_read_period of ldap and userpass), otherwise one minute.
func WatchInterval(c config.Auth) time.Duration {
	option := ""
	switch c.Method {
	case "aws":
		option = "credential_poll_interval"
	case "cert":
		option = "reload_period"
	case "jwt":
		option = "jwt_read_period"
	case "ldap", "userpass":
		option = "password_read_period"
	}
	return newOptions(c).period(option)
}

// period reads a duration, in which a bare number counts seconds; zero and
// nothing stand for the default.
func (o *options) period(name string) time.Duration {
	v := o.text(name, "0")
	if _, err := strconv.ParseFloat(v, 64); err == nil {
		v += "s"
	}
	d, err := time.ParseDuration(strings.ToLower(v))
	switch {
	case err != nil || d < 0:
		o.problems = append(o.problems, fmt.Errorf("auth method %q: option %q must be a duration such as 30s or 1m, not %q", o.method, name, o.values[name]))
		return defaultInterval
	case d == 0:
		return defaultInterval
	}
	return max(d, shortestInterval)
}
