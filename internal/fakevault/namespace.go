package fakevault

import (
	"strings"
)

// namespace has mounts and policies of its own. The root namespace's path is
// empty, every other's ends in a slash.
type namespace struct {
	path     string
	mounts   map[string]*mount // by path with a slash at the end; auth methods below "auth/"
	policies map[string]*policy
	acls     map[string]*acl // by the policies' names; emptied when a policy changes
}

// engine is a secrets engine or auth method.
type engine interface {
	// handle answers a call below the mount.
	handle(c *call) *reply
	// anonymous tells whether the call needs no token.
	anonymous(c *call) bool
}

// exister is an engine that tells creation and update apart.
type exister interface {
	exists(c *call) bool
}

// closed is for engines in which every path needs a token.
type closed struct{}

func (closed) anonymous(*call) bool { return false }

// mount is one entry of the mount table.
type mount struct {
	path, kind     string
	accessor, uuid string
	options        map[string]string
	description    string
	engine         engine
}

func newNamespace(path string) *namespace {
	ns := &namespace{path: path, mounts: map[string]*mount{}, acls: map[string]*acl{}, policies: map[string]*policy{}}
	ns.policies["default"] = defaultPolicy()
	ns.policies["response-wrapping"] = wrappingPolicy()
	ns.add("sys/", "system", nil, &sysEngine{})
	ns.add("auth/token/", "token", nil, &tokenEngine{roles: roles[tokenRole]{}})
	ns.mounts["sys/"].description = "system endpoints used for control, policy and debugging"
	ns.mounts["auth/token/"].description = "token based credentials"
	return ns
}

// add enters a mount into the table; path ends in a slash.
func (ns *namespace) add(path, kind string, options map[string]string, e engine) {
	prefix := kind
	if strings.HasPrefix(path, "auth/") {
		prefix = "auth_" + kind
	}
	ns.mounts[path] = &mount{
		path: path, kind: kind, options: options, engine: e, accessor: newAccessor(prefix), uuid: newUUID(),
	}
}

// route finds the mount with the longest path, and what is left of the path.
func (ns *namespace) route(path string) (*mount, string) {
	full := path
	if m := ns.mounts[full+"/"]; m != nil {
		return m, ""
	}
	for i := strings.LastIndexByte(full, '/'); i >= 0; i = strings.LastIndexByte(full[:i], '/') {
		if m := ns.mounts[full[:i+1]]; m != nil {
			return m, path[i+1:]
		}
	}
	return nil, ""
}

// conflict returns the path of the mount that lies at, above or below path.
func (ns *namespace) conflict(path string) string {
	for p := range ns.mounts {
		if strings.HasPrefix(p, path) || strings.HasPrefix(path, p) {
			return p
		}
	}
	return ""
}

// locate finds the namespace of a request. A server without namespaces ignores
// the header, as Vault's community edition does.
func (s *Server) locate(header, path string) (*namespace, string) {
	root := s.namespaces[""]
	if len(s.namespaces) == 1 {
		return root, path
	}
	full := path
	if header = strings.Trim(header, "/"); header != "" && header != "root" {
		full = header + "/" + path
	}
	best, rest := root, full
	for p, ns := range s.namespaces {
		if after, ok := strings.CutPrefix(full, p); ok && len(p) > len(best.path) {
			best, rest = ns, after
		}
	}
	return best, rest
}

// EnableNamespace makes a namespace with mounts and policies of its own. The
// set-up methods reach into it with its path before the mount's: EnableKV("team/kv", 2).
// The first one makes the server heed the header X-Vault-Namespace.
func (s *Server) EnableNamespace(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path = strings.Trim(path, "/") + "/"
	s.namespaces[path] = newNamespace(path)
}
