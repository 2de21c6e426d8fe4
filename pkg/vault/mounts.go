package vault

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Sender sends a request with a session's token.
type Sender func(ctx context.Context, r Request) (*Response, error)

// Mounts knows which mounts are KV version 2, and completes the paths below
// them. What it learns it keeps, so it belongs to one identity. The zero value
// is ready to use.
type Mounts struct {
	mu      sync.Mutex
	kinds   map[string]bool // mount with a slash at the end -> it is KV version 2
	plain   map[string]bool // paths whose mount Vault does not tell us: taken as they are
	lookups map[string]*lookup
}

// lookup is a look-up under way, which others wait for.
type lookup struct {
	done chan struct{}
	err  error
}

// Send completes the path of a request, and the body of a write, where the mount
// is KV version 2, and sends it. A path that has a data segment is tried as it
// is; where nothing is found there, or it is denied, the mount decides.
func (m *Mounts) Send(ctx context.Context, send Sender, r Request) (*Response, error) {
	guessed := m.optimistic(r.Method, r.Path)
	path, v2, err := m.Resolve(ctx, send, r.Method, r.Path)
	if err != nil {
		return nil, err
	}
	response, err := send(ctx, completed(r, path, v2))
	if err == nil || !guessed {
		return response, err
	}
	if kind := KindOf(err); kind != NotFound && kind != Denied {
		return nil, err
	}
	other, v2, lookupErr := m.ResolveAfterFailure(ctx, send, r.Method, r.Path)
	if lookupErr != nil || other == path {
		return nil, err
	}
	return send(ctx, completed(r, other, v2))
}

// completed is a request with its path resolved.
func completed(r Request, path string, v2 bool) Request {
	r.Path = path
	if v2 && r.Body != nil && (r.Method == http.MethodPut || r.Method == http.MethodPost) {
		r.Body = map[string]any{"data": r.Body}
	}
	return r
}

// Resolve returns the path that a request of the HTTP method is sent to, and
// whether its mount is KV version 2. It asks Vault once per mount. A read of a
// path with a data segment after the first is not asked about: it is most
// likely complete. Only temporary failures and an invalid token are errors, and
// those are not kept; without an answer the path is taken as it is.
func (m *Mounts) Resolve(ctx context.Context, send Sender, method, path string) (string, bool, error) {
	path = strings.Trim(path, "/")
	if m.optimistic(method, path) {
		return path, true, nil
	}
	return m.ResolveAfterFailure(ctx, send, method, path)
}

// ResolveAfterFailure returns the same as Resolve, and asks about every path. It
// is for a path that Resolve took to be complete and that turned out not to exist.
func (m *Mounts) ResolveAfterFailure(ctx context.Context, send Sender, method, path string) (string, bool, error) {
	path = strings.Trim(path, "/")
	for {
		mount, v2, known := m.find(path)
		if known {
			return complete(method, path, mount, v2), v2, nil
		}
		if err := m.learn(ctx, send, path); err != nil {
			return "", false, err
		}
	}
}

// Forget drops what was learned, because a new token may be allowed to know more.
func (m *Mounts) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kinds, m.plain = nil, nil
}

// optimistic tells whether a path is sent as it is without asking: a read of
// something below data/ in a mount that is not known yet.
func (m *Mounts) optimistic(method, path string) bool {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	if method != http.MethodGet || !slices.Contains(segments[1:], "data") {
		return false
	}
	_, _, known := m.find(path)
	return !known
}

// find returns the mount of a path. No mount lies below another, so that any
// that fits is the one.
func (m *Mounts) find(path string) (mount string, v2, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.plain[path] {
		return "", false, true
	}
	for mount, v2 := range m.kinds {
		if strings.HasPrefix(path+"/", mount) {
			return mount, v2, true
		}
	}
	return "", false, false
}

// learn asks Vault about the mount of a path, or waits for someone who is
// asking. Paths with the same first segment wait for each other, because they
// are most likely of one mount. The one who waited asks again where the other
// was cancelled.
func (m *Mounts) learn(ctx context.Context, send Sender, path string) error {
	first, _, _ := strings.Cut(path, "/")
	m.mu.Lock()
	running := m.lookups[first]
	if running == nil {
		running = &lookup{done: make(chan struct{})}
		if m.lookups == nil {
			m.lookups = map[string]*lookup{}
		}
		m.lookups[first] = running
		m.mu.Unlock()
		return m.ask(ctx, send, first, path, running)
	}
	m.mu.Unlock()
	select {
	case <-ctx.Done():
		return &Error{Kind: Unavailable, Method: http.MethodGet, Path: mountsPath + path, Cause: ctx.Err()}
	case <-running.done:
		return running.err
	}
}

// mountsPath is where Vault tells a mount to whoever may use it.
const mountsPath = "sys/internal/ui/mounts/"

// ask looks a path's mount up. Its error is left to those who wait, unless the
// caller's own end was the cause.
func (m *Mounts) ask(ctx context.Context, send Sender, first, path string, mine *lookup) error {
	var err error
	defer func() {
		m.mu.Lock()
		delete(m.lookups, first)
		m.mu.Unlock()
		if ctx.Err() == nil {
			mine.err = err
		}
		close(mine.done)
	}()
	response, err := send(ctx, Request{Method: http.MethodGet, Path: mountsPath + path})
	if err != nil {
		kind := KindOf(err)
		if kind.Temporary() || kind == InvalidToken {
			return err
		}
		// Denied: no policy allows anything below the path. Not found, or not
		// supported: an old server, or one that hides its mounts.
		err = nil
		m.keep(path, "", false)
		return nil
	}
	mount, v2 := mountOf(response.Data.Reveal(), path)
	m.keep(path, mount, v2)
	return nil
}

// keep remembers a mount, or with "" that nothing can be known of the path.
func (m *Mounts) keep(path, mount string, v2 bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if mount == "" {
		if m.plain == nil {
			m.plain = map[string]bool{}
		}
		m.plain[path] = true
		return
	}
	if m.kinds == nil {
		m.kinds = map[string]bool{}
	}
	m.kinds[mount] = v2
}

// mountOf reads an answer: the mount as the path begins with it, and whether it
// is KV version 2.
func mountOf(data map[string]any, path string) (mount string, v2 bool) {
	reported, _ := data["path"].(string)
	options, _ := data["options"].(map[string]any)
	return mountPrefix(strings.Trim(reported, "/"), path), data["type"] == "kv" && fmt.Sprint(options["version"]) == "2"
}

// mountPrefix returns the mount, with a slash at its end, that a path begins
// with. The one that Vault reports may begin with a namespace that the path
// does not have, or lack one that the path has. "": they do not fit.
func mountPrefix(reported, path string) string {
	if reported == "" {
		return ""
	}
	for rest, found := reported, true; found; _, rest, found = strings.Cut(rest, "/") {
		if strings.HasPrefix(path+"/", rest+"/") {
			return rest + "/"
		}
	}
	if at := strings.Index(path+"/", "/"+reported+"/"); at >= 0 {
		return path[:at+1] + reported + "/"
	}
	return ""
}

// complete inserts into a path of KV version 2 what its API wants after the mount.
func complete(method, path, mount string, v2 bool) string {
	if !v2 {
		return path
	}
	rest := strings.TrimPrefix(path+"/", mount)
	wanted, accepted := "data", []string{"data/", "metadata/", "subkeys/"}
	if method == methodList {
		wanted, accepted = "metadata", []string{"metadata/"}
	}
	for _, prefix := range accepted {
		if strings.HasPrefix(rest, prefix) {
			return path
		}
	}
	return strings.TrimSuffix(mount+wanted+"/"+rest, "/")
}
