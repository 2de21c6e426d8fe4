package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
	"github.com/vaultk8s/vaultk8s/pkg/config/scalar"
)

// seconds shortens the table of keys.
type seconds = time.Duration

func text(at func(*Config) *string) reader {
	return func(c *Config, s string) (string, error) {
		*at(c) = s
		return s, nil
	}
}

func mount(at func(*Config) *string) reader {
	return func(c *Config, s string) (string, error) {
		*at(c) = strings.Trim(s, "/")
		return *at(c), nil
	}
}

func boolean(at func(*Config) *bool) reader {
	return func(c *Config, s string) (string, error) {
		b, err := scalar.Bool(s)
		*at(c) = b
		return strconv.FormatBool(b), err
	}
}

func duration(at func(*Config) *seconds) reader {
	return func(c *Config, s string) (string, error) {
		d, err := scalar.Duration(s)
		*at(c) = d
		return d.String(), err
	}
}

func atLeast[T int | int64](least T, at func(*Config) *T) reader {
	return func(c *Config, s string) (string, error) {
		n, err := scalar.Int(s)
		if err == nil && T(n) < least {
			err = fmt.Errorf("%d is below %d", n, least)
		}
		*at(c) = T(n)
		return strconv.Itoa(n), err
	}
}

func words(at func(*Config) *[]string) reader {
	return func(c *Config, s string) (string, error) {
		list := scalar.Words(s)
		for _, word := range list {
			if !slices.Contains(subsystems(), word) {
				return "", choice(word, subsystems())
			}
		}
		*at(c) = list
		return strings.Join(list, ","), nil
	}
}

func oneOf(names func() []string, at func(*Config) *string) reader {
	return func(c *Config, s string) (string, error) {
		if !slices.Contains(names(), s) {
			return "", choice(s, names())
		}
		*at(c) = s
		return s, nil
	}
}

// level reads a level in any case, and the synonyms of the old tools.
func level(at func(*Config) *string) reader {
	return func(c *Config, s string) (string, error) {
		name := strings.ToLower(s)
		switch name {
		case "notice":
			name = "info"
		case "warning":
			name = "warn"
		case "err":
			name = "error"
		}
		return oneOf(levels, at)(c, name)
	}
}

func levels() []string { return []string{"trace", "debug", "info", "warn", "error"} }

// format reads a log format; the old tools call plain text "standard".
func format(at func(*Config) *string) reader {
	return func(c *Config, s string) (string, error) {
		name := strings.ToLower(s)
		if name == "standard" {
			name = "text"
		}
		return oneOf(formats, at)(c, name)
	}
}

func formats() []string { return []string{"text", "json"} }

func choice(got string, names []string) error {
	expected := strings.Join(names, ", ")
	if near := problem.Nearest(got, names); near != "" {
		return fmt.Errorf("%q is none of %s; did you mean %q?", got, expected, near)
	}
	return fmt.Errorf("%q is none of %s", got, expected)
}

// address reads the URL of a server. It is not quoted in an error, because a
// URL may hold a password.
func address(at func(*Config) *string) reader {
	return func(c *Config, s string) (string, error) {
		u, err := url.Parse(s)
		if err != nil || !isServer(u) {
			return "", errors.New("not a URL of a server: write https://HOST:PORT, http://HOST:PORT or unix:///PATH")
		}
		*at(c) = s
		return u.Redacted(), nil
	}
}

func isServer(u *url.URL) bool {
	switch u.Scheme {
	case "http", "https":
		return u.Hostname() != ""
	case "unix":
		return u.Path != ""
	default:
		return false
	}
}

func proxy(at func(*Config) *string) reader {
	return func(c *Config, s string) (string, error) {
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" {
			return "", errors.New("not a URL of a proxy: write http://HOST:PORT")
		}
		*at(c) = s
		return u.Redacted(), nil
	}
}

func hostPort(at func(*Config) *string) reader {
	return func(c *Config, s string) (string, error) {
		if _, port, err := net.SplitHostPort(s); err != nil || port == "" {
			return "", fmt.Errorf("%q is not an address to listen on: write HOST:PORT or :PORT", s)
		}
		*at(c) = s
		return s, nil
	}
}

// rateLimit reads RATE or RATE:BURST.
func rateLimit(c *Config, s string) (string, error) {
	rate, burst, hasBurst := strings.Cut(s, ":")
	x, err := scalar.Float(rate)
	n := 0
	if err == nil && hasBurst {
		n, err = scalar.Int(burst)
	}
	if err != nil || x < 0 || n < 0 {
		return "", fmt.Errorf("%q is not a rate: write requests per second (100), or with a burst (100:200)", s)
	}
	c.Vault.RateLimit, c.Vault.RateBurst = x, n
	return s, nil
}

// none reads a text in place of which "none" says that there is to be none; the
// empty one leaves the default.
func none(at func(*Config) *string) reader {
	return func(c *Config, s string) (string, error) {
		*at(c) = s
		if s == "none" {
			*at(c) = ""
		}
		return s, nil
	}
}

// span reads a duration and keeps its text.
func span(at func(*Config) *string) reader {
	return func(c *Config, s string) (string, error) {
		_, err := scalar.Duration(s)
		*at(c) = s
		return s, err
	}
}

func fraction(at func(*Config) *float64) reader {
	return func(c *Config, s string) (string, error) {
		x, err := scalar.Float(s)
		if err == nil && (x < 0 || x >= 1) {
			err = fmt.Errorf("%q is not a fraction of at least 0 and below 1", s)
		}
		*at(c) = x
		return s, err
	}
}
