// Package vault talks to Vault.
//
// A [Client] sends single requests to one address: it knows how the server is
// reached, keeps to the address's rate limit, and turns every failure into an
// [Error] whose [Kind] says what to do next. It never retries, and holds no
// token. A [Session] is a token kept alive for one identity, and sends requests
// with it. [Mounts] completes the paths of KV version 2.
//
// Most callers need two functions: NewSession and Session.Do.
package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// defaultTimeout bounds a request where the configuration does not.
const defaultTimeout = 60 * time.Second

// Client sends requests to one Vault address, over one pool of connections. It
// may be shared by any number of sessions.
type Client struct {
	api       *api.Client
	address   string // as errors show it
	namespace string
	timeout   time.Duration
	limit     *limit
	passage   passage
	closeIdle func()
	made      origin
	pool      *rotating // nil: requests go through the caller's transport
}

// Option changes how a Client is made.
type Option func(*settings)

type settings struct {
	transport http.RoundTripper
	limits    *Limits
	version   string
	material  Material
	middleware
}

// WithTransport sends requests through t, in place of the network that the
// configuration describes.
func WithTransport(t http.RoundTripper) Option { return func(s *settings) { s.transport = t } }

// WithLimits shares rate limits with the other clients of l.
func WithLimits(l *Limits) Option { return func(s *settings) { s.limits = l } }

// WithVersion names our version in the User-Agent.
func WithVersion(version string) Option { return func(s *settings) { s.version = version } }

// NewClient makes a client. It reads the certificates, and does not contact
// Vault. An error names everything that is wrong, one problem per line.
func NewClient(c config.Vault, o ...Option) (*Client, error) {
	s := settings{version: "dev"}
	for _, option := range o {
		option(&s)
	}
	if s.limits == nil {
		s.limits = NewLimits()
	}
	target, addressErr := parseAddress(c.Address)
	headers, headersErr := requestHeaders(c.Headers, s.version)
	pool, round, closeIdle, transportErr := newRoundTripper(c, target, s.transport, s.material)
	if err := errors.Join(addressErr, headersErr, transportErr); err != nil {
		return nil, err
	}
	passed := s.around(unbounded(round))
	round = s.around(round)
	sender, err := newAPI(target.base, round, headers)
	if err != nil {
		return nil, err
	}
	client := &Client{api: sender, address: target.shown, namespace: c.Namespace, timeout: c.Timeout, closeIdle: closeIdle, pool: pool}
	if client.timeout <= 0 {
		client.timeout = defaultTimeout
	}
	client.made = origin{config: c, target: target, headers: headers, given: s.transport, material: &atomic.Pointer[Material]{}, middleware: s.middleware}
	client.made.material.Store(&s.material)
	client.limit = s.limits.at(target.shown, c.RateLimit, c.RateBurst)
	client.passage = newPassage(target.base, passed, headers, c.Retries())
	return client, nil
}

// newAPI makes the Vault module's client. That takes token, namespace, headers
// and more from the environment: all of it is set back, so that the
// configuration alone counts. The module still refuses to start with variables
// it cannot read.
func newAPI(base string, round http.RoundTripper, headers http.Header) (*api.Client, error) {
	sender, err := api.NewClient(&api.Config{
		Address:        base,
		HttpClient:     &http.Client{Transport: round, CheckRedirect: keepRedirect},
		MaxRetries:     0,
		CheckRetry:     func(context.Context, *http.Response, error) (bool, error) { return false, nil },
		CloneHeaders:   false,
		CloneToken:     false,
		CloneTLSConfig: false,
	})
	if err != nil {
		return nil, fmt.Errorf("make the Vault client, which reads the VAULT_ variables of the environment: %w", err)
	}
	sender.ClearToken()
	sender.SetHeaders(headers)
	sender.SetWrappingLookupFunc(func(string, string) string { return "" })
	return sender, nil
}

// keepRedirect leaves redirects to the Vault module, which follows one, and
// never from https to http.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Address returns the address of the server, without a password.
func (c *Client) Address() string { return c.address }

// Close closes the connections that are idle.
func (c *Client) Close() { c.closeIdle() }

// Do sends one request with a token (empty for none) in a Vault namespace ("" for
// the connection's). It does not retry. Errors are of type *Error.
func (c *Client) Do(ctx context.Context, token sensitive.String, namespace string, r Request) (*Response, error) {
	got, err := c.exchange(ctx, token, namespace, r)
	if err != nil {
		return nil, err
	}
	if r.Method == http.MethodGet && got.deleted() {
		return nil, c.failed(r, token).notFound(http.StatusOK)
	}
	return got.response(time.Now()), nil
}

// Exchanger returns what a login in a Vault namespace sends its requests with.
func (c *Client) Exchanger(namespace string) auth.Exchanger {
	return exchanger{client: c, namespace: namespace}
}

type exchanger struct {
	client    *Client
	namespace string
}

// Exchange implements auth.Exchanger.
func (e exchanger) Exchange(ctx context.Context, r auth.Request) (*api.Secret, error) {
	client := e.client
	if r.TLS != nil {
		apart, err := client.over(*r.TLS)
		if err != nil {
			return nil, err
		}
		defer apart.Close()
		client = apart
	}
	got, err := client.exchange(ctx, r.Token, e.namespace, Request{
		Method: r.Method, Path: r.Path, Body: r.Body, WrapTTL: r.WrapTTL, Headers: r.Headers,
	})
	if err != nil {
		return nil, err
	}
	return got.secret(), nil
}

// exchange sends a request when its turn has come, and decodes the answer.
func (c *Client) exchange(ctx context.Context, token sensitive.String, namespace string, r Request) (*wire, error) {
	failed := c.failed(r, token)
	if err := c.limit.wait(ctx); err != nil {
		return nil, failed.before(err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.send(ctx, token, namespace, r)
	if answer != nil {
		defer answer.Body.Close()
	}
	if refusal := failed.judge(answer, err); refusal != nil {
		c.limit.hold(refusal)
		return nil, refusal
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, failed.transport(err)
	}
	got, err := decode(body)
	if err != nil {
		return nil, failed.unreadable(answer)
	}
	return got, nil
}

// send hands a request to the Vault module. An answer comes with an error too
// where its status says so.
func (c *Client) send(ctx context.Context, token sensitive.String, namespace string, r Request) (*http.Response, error) {
	namespace = cmp.Or(r.Namespace, namespace, c.namespace)
	scoped := c.api.WithNamespace(namespace) // a shallow copy: it shares the connections
	scoped.SetToken(token.Reveal())
	request, err := newRequest(scoped, r)
	if err != nil {
		return nil, err
	}
	//lint:ignore SA1019 the one call of the module that leaves method, query and headers to us
	answer, err := scoped.RawRequestWithContext(ctx, request) //nolint:staticcheck // as above
	if answer == nil {
		return nil, err
	}
	return answer.Response, err
}
