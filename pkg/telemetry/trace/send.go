package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// maxAnswer bounds what is read of a collector's answer, which says next to nothing.
const maxAnswer = 1 << 20

// refusal is a failed request.
type refusal struct {
	err   error
	again bool          // the collector may take the same spans later
	after time.Duration // what it asked to wait; 0 for nothing
}

// Error implements error.
func (r *refusal) Error() string { return r.err.Error() }

// Unwrap implements the interface of errors.Is.
func (r *refusal) Unwrap() error { return r.err }

// send hands one encoded request to the collector. Errors are of type *refusal.
func (t *target) send(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	request, err := t.request(ctx, body)
	if err != nil {
		return &refusal{err: err}
	}
	answer, err := t.client.Do(request)
	if err != nil {
		return &refusal{err: short(err), again: true}
	}
	defer func() { _ = answer.Body.Close() }()
	// The trailers come after the body, and the connection can be used again.
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	switch {
	case answer.StatusCode != http.StatusOK:
		return refused(answer)
	case err != nil:
		return &refusal{err: err, again: true}
	case t.grpc:
		return judgeCall(answer)
	default:
		return nil
	}
}

// short leaves the URL out, which may hold a password.
func short(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func (t *target) request(ctx context.Context, body []byte) (*http.Request, error) {
	if t.gzip {
		body = compress(body)
	}
	if t.grpc {
		body = frame(body, t.gzip)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, short(err)
	}
	request.Header = t.headers.Clone()
	switch {
	case t.grpc:
		request.Header.Set("Content-Type", "application/grpc+proto")
		request.Header.Set("TE", "trailers")
	default:
		request.Header.Set("Content-Type", "application/x-protobuf")
	}
	if t.gzip {
		request.Header.Set(encodingHeader(t.grpc), "gzip")
	}
	return request, nil
}

func encodingHeader(grpc bool) string {
	if grpc {
		return "Grpc-Encoding"
	}
	return "Content-Encoding"
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// frame puts a gRPC message in its frame: a byte that says whether it is
// compressed, and its length in four.
func frame(body []byte, compressed bool) []byte {
	head := make([]byte, 5, 5+len(body))
	if compressed {
		head[0] = 1
	}
	binary.BigEndian.PutUint32(head[1:], uint32(len(body)))
	return append(head, body...)
}

func refused(answer *http.Response) error {
	r := &refusal{err: fmt.Errorf("the collector answered %s", answer.Status)}
	r.again = slices.Contains([]int{
		http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}, answer.StatusCode)
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.after = min(time.Duration(seconds)*time.Second, time.Hour)
	}
	return r
}

// judgeCall reads the outcome of a gRPC call, which stands in the trailers, or in
// the headers where there is no message. The codes that the protocol of traces
// lets a client repeat: cancelled, deadline exceeded, aborted, out of range,
// unavailable and data loss; resource exhausted counts with them, because spans
// that are kept longer do no harm.
func judgeCall(answer *http.Response) error {
	code, message := answer.Trailer.Get("Grpc-Status"), answer.Trailer.Get("Grpc-Message")
	if code == "" {
		code, message = answer.Header.Get("Grpc-Status"), answer.Header.Get("Grpc-Message")
	}
	if code == "0" {
		return nil
	}
	if code == "" {
		return &refusal{err: errors.New("the collector does not speak gRPC at this address")}
	}
	if text, err := url.PathUnescape(message); err == nil {
		message = text
	}
	return &refusal{
		err:   fmt.Errorf("the collector answered with code %s of gRPC: %s", code, message),
		again: slices.Contains([]string{"1", "4", "8", "10", "11", "14", "15"}, code),
	}
}
