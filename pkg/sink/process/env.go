package process

import (
	"path"
	"strings"
)

// FilterEnv makes the environment of a command out of the environment env of
// this process, each entry as NAME=value.
//
// With pristine only custom is taken. Otherwise a variable is taken if its name
// matches a pattern of allow (or allow is empty) and none of deny; patterns are
// those of [path.Match], and one that is malformed matches itself only. custom
// is not filtered and wins over a variable of the same name. The result is
// never nil, so an empty environment stays empty.
func FilterEnv(env []string, pristine bool, custom, allow, deny []string) []string {
	out := make([]string, 0, len(env)+len(custom))
	own := map[string]bool{}
	for _, entry := range custom {
		own[nameOf(entry)] = true
	}
	for _, entry := range env {
		name := nameOf(entry)
		allowed := len(allow) == 0 || matchesAny(name, allow)
		if !pristine && !own[name] && allowed && !matchesAny(name, deny) {
			out = append(out, entry)
		}
	}
	return append(out, custom...)
}

func nameOf(entry string) string {
	name, _, _ := strings.Cut(entry, "=")
	return name
}

func matchesAny(name string, patterns []string) bool {
	for _, p := range patterns {
		if ok, err := path.Match(p, name); ok || (err != nil && p == name) {
			return true
		}
	}
	return false
}

// valueOf returns the last value of a variable, as the C library does not but
// every shell does.
func valueOf(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], name+"="); ok {
			return value
		}
	}
	return ""
}
