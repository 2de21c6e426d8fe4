package vault

import "net/http"

// middleware is what requests pass on their way to the transport, innermost first.
type middleware []func(http.RoundTripper) http.RoundTripper

// WithMiddleware sends all requests of a client through what wrap makes of its
// transport, for example to trace them. Several are put around each other, the
// last one outermost.
func WithMiddleware(wrap func(http.RoundTripper) http.RoundTripper) Option {
	return func(s *settings) { s.middleware = append(s.middleware, wrap) }
}

// around puts the middleware around a transport. What comes out can only send,
// as bounded: the Vault module would close idle connections where it can.
func (m middleware) around(round http.RoundTripper) http.RoundTripper {
	for _, wrap := range m {
		round = plain{wrap(round)}
	}
	return round
}

// plain is a transport that can only send.
type plain struct{ http.RoundTripper }
