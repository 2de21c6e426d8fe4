package vault

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Dial makes one attempt to open a connection of another protocol, by a request to
// an address with some headers. An answer that refuses comes with an error.
type Dial func(ctx context.Context, via *http.Client, address string, headers http.Header) (*http.Response, error)

// mostRedirects is how often a server may name another one.
const mostRedirects = 10

// Upgrade opens a connection that begins with a request and goes on as something
// else, such as a websocket. Redirects are followed, but never away from TLS. Errors
// are of type *Error.
func (c *Client) Upgrade(ctx context.Context, token sensitive.String, namespace string, r Request, dial Dial) error {
	failed := c.failed(r, token)
	if err := c.limit.wait(ctx); err != nil {
		return failed.before(err)
	}
	address := c.passage.base.JoinPath("v1", r.Path)
	address.RawQuery = r.Query.Encode()
	headers := c.upgradeHeaders(token, namespace, r)
	for range mostRedirects + 1 {
		answer, err := dial(ctx, c.passage.client, address.String(), headers) //nolint:bodyclose // what dialed has read it
		switch {
		case err == nil:
			return nil
		case answer == nil:
			return failed.transport(err)
		}
		next := elsewhere(address, answer)
		if next == nil {
			refusal := failed.refused(answer)
			c.limit.hold(refusal)
			return refusal
		}
		address = next
	}
	return failed.error(Unavailable, http.StatusTemporaryRedirect, "redirected more than ten times")
}

func (c *Client) upgradeHeaders(token sensitive.String, namespace string, r Request) http.Header {
	headers := c.passage.headers.Clone()
	headers.Set(api.AuthHeaderName, token.Reveal())
	for _, n := range []string{c.namespace, namespace, r.Namespace} {
		if n != "" {
			headers.Set(api.NamespaceHeaderName, n)
		}
	}
	for _, h := range r.Headers {
		headers.Set(h.Name, h.Value)
	}
	return headers
}

// elsewhere is the place that a redirection names; nil where there is none, or where
// it would leave TLS.
func elsewhere(from *url.URL, answer *http.Response) *url.URL {
	location := answer.Header.Get("Location")
	if answer.StatusCode/100 != 3 || location == "" {
		return nil
	}
	to, err := from.Parse(location)
	if err != nil {
		return nil
	}
	to.Scheme = strings.Replace(to.Scheme, "ws", "http", 1)
	if to.Scheme != "http" && to.Scheme != "https" || from.Scheme == "https" && to.Scheme != "https" {
		return nil
	}
	return to
}

// Upgrade opens a connection with the session's token; see [Client.Upgrade]. A token
// that Vault calls invalid is replaced.
func (s *Session) Upgrade(ctx context.Context, r Request, dial Dial) error {
	token, epoch := s.current()
	if token.Empty() {
		return &Error{Kind: InvalidToken, Method: r.Method, Path: r.Path, Address: s.client.Address(), Messages: []string{"not logged in yet"}}
	}
	err := s.client.Upgrade(ctx, token, s.options.Namespace, r, dial)
	if err != nil && KindOf(err) == InvalidToken {
		s.invalidate(epoch)
	}
	return err
}
