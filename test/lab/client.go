package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// StatusError is a server's answer other than a success.
type StatusError struct {
	Method, Path string
	Code         int    // HTTP status
	Message      string // what the server said
}

// Error names the request and what the server said about it.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d: %s", e.Method, e.Path, e.Code, e.Message)
}

// StatusCode is the HTTP status of a [*StatusError] in err's chain, or 0.
func StatusCode(err error) int {
	var s *StatusError
	if errors.As(err, &s) {
		return s.Code
	}
	return 0
}

// api is a JSON-over-HTTP client with connections of its own.
type api struct {
	base string // scheme, host and port
	http *http.Client
}

func newAPI(base string, conf *tls.Config) *api {
	return &api{base: base, http: &http.Client{
		Transport: &http.Transport{TLSClientConfig: conf, IdleConnTimeout: 10 * time.Second, ForceAttemptHTTP2: true},
		Timeout:   time.Minute,
	}}
}

func (a *api) close() { a.http.CloseIdleConnections() }

// do sends body as JSON (nil: none) and decodes the answer, which is nil when
// the server sent none. Anything but a 2xx is a [*StatusError].
func (a *api) do(ctx context.Context, method, path string, header http.Header, body any) (map[string]any, error) {
	req, err := a.request(ctx, method, path, header, body)
	if err != nil {
		return nil, err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, errors.Unwrap(err))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, &StatusError{Method: method, Path: path, Code: resp.StatusCode, Message: serverMessage(b)}
	}
	var out map[string]any
	if !strings.Contains(resp.Header.Get("Content-Type"), "json") || len(b) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("%s %s: decode the answer: %w", method, path, err)
	}
	return out, nil
}

func (a *api) request(ctx context.Context, method, path string, header http.Header, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: encode the request: %w", method, path, err)
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, content)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	for k, values := range header {
		req.Header[k] = values
	}
	return req, nil
}

// serverMessage finds the text in the two shapes of error that Vault ("errors")
// and Kubernetes ("message") use, and else takes the body as it is.
func serverMessage(body []byte) string {
	var shape struct {
		Errors  []string
		Message string
	}
	if json.Unmarshal(body, &shape) == nil {
		if shape.Message != "" {
			return shape.Message
		}
		if len(shape.Errors) > 0 {
			return strings.Join(shape.Errors, "; ")
		}
	}
	text := strings.TrimSpace(string(body))
	if text == "" {
		return "no message"
	}
	return text[:min(len(text), 200)]
}
