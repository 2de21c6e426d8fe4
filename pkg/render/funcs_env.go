package render

import (
	"strconv"
	"strings"
	"time"

	sockaddr "github.com/hashicorp/go-sockaddr/template"
)

// environmentFunctions read the surroundings of the process.
func environmentFunctions() []function {
	return []function{
		{name: "env", arguments: "NAME", summary: "returns an environment variable, empty where it is not set", bind: func(r *run) any { return r.env }},
		{name: "mustEnv", arguments: "NAME", summary: "returns an environment variable, and fails where it is empty", bind: func(r *run) any { return r.mustEnv }},
		{name: "envOrDefault", arguments: "NAME DEFAULT", summary: "returns an environment variable, or the default where it is not set", bind: func(r *run) any { return r.envOrDefault }},
		{name: "timestamp", arguments: "[LAYOUT]", summary: "returns the time in UTC as RFC 3339, as seconds since 1970 (\"unix\"), or in a layout of Go", plain: timestamp},
		{name: "sockaddr", arguments: "EXPRESSION...", summary: "evaluates an expression of go-sockaddr, such as GetPrivateIP", plain: socketAddress},
	}
}

func (r *run) env(name string) string {
	value, _ := r.t.lookupEnv(name)
	return value
}

func (r *run) mustEnv(name string) (string, error) {
	value := r.env(name)
	if value == "" {
		return "", fail("environment variable %q is not set, or empty", name)
	}
	return value, nil
}

func (r *run) envOrDefault(name, def string) string {
	if value, ok := r.t.lookupEnv(name); ok {
		return value
	}
	return def
}

func timestamp(layout ...string) (string, error) {
	now := time.Now().UTC()
	switch {
	case len(layout) == 0:
		return now.Format(time.RFC3339), nil
	case len(layout) > 1:
		return "", fail("takes at most one layout, not %d", len(layout))
	case layout[0] == "unix":
		return strconv.FormatInt(now.Unix(), 10), nil
	default:
		return now.Format(layout[0]), nil
	}
}

func socketAddress(expression ...string) (string, error) {
	text, err := sockaddr.Parse("{{" + strings.Join(expression, " ") + "}}")
	if err != nil {
		return "", fail("the expression cannot be evaluated: see the functions of go-sockaddr")
	}
	return text, nil
}
