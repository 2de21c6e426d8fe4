package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Error is a request that failed.
type Error struct {
	Method, Path string
	Status       int    // the API server's; 0 when no answer came or it cannot be read
	Message      string // the API server's
	Cause        error  // when Status is 0
}

// Error names the request and the reason.
func (e *Error) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("%s %s: %v", e.Method, e.Path, e.Cause)
	}
	return fmt.Sprintf("%s %s: the API server answers %d: %s", e.Method, e.Path, e.Status, e.Message)
}

// Unwrap returns the cause where no answer came.
func (e *Error) Unwrap() error { return e.Cause }

// Temporary tells whether waiting alone may help.
func (e *Error) Temporary() bool {
	return e.Status == 0 || e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError
}

// Status returns the status of the API server's refusal, 0 for every other error.
func Status(err error) int {
	if refused := (*Error)(nil); errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// NotFound reports whether the API server knows no such object or no such kind.
func NotFound(err error) bool { return Status(err) == http.StatusNotFound }

// Forbidden reports whether the API server refused a request because of its
// sender: 401 and 403.
func Forbidden(err error) bool {
	return Status(err) == http.StatusForbidden || Status(err) == http.StatusUnauthorized
}

func refusal(r Request, answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10)) // what was read tells enough
	var status struct{ Message string }
	if json.Unmarshal(text, &status) != nil || status.Message == "" {
		status.Message = http.StatusText(answer.StatusCode)
	}
	return &Error{Method: r.method(), Path: r.Path, Status: answer.StatusCode, Message: status.Message}
}
