package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// requestTime bounds a request that is not a watch.
const requestTime = 20 * time.Second

// maxAnswer bounds what is read of one answer: the API server's store keeps no
// object above 1.5 MiB, and a page of 500 pods has some megabytes.
const maxAnswer = 32 << 20

// pageSize is how many objects a list asks for at a time.
const pageSize = "500"

// Client sends requests to one API server. It may be used at the same time by
// many; it never repeats a request.
type Client struct {
	// UserAgent names the program to the API server.
	UserAgent string

	base  string
	who   credentials
	http  *http.Client
	space string
}

// Request is one request. The zero values of all fields but Path are useful.
type Request struct {
	Method      string // "" for GET
	Path        string // from "/api" or "/apis" on
	Query       url.Values
	Accept      string // "" for JSON
	ContentType string // of the body; "" for JSON
	Body        any    // encoded as JSON; nil for none
}

func (r Request) method() string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

// Namespace is the one that the credentials are meant for: that of the pod or of
// the context; "default" where neither names one.
func (c *Client) Namespace() string { return orElse(c.space, "default") }

// Server is the address of the API server.
func (c *Client) Server() string { return c.base }

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Get reads the object at a path.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	return c.Do(ctx, Request{Path: path}, into)
}

// Do sends a request, for up to 20 seconds, and decodes the answer unless into is
// nil. Failures are of type *Error, and never show a piece of the answer's data.
func (c *Client) Do(ctx context.Context, r Request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	answer, err := c.Send(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into); err != nil {
		return &Error{Method: r.method(), Path: r.Path, Cause: unreadable(err)}
	}
	return nil
}

// unreadable tells why an answer cannot be read, without the values in it.
func unreadable(err error) error {
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return fmt.Errorf("read answer: %q is of another type than expected", wrong.Field)
	}
	return fmt.Errorf("read answer: %w", err)
}

// Send returns the answer to a request that succeeded; its body must be closed.
func (c *Client) Send(ctx context.Context, r Request) (*http.Response, error) {
	fail := func(err error) error { return &Error{Method: r.method(), Path: r.Path, Cause: err} }
	h, err := c.build(ctx, r)
	if err != nil {
		return nil, fail(err)
	}
	if err := c.who.sign(ctx, h); err != nil {
		return nil, fail(err)
	}
	answer, err := c.http.Do(h)
	if err != nil {
		return nil, fail(bare(err))
	}
	if answer.StatusCode < http.StatusMultipleChoices {
		return answer, nil
	}
	defer func() { _ = answer.Body.Close() }()
	return nil, refusal(r, answer)
}

// bare takes away the URL, which the caller has named already, or must not show.
func bare(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (c *Client) build(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if r.Body != nil {
		text, err := json.Marshal(r.Body)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		body = bytes.NewReader(text)
	}
	target := c.base + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	h, err := http.NewRequestWithContext(ctx, r.method(), target, body)
	if err != nil {
		return nil, err
	}
	const plain = "application/json"
	h.Header.Set("Accept", orElse(r.Accept, plain))
	if r.Body != nil {
		h.Header.Set("Content-Type", orElse(r.ContentType, plain))
	}
	h.Header.Set("User-Agent", orElse(c.UserAgent, "vaultk8s"))
	return h, nil
}

func orElse(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

// List calls f for each object of a collection, page by page, and returns the
// version from which a watch goes on.
func (c *Client) List(ctx context.Context, r Request, f func(json.RawMessage) error) (string, error) {
	r.Query = clone(r.Query)
	r.Query.Set("limit", pageSize)
	for {
		var page struct {
			Metadata struct{ ResourceVersion, Continue string }
			Items    []json.RawMessage
		}
		if err := c.Do(ctx, r, &page); err != nil {
			return "", err
		}
		for _, item := range page.Items {
			if err := f(item); err != nil {
				return "", err
			}
		}
		if page.Metadata.Continue == "" {
			return page.Metadata.ResourceVersion, nil
		}
		r.Query.Set("continue", page.Metadata.Continue)
	}
}

func clone(query url.Values) url.Values {
	if query == nil {
		return url.Values{}
	}
	return maps.Clone(query)
}

// All lists a collection into a slice. The server's kind and version stand in no
// item of a list.
func All[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	var all []T
	_, err := c.List(ctx, Request{Path: path}, func(raw json.RawMessage) error {
		var one T
		if err := json.Unmarshal(raw, &one); err != nil {
			return &Error{Method: http.MethodGet, Path: path, Cause: unreadable(err)}
		}
		all = append(all, one)
		return nil
	})
	return all, err
}

// Create makes an object in the collection at a path.
func (c *Client) Create(ctx context.Context, path string, object, into any) error {
	return c.Do(ctx, Request{Method: http.MethodPost, Path: path, Body: object}, into)
}

// Version returns major and minor version of the API server.
func (c *Client) Version(ctx context.Context) (major, minor int, err error) {
	var v struct{ Major, Minor string }
	if err := c.Get(ctx, "/version", &v); err != nil {
		return 0, 0, err
	}
	// Some clouds write "29+".
	if _, err := fmt.Sscanf(strings.TrimSpace(v.Major)+" "+v.Minor, "%d %d", &major, &minor); err != nil {
		return 0, 0, fmt.Errorf("the API server's version %q.%q is no number", v.Major, v.Minor)
	}
	return major, minor, nil
}
