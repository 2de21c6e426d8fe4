package proxy

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

const (
	headerToken         = "X-Vault-Token"
	headerAuthorization = "Authorization"
	headerNamespace     = "X-Vault-Namespace"
	headerWrapTTL       = "X-Vault-Wrap-Ttl"
)

// maxBody is the largest request that Vault takes by default.
const maxBody = 32 << 20

// exchange is one request of an application on its way to Vault. Its body is
// read, so that it can be sent again and compared.
type exchange struct {
	upstream Upstream
	request  *http.Request // without a token
	body     []byte
	path     string           // below /v1/, cleaned
	supplied sensitive.String // the token that the application sent; empty: none
	token    sensitive.String // the token that is sent; empty: none
	epoch    uint64           // of the agent's token, where token is that
	agents   bool             // token is the agent's, whoever put it there
	own      bool             // the proxy put it there
}

// refusal is a request that is not passed on.
type refusal struct {
	status int
	text   string
}

// Error implements error.
func (r refusal) Error() string { return r.text }

// newExchange reads a request and decides about its token and namespace. Its
// errors are of type refusal.
func (p *Proxy) newExchange(w http.ResponseWriter, r *http.Request) (*exchange, error) {
	if r.Header.Get("Upgrade") != "" {
		return nil, refusal{http.StatusNotImplemented, "the agent does not pass on websockets; connect to Vault itself"}
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	x := &exchange{upstream: p.o.Upstream(), request: r.Clone(r.Context()), body: body}
	x.path = strings.TrimPrefix(path.Clean(r.URL.Path), "/v1/")
	x.supplied = takeToken(x.request.Header)
	if err := p.chooseToken(r.Context(), x); err != nil {
		return nil, err
	}
	if x.own && x.describesToken() {
		// Wrapped, the answer would carry the agent's token past strip.
		x.request.Header.Del(headerWrapTTL)
	}
	if p.o.PrependNamespace {
		prepend(x.request.Header, x.upstream.Client.Namespace())
	}
	return x, nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, refusal{http.StatusRequestEntityTooLarge, "the request is larger than 32 MiB, which is the most that is passed on"}
	}
	if err != nil {
		return nil, refusal{http.StatusBadRequest, "the body of the request broke off"}
	}
	return body, nil
}

// takeToken takes the token out of a request's headers. As in Vault, the header
// of its own goes before the general one.
func takeToken(h http.Header) sensitive.String {
	token := h.Get(headerToken)
	h.Del(headerToken)
	if bearer, ok := strings.CutPrefix(h.Get(headerAuthorization), "Bearer "); ok {
		h.Del(headerAuthorization)
		if token == "" {
			token = strings.TrimSpace(bearer)
		}
	}
	return sensitive.New(token)
}

// chooseToken decides which token a request is sent with. While the agent logs in
// anew it waits, as send does; an agent that never had a token may never get one.
func (p *Proxy) chooseToken(ctx context.Context, x *exchange) error {
	x.token = x.supplied
	x.own = p.o.UseToken == "force" || p.o.UseToken == "true" && x.supplied.Empty()
	state := x.upstream.state()
	if state.Token != nil {
		x.agents = x.own || same(x.token, state.Token.Value)
		x.epoch = state.Epoch
	}
	switch {
	case !x.own:
		return nil
	case x.agents:
		x.token = state.Token.Value
		return nil
	case state.Epoch > 0 && p.awaitToken(ctx, x):
		x.agents = true
		return nil
	}
	return refusal{http.StatusServiceUnavailable, "the agent has no token yet; it is still logging in to Vault"}
}

// state is that of the agent's token; the zero state where there is no session.
func (u Upstream) state() vault.TokenState {
	if u.Session == nil {
		return vault.TokenState{}
	}
	return u.Session.State()
}

// same compares tokens in a time that does not depend on them.
func same(a, b sensitive.String) bool {
	return subtle.ConstantTimeCompare([]byte(a.Reveal()), []byte(b.Reveal())) == 1
}

// prepend puts a namespace before that of a request.
func prepend(h http.Header, namespace string) {
	namespace = strings.Trim(namespace, "/")
	if namespace == "" {
		return
	}
	if asked := strings.Trim(h.Get(headerNamespace), "/"); asked != "" {
		namespace += "/" + asked
	}
	h.Set(headerNamespace, namespace+"/")
}

// namespace is the one that the request names, without slashes at its ends.
func (x *exchange) namespace() string {
	return strings.Trim(x.request.Header.Get(headerNamespace), "/")
}

// below returns what follows an endpoint in the path of the request, in front
// of which a namespace may stand.
func (x *exchange) below(endpoint string) (rest string, ok bool) {
	_, rest, ok = strings.Cut("/"+x.path+"/", "/"+endpoint+"/")
	return strings.Trim(rest, "/"), ok
}

// isAny tells whether the path of the request is one of the endpoints.
func (x *exchange) isAny(endpoints ...string) bool {
	for _, endpoint := range endpoints {
		if rest, ok := x.below(endpoint); ok && rest == "" {
			return true
		}
	}
	return false
}

// streams tells whether the answer may have no end, or be too large to wait for.
func (x *exchange) streams() bool {
	for _, endpoint := range []string{"sys/monitor", "sys/pprof", "sys/storage/raft/snapshot"} {
		if _, ok := x.below(endpoint); ok {
			return true
		}
	}
	return false
}

// outgoing is the request with its token.
func (x *exchange) outgoing(ctx context.Context) *http.Request {
	out := x.request.Clone(ctx)
	if !x.token.Empty() {
		out.Header.Set(headerToken, x.token.Reveal())
	}
	setBody(out, x.body)
	return out
}

func setBody(r *http.Request, body []byte) {
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body = io.NopCloser(bytes.NewReader(body))
}
