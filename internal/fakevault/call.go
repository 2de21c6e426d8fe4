package fakevault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// operation is what Vault makes of an HTTP method.
type operation string

const (
	opRead   operation = "read"
	opList   operation = "list"
	opWrite  operation = "update"
	opDelete operation = "delete"
	opPatch  operation = "patch"
)

// call is one request on its way through the server.
type call struct {
	s       *Server
	now     time.Time
	op      operation
	ns      *namespace
	path    string // within the namespace
	mount   *mount // nil: no such route
	rest    string // below the mount
	body    map[string]any
	header  http.Header
	tokenID string // what the caller sent
	token   *token // nil: none sent, or it is not valid
	wrapTTL time.Duration
}

// carryOut answers a request from the server's state.
func (s *Server) carryOut(r *http.Request, body []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	c, rep := s.parse(r, body, now)
	if rep == nil {
		rep = c.run()
	}
	accessor := ""
	if c != nil && c.token != nil {
		accessor = c.token.accessor
	}
	a := rep.answer()
	if r.Method == http.MethodHead {
		a.body = nil
	}
	s.note(r, a.status, accessor, now)
	return a
}

// parse understands a request, or answers it at once.
func (s *Server) parse(r *http.Request, body []byte, now time.Time) (*call, *reply) {
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		return nil, failure(http.StatusNotFound)
	}
	c := &call{s: s, now: now, header: r.Header, tokenID: tokenOf(r.Header)}
	c.ns, c.path = s.locate(r.Header.Get("X-Vault-Namespace"), apiPath(r))
	if rep := c.open(r.Method); rep != nil {
		return c, rep
	}
	if s.sealed {
		return c, sealedReply()
	}
	if rep := c.parseOperation(r); rep != nil {
		return c, rep
	}
	if rep := c.parseBody(r, body); rep != nil {
		return c, rep
	}
	return c, c.parseWrapTTL()
}

var openPaths = []string{"sys/health", "sys/seal-status", "sys/leader"}

// open answers what needs neither a token nor an unsealed server.
func (c *call) open(method string) *reply {
	if slices.Contains(openPaths, c.path) && method != http.MethodGet && method != http.MethodHead {
		return failure(http.StatusMethodNotAllowed)
	}
	switch c.path {
	case "sys/health":
		return c.s.health()
	case "sys/seal-status":
		return c.s.sealStatus()
	case "sys/leader":
		return leader()
	}
	return nil
}

func tokenOf(h http.Header) string {
	if t := h.Get("X-Vault-Token"); t != "" {
		return t
	}
	t, _ := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	return t
}

func (c *call) parseOperation(r *http.Request) *reply {
	switch methodOf(r) {
	case http.MethodGet:
		c.op = opRead
	case "LIST":
		c.op = opList
	case http.MethodPost, http.MethodPut:
		c.op = opWrite
	case http.MethodDelete:
		c.op = opDelete
	case http.MethodPatch:
		c.op = opPatch
		return checkPatchType(r.Header.Get("Content-Type"))
	case http.MethodOptions:
		return unsupported()
	default:
		return failure(http.StatusMethodNotAllowed)
	}
	return nil
}

func checkPatchType(got string) *reply {
	const want = "application/merge-patch+json"
	if kind, _, _ := strings.Cut(got, ";"); kind == want {
		return nil
	}
	return failure(http.StatusUnsupportedMediaType, fmt.Sprintf("PATCH requires Content-Type of %s, provided %s", want, got))
}

// parseBody takes the fields from the body, or from the query of a GET.
func (c *call) parseBody(r *http.Request, body []byte) *reply {
	c.body = map[string]any{}
	if c.op == opRead || c.op == opList || c.op == opDelete {
		for k, v := range r.URL.Query() {
			c.body[k] = v[0]
		}
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	err := d.Decode(&c.body)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	if rep := malformed(body); rep != nil {
		return rep
	}
	return badRequest("error parsing JSON: failed to parse JSON input: %v", err)
}

// malformed walks over a body token by token, which is how Vault finds what is no
// JSON at all; its text differs from that of decoding.
func malformed(body []byte) *reply {
	d := json.NewDecoder(bytes.NewReader(body))
	for depth := 0; ; {
		t, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && depth == 0:
			return nil
		case errors.Is(err, io.EOF):
			return failure(http.StatusInternalServerError, "malformed JSON, unclosed containers")
		case err != nil:
			return failure(http.StatusInternalServerError, err.Error())
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

func (c *call) parseWrapTTL() *reply {
	text := c.header.Get("X-Vault-Wrap-TTL")
	ttl, err := parseTTLText(text)
	if err != nil {
		return badRequest("error parsing X-Vault-Wrap-TTL header: %v", err)
	}
	c.wrapTTL = ttl
	return nil
}

// run finds the handler, judges the token, and wraps the answer if asked to.
func (c *call) run() *reply {
	c.mount, c.rest = c.ns.route(c.path)
	c.token = c.s.tokens.find(c.tokenID, c.now)
	if c.mount != nil && c.mount.engine.anonymous(c) {
		return c.wrapped(c.handle())
	}
	if rep := c.authorize(); rep != nil {
		return rep
	}
	if c.mount == nil {
		return noRoute(c.path)
	}
	rep := c.handle()
	if rep.mountType == "" && rep.status != http.StatusNotFound {
		rep.mountType = c.mount.kind
	}
	rep = c.wrapped(rep)
	c.s.tokens.spent(c.token)
	return rep
}

// handle lets the mount's engine answer.
func (c *call) handle() *reply {
	rep := c.mount.engine.handle(c)
	if rep.auth != nil && c.token == nil {
		c.s.logins++
	}
	return rep
}

// authorize is nil when the caller's token may do what it asks for.
func (c *call) authorize() *reply {
	switch {
	case c.tokenID == "":
		return noToken()
	case c.token == nil:
		return invalidToken()
	}
	c.s.tokens.use(c.token)
	if !c.token.may(c) {
		c.s.tokens.spent(c.token)
		return denied()
	}
	return nil
}
