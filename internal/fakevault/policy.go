package fakevault

import (
	"slices"
	"strings"
)

// policy is a named set of rules.
type policy struct {
	text  string
	paths map[string][]string // pattern -> capabilities
}

// acl is what several policies allow together.
type acl struct {
	root  bool
	exact map[string][]string
	wild  []wildRule
}

// wildRule is a rule with "+" for one segment or "*" at its end.
type wildRule struct {
	pattern      string
	segments     []string // of the pattern without the star
	star         bool
	capabilities []string
}

// Policy writes an ACL policy: patterns of paths, with "+" for one segment and
// "*" at the end for any rest, and what they allow, such as "read" or "update".
func (s *Server) Policy(name string, paths map[string][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ns, name := s.locate("", name)
	ns.setPolicy(name, &policy{text: policyText(paths), paths: paths})
}

func (ns *namespace) setPolicy(name string, p *policy) {
	ns.policies[name] = p
	clear(ns.acls)
}

// acl compiles policies once; unknown ones allow nothing.
func (ns *namespace) acl(names []string) *acl {
	key := strings.Join(names, "\x00")
	if a := ns.acls[key]; a != nil {
		return a
	}
	all := map[string][]string{}
	a := &acl{root: slices.Contains(names, "root"), exact: map[string][]string{}}
	for _, n := range names {
		if p := ns.policies[n]; p != nil {
			for pattern, caps := range p.paths {
				all[pattern] = append(all[pattern], caps...)
			}
		}
	}
	for pattern, caps := range all {
		a.add(strings.TrimPrefix(pattern, "/"), caps)
	}
	ns.acls[key] = a
	return a
}

func (a *acl) add(pattern string, caps []string) {
	if slices.Contains(caps, "deny") {
		caps = nil
	}
	prefix, star := strings.CutSuffix(pattern, "*")
	if !star && !hasPlus(pattern) {
		a.exact[pattern] = caps
		return
	}
	a.wild = append(a.wild, wildRule{pattern: pattern, segments: strings.Split(prefix, "/"), star: star, capabilities: caps})
}

func hasPlus(pattern string) bool {
	return slices.Contains(strings.Split(strings.TrimSuffix(pattern, "*"), "/"), "+")
}

// capabilities are those of the one rule that counts for the path: an exact one,
// or else the most specific with wildcards.
func (a *acl) capabilities(path string) []string {
	if caps, ok := a.exact[path]; ok {
		return caps
	}
	var best *wildRule
	for i := range a.wild {
		r := &a.wild[i]
		if r.matches(path) && (best == nil || r.moreSpecific(best)) {
			best = r
		}
	}
	if best == nil {
		return nil
	}
	return best.capabilities
}

func (r *wildRule) matches(path string) bool {
	parts := strings.Split(path, "/")
	last := len(r.segments) - 1
	if len(parts) <= last || (!r.star && len(parts) != len(r.segments)) {
		return false
	}
	for i, want := range r.segments[:last] {
		if want != "+" && want != parts[i] {
			return false
		}
	}
	want, got := r.segments[last], strings.Join(parts[last:], "/")
	if r.star {
		return want == "+" || strings.HasPrefix(got, want)
	}
	return want == "+" || want == got
}

// moreSpecific follows Vault's documented order: the later first wildcard wins,
// then no star, fewer plus signs, the longer and at last the greater pattern.
func (r *wildRule) moreSpecific(o *wildRule) bool {
	if a, b := firstWild(r.pattern), firstWild(o.pattern); a != b {
		return a > b
	}
	if r.star != o.star {
		return o.star
	}
	if a, b := strings.Count(r.pattern, "+"), strings.Count(o.pattern, "+"); a != b {
		return a < b
	}
	if len(r.pattern) != len(o.pattern) {
		return len(r.pattern) > len(o.pattern)
	}
	return r.pattern > o.pattern
}

func firstWild(pattern string) int { return strings.IndexAny(pattern, "+*") }

// touches tells whether some rule allows something at or below the mount path,
// which is when the mount may be looked up.
func (a *acl) touches(mount string) bool {
	if a.root {
		return true
	}
	for pattern, caps := range a.exact {
		if len(caps) > 0 && strings.HasPrefix(pattern, mount) {
			return true
		}
	}
	return slices.ContainsFunc(a.wild, func(r wildRule) bool { return len(r.capabilities) > 0 && r.touches(mount) })
}

func (r *wildRule) touches(mount string) bool {
	for i, want := range strings.Split(strings.TrimSuffix(mount, "/"), "/") {
		if i == len(r.segments)-1 && r.star {
			return strings.HasPrefix(want, r.segments[i])
		}
		if i >= len(r.segments) || (r.segments[i] != "+" && r.segments[i] != want) {
			return false
		}
	}
	return true
}

// may judges a call by the policies of its token. A token acts on paths as seen
// from its own namespace, and nowhere outside of it.
func (t *token) may(c *call) bool {
	full := c.ns.path + c.path
	path, inside := strings.CutPrefix(full, t.ns.path)
	if !inside {
		return false
	}
	a := t.ns.acl(t.policies)
	if a.root {
		return true
	}
	caps := a.capabilities(path)
	if c.op == opList && len(caps) == 0 {
		caps = a.capabilities(otherSlash(path))
	}
	return slices.Contains(caps, c.needs()) && (!c.needsSudo() || slices.Contains(caps, "sudo"))
}

// otherSlash adds the slash at the end or takes it away: LIST takes both forms.
func otherSlash(path string) string {
	if p, ok := strings.CutSuffix(path, "/"); ok {
		return p
	}
	return path + "/"
}

func (c *call) needs() string {
	if c.op == opWrite && c.mount != nil {
		if e, ok := c.mount.engine.(exister); ok && !e.exists(c) {
			return "create"
		}
	}
	return string(c.op)
}

// sudoPaths need the capability sudo besides the usual one.
var sudoPaths = []string{
	"sys/seal", "sys/auth/*", "sys/revoke-prefix/*", "sys/revoke-force/*", "sys/leases/revoke-prefix/*",
	"sys/leases/revoke-force/*", "sys/leases/lookup/*", "auth/token/accessors*", "auth/token/revoke-orphan",
}

func (c *call) needsSudo() bool { return globAny(sudoPaths, c.path) }
