package auth

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
)

// witness remembers the last failure of an SDK's requests, because the SDK tells
// it in terms of its layers, and leaves out now the address, now the status.
type witness struct {
	transport http.RoundTripper

	mu     sync.Mutex
	failed error
}

// witnessed makes a client's requests known to a witness.
func witnessed(client *http.Client) (*http.Client, *witness) {
	w := &witness{transport: client.Transport}
	client.Transport = w
	return client, w
}

// RoundTrip implements http.RoundTripper.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := w.transport.RoundTrip(r)
	call := cloudCall{method: cmp.Or(r.Method, http.MethodGet), url: r.URL.String()}
	switch {
	case err != nil:
		w.note(fmt.Errorf("%s: %w", call, err))
	case answer.StatusCode != http.StatusOK:
		w.note(fmt.Errorf("%s: HTTP %d", call, answer.StatusCode))
	}
	return answer, err
}

func (w *witness) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = err
}

// explain returns what was seen to fail instead of what the SDK makes of it, or
// the innermost layer of that where all requests went well.
func (w *witness) explain(err error) error {
	if err == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return w.failed
	}
	for inner := err; inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// withoutQuery is an address as it may be shown: what comes behind a question
// mark, and a password, may be secret.
func withoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(an address that is no URL)"
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}
