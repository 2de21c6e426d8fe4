package trace

import (
	"errors"
	"net/http"
	"strconv"
)

// Transport returns a transport whose requests to Vault are spans, and which
// tells Vault the trace in a traceparent header. Of a request it notes method,
// path, host and status; never query, headers or bodies. A nil Tracer returns
// next itself.
func (t *Tracer) Transport(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return &transport{tracer: t, next: next}
}

type transport struct {
	tracer *Tracer
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, s := t.tracer.begin(r.Context(), "vault "+r.Method, kindClient, serverOf(r))
	r = r.Clone(ctx)
	r.Header.Set("Traceparent", s.traceparent())
	answer, err := t.next.RoundTrip(r)
	if err != nil {
		t.tracer.finish(s, err)
		return nil, err
	}
	s.attrs = append(s.attrs, Int("http.response.status_code", answer.StatusCode))
	var failed error
	if answer.StatusCode >= http.StatusBadRequest {
		failed = errors.New(http.StatusText(answer.StatusCode))
	}
	t.tracer.finish(s, failed)
	return answer, nil
}

func serverOf(r *http.Request) []Attr {
	attrs := []Attr{
		String("http.request.method", r.Method), String("url.path", r.URL.Path), String("server.address", r.URL.Hostname()),
	}
	if port, err := strconv.Atoi(r.URL.Port()); err == nil {
		attrs = append(attrs, Int("server.port", port))
	}
	return attrs
}
