package vault

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// passage is how a client sends the requests of others: as they are, without
// the Vault module, which would decode and encode them anew.
type passage struct {
	client  *http.Client
	base    *url.URL
	headers http.Header // for requests that do not have them
	retries int
}

// unbounded takes the bound of answers away: those to others are passed on piece
// by piece, and need none.
func unbounded(round http.RoundTripper) http.RoundTripper {
	if b, ok := round.(bounded); ok {
		return b.next
	}
	return round
}

// newPassage shares the connections of the client.
func newPassage(base string, round http.RoundTripper, headers http.Header, retries int) passage {
	u, err := url.Parse(base)
	if err != nil {
		u = &url.URL{} // the Vault module refuses such an address, too
	}
	return passage{client: &http.Client{Transport: round, CheckRedirect: keepRedirect}, base: u, headers: headers, retries: retries}
}

// Namespace returns the Vault namespace that the connection is configured with,
// "" for none.
func (c *Client) Namespace() string { return c.namespace }

// Forward sends a request that somebody else made: its method, path and query,
// headers and body, with the token and the namespace that its headers name. The
// answer comes back whatever its status is, with a body that is still to be read
// and must be closed. Only reads are repeated, as often as the configuration
// says, when Vault could not be reached or answers 412, 429 or 5xx other than
// 501; a body is sent again where GetBody is set. Errors are of type *Error:
// no answer came.
func (c *Client) Forward(ctx context.Context, r *http.Request) (*http.Response, error) {
	out := c.passage.outgoing(r)
	retries := c.passage.retries
	if !repeatable(out) {
		retries = 0
	}
	for failures := 0; ; failures++ {
		answer, err := c.attempt(ctx, out)
		if failures >= retries || ctx.Err() != nil || !unsettled(answer, err) {
			return answer, err
		}
		wait := max(forwardBackoff().Wait(failures, rand.Float64), askedPause(answer, err))
		if answer != nil {
			_ = answer.Body.Close()
		}
		if !pause.For(ctx, wait) {
			return nil, c.failedForward(out).transport(ctx.Err())
		}
	}
}

// forwardBackoff spaces the attempts: with the twelve retries that are usual, a
// caller waits for 0.25+0.5+1+2+4+8 s and six times 10 s, 76 s in all, which is
// a little more than the minute after which most callers give up.
func forwardBackoff() lease.Backoff {
	return lease.Backoff{Initial: 250 * time.Millisecond, Max: 10 * time.Second}
}

// attempt sends a request once, and once more to where Vault redirects it: a
// standby node names the active one.
func (c *Client) attempt(ctx context.Context, out *http.Request) (*http.Response, error) {
	if err := c.limit.wait(ctx); err != nil {
		return nil, c.failedForward(out).before(err)
	}
	answer, err := c.carry(ctx, out)
	if err != nil {
		return nil, c.failedForward(out).transport(err)
	}
	other := redirected(out, answer)
	if other == nil {
		return answer, nil
	}
	_ = answer.Body.Close()
	if answer, err = c.carry(ctx, other); err != nil {
		return nil, c.failedForward(out).transport(err)
	}
	return answer, nil
}

// carry waits for the head of an answer as long as the configuration allows. Its
// body may take longer: the log of sys/monitor has no end.
func (c *Client) carry(ctx context.Context, out *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.timeout, func() { cancel(context.DeadlineExceeded) })
	out = out.WithContext(ctx)
	if out.GetBody != nil {
		body, err := out.GetBody()
		if err != nil {
			timer.Stop()
			cancel(nil)
			return nil, err
		}
		out.Body = body
	}
	answer, err := c.passage.client.Do(out)
	timer.Stop()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, err
	}
	answer.Request = out
	answer.Body = &lastingBody{ReadCloser: answer.Body, cancel: cancel}
	return answer, nil
}

// lastingBody ends the context of its request when it is closed.
type lastingBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close implements io.Closer.
func (b *lastingBody) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}

// outgoing is a request as it leaves: to Vault's address, and without the
// headers that concern only the connection that it came on.
func (p passage) outgoing(r *http.Request) *http.Request {
	out := r.Clone(r.Context())
	out.RequestURI, out.Host, out.Close = "", "", false
	out.URL = p.base.JoinPath()
	out.URL.Path = strings.TrimSuffix(p.base.Path, "/") + r.URL.Path
	out.URL.RawPath = strings.TrimSuffix(p.base.EscapedPath(), "/") + r.URL.EscapedPath()
	out.URL.RawQuery = r.URL.RawQuery
	removeHopByHop(out.Header)
	// The transport asks for compression itself, and undoes it.
	out.Header.Del("Accept-Encoding")
	for name, values := range p.headers {
		if out.Header.Get(name) == "" {
			out.Header[name] = values
		}
	}
	if out.ContentLength == 0 {
		out.Body, out.GetBody = http.NoBody, nil
	}
	return out
}

// removeHopByHop removes the headers of RFC 9110, section 7.6.1, and those that
// Connection names.
func removeHopByHop(h http.Header) {
	for _, names := range h.Values("Connection") {
		for name := range strings.SplitSeq(names, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		h.Del(name)
	}
}

// redirected is the request at the place that a redirection names; nil where
// there is none, or where it would leave TLS.
func redirected(out *http.Request, answer *http.Response) *http.Request {
	if !slices.Contains([]int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect}, answer.StatusCode) {
		return nil
	}
	to, err := answer.Location()
	if err != nil || out.URL.Scheme == "https" && to.Scheme != "https" || out.Body != nil && out.Body != http.NoBody && out.GetBody == nil {
		return nil
	}
	other := out.Clone(out.Context())
	other.URL = to
	return other
}

// repeatable tells whether a request may be sent twice. The states of sys/health
// are its answer, not its failure.
func repeatable(r *http.Request) bool {
	if strings.HasSuffix(r.URL.Path, "/v1/sys/health") {
		return false
	}
	reads := slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions, methodList}, r.Method)
	return reads && (r.Body == nil || r.Body == http.NoBody || r.GetBody != nil)
}

// unsettled tells whether the same request may fare better later.
func unsettled(answer *http.Response, err error) bool {
	if err != nil {
		return KindOf(err).Temporary()
	}
	switch status := answer.StatusCode; status {
	case http.StatusPreconditionFailed, http.StatusTooManyRequests:
		return true
	default:
		return status >= 500 && status != http.StatusNotImplemented
	}
}

// askedPause is how long Vault asks to wait. A quota may be for one path only,
// so that it holds back this request, and not those of everyone as one of ours does.
func askedPause(answer *http.Response, err error) time.Duration {
	if err != nil {
		return RetryAfter(err)
	}
	return retryAfter(answer.Header.Get("Retry-After"), time.Now())
}

func (c *Client) failedForward(r *http.Request) attempt {
	_, path, _ := strings.Cut(r.URL.Path, "/v1/")
	return c.failed(Request{Method: r.Method, Path: path}, sensitive.New(r.Header.Get(api.AuthHeaderName)))
}

// maxRefusal is how much of a refusal is read to classify it; what Vault says
// has a few hundred bytes.
const maxRefusal = 64 << 10

// Refusal classifies an answer of Forward; nil where it is no refusal. The body
// can be read afterwards as if it had not been looked at.
func (c *Client) Refusal(answer *http.Response) *Error {
	if answer.StatusCode < 400 {
		return nil
	}
	head, err := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	rest := io.Reader(answer.Body)
	if err != nil {
		rest = brokenOff{err}
	}
	copied := *answer
	copied.Body = io.NopCloser(bytes.NewReader(head))
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), answer.Body}
	return c.failedForward(answer.Request).refused(&copied)
}

// brokenOff is the rest of a body that failed.
type brokenOff struct{ err error }

// Read implements io.Reader.
func (b brokenOff) Read([]byte) (int, error) { return 0, b.err }

// Invalid tells a session that Vault does not know the token of an epoch any
// more: it logs in again, unless it has another token already.
func (s *Session) Invalid(epoch uint64) { s.invalidate(epoch) }
