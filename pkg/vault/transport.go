package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// maxAnswer bounds the body of an answer. Vault takes requests of up to 32 MiB,
// so that nothing stored through it is larger.
const maxAnswer = 32 << 20

// newRoundTripper returns what requests are sent through, the pool of connections
// in it where it is ours, and a function that closes its idle connections.
func newRoundTripper(c config.Vault, to target, given http.RoundTripper, m Material) (*rotating, http.RoundTripper, func(), error) {
	if given != nil {
		return nil, bounded{given}, func() {}, nil
	}
	t, err := newRotating(c, to.socket, caInterval, m)
	if err != nil {
		return nil, nil, nil, err
	}
	return t, bounded{t}, t.CloseIdleConnections, nil
}

// newTransport makes the pool of connections. It speaks HTTP/2 where the server
// does: measured over TLS, an idle connection costs 32 KB instead of 30 KB, but
// after two bursts of 20 requests 42 KB are kept instead of 140 KB, and there
// were 20 handshakes instead of 36. Its one connection must not hang unnoticed
// when a node behind it dies: pings find that out within 25 s.
func newTransport(c config.Vault, socket string, m Material) (*http.Transport, error) {
	secure, tlsErr := newTLS(c, m)
	proxy, proxyErr := proxyOf(c, socket)
	if err := errors.Join(tlsErr, proxyErr); err != nil {
		return nil, err
	}
	t := &http.Transport{
		Proxy:               proxy,
		DialContext:         dialer(socket),
		TLSClientConfig:     secure,
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
		TLSHandshakeTimeout: 10 * time.Second,
		MaxConnsPerHost:     c.MaxConns,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     90 * time.Second,
		DisableKeepAlives:   c.NoKeepAlive,
	}
	if c.NoIdle {
		t.MaxIdleConnsPerHost = -1
	}
	return t, nil
}

// dialer connects to the address, or with a socket to that whatever the
// address. A lost SYN is sent again after 1, 3 and 7 s: 10 s see three of them.
func dialer(socket string) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if socket == "" {
		return d.DialContext
	}
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", socket) }
}

// proxyOf returns the choice of a proxy: the configured one, that of the
// environment, or none for a socket.
func proxyOf(c config.Vault, socket string) (func(*http.Request) (*url.URL, error), error) {
	if socket != "" {
		return nil, nil
	}
	if c.ProxyAddress == "" {
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(c.ProxyAddress)
	if err != nil {
		return nil, errors.New("the address of the proxy is not a URL")
	}
	if u.Host == "" {
		return nil, fmt.Errorf("the address of the proxy %q names no host", u.Redacted())
	}
	return http.ProxyURL(u), nil
}

// bounded bounds the answers of a transport. It also hides the method that
// closes idle connections: the Vault module's client calls it after each failed
// request, be that one cancelled by its caller, and the pool is shared.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.Body != nil {
		answer.Body = &boundedBody{ReadCloser: answer.Body, left: maxAnswer}
	}
	return answer, nil
}

// errTooLarge ends the reading of an answer beyond maxAnswer.
var errTooLarge = errors.New("the answer is larger than 32 MiB")

// boundedBody fails, rather than end early, where there is more than it allows.
type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	// One more than allowed is asked for, to tell the end from too much.
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	if b.left < 0 {
		return n, errTooLarge
	}
	return n, err
}
