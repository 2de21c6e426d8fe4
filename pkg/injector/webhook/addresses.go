package webhook

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
)

// Addresses are the Vault servers that annotations may name; none allows all. An
// entry is a URL without path; in its host "*" stands for any letters but dots.
type Addresses []string

// Validate returns what is wrong with the entries, all at once.
func (a Addresses) Validate() error {
	var problems []error
	for _, entry := range a {
		u, err := url.Parse(strings.ReplaceAll(entry, "*", "x"))
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" {
			problems = append(problems, fmt.Errorf("allowed address %q: write https://HOST:PORT, with * for a part of the host", entry))
		}
	}
	return errors.Join(problems...)
}

// check refuses annotations that name another Vault. It is a guard against
// mistakes: who may write JSON patches or agent documents can go around it.
func (a Addresses) check(annotations map[string]string) error {
	if len(a) == 0 {
		return nil
	}
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if key != injector.Prefix+"service" && !strings.HasPrefix(key, injector.OwnPrefix+"agent-address-") {
			continue
		}
		if value := annotations[key]; value != "" && !a.allow(value) {
			problems = append(problems, fmt.Errorf("error validating agent configuration: %s: address %q is not allowed in this cluster; allowed: %s", key, value, strings.Join(a, ", ")))
		}
	}
	return errors.Join(problems...)
}

func (a Addresses) allow(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return false
	}
	return slices.ContainsFunc(a, func(entry string) bool { return fits(entry, u) })
}

func fits(entry string, u *url.URL) bool {
	scheme, host, _ := strings.Cut(strings.TrimSuffix(entry, "/"), "://")
	if scheme != u.Scheme {
		return false
	}
	// path.Match lets a star stand for all but a separator; a dot is to be one here.
	// The brackets of IPv6 have a meaning of their own there.
	slashed := strings.NewReplacer(".", "/", "[", "", "]", "").Replace
	ok, err := path.Match(slashed(strings.ToLower(withPort(host, scheme))), slashed(strings.ToLower(withPort(u.Host, scheme))))
	return err == nil && ok
}

// withPort adds the port that the scheme stands for.
func withPort(host, scheme string) string {
	if strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']') {
		return host
	}
	if scheme == "https" {
		return host + ":443"
	}
	return host + ":80"
}
