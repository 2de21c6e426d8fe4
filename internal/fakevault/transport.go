package fakevault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxBody is Vault's default max_request_size: 32 MiB.
const maxBody = 32 << 20

// errDropped is what a client sees when a fault drops its request.
var errDropped = errors.New("connection reset by peer (a fault of the test)")

// answer is a finished HTTP answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// RoundTrip answers a request without any connection, so that it works where
// nothing may block on a socket. The body of the answer lies in memory.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := s.exchange(r)
	if r.Body != nil {
		_ = r.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		StatusCode: a.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        a.header,
		Body:          io.NopCloser(bytes.NewReader(a.body)),
		ContentLength: int64(len(a.body)),
		Request:       r,
	}, nil
}

// ServeHTTP makes a Server an http.Handler, for use with httptest. A dropped
// request ends the connection without an answer.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := s.exchange(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// exchange reads the request, plays the fault that matches it, and answers.
func (s *Server) exchange(r *http.Request) (answer, error) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	body, err := readBody(r)
	if err != nil {
		return answer{}, err
	}
	f := s.faults.take(r)
	if f == nil {
		return s.carryOut(r, body), nil
	}
	if err := pause(ctx, f.Delay); err != nil {
		s.record(r, 0)
		return answer{}, err
	}
	return s.misbehave(f, r, body)
}

// misbehave does what is left of a fault after its delay.
func (s *Server) misbehave(f *Fault, r *http.Request, body []byte) (answer, error) {
	switch {
	case f.Drop:
		s.record(r, 0)
		return answer{}, errDropped
	case f.Status != 0:
		s.record(r, f.Status)
		return f.answer(apiPath(r)), nil
	}
	a := s.carryOut(r, body)
	if f.Lose {
		return answer{}, errDropped
	}
	return a, nil
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	return b, nil
}

// pause waits in a way that virtual time can pass and the context can end.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func jsonAnswer(status int, body []byte) answer {
	h := http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}}
	if status == http.StatusNoContent {
		body = nil
	} else {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return answer{status: status, header: h, body: body}
}
