package vault

import (
	"fmt"
	"strings"
	"time"
)

// Kind says what to do next about a failed request.
type Kind int

const (
	// Permanent: the request itself is wrong; repeating it unchanged is useless.
	Permanent Kind = iota
	// Denied: the token is valid but its policies forbid the path.
	Denied
	// InvalidToken: the token is expired, revoked or unknown; log in again.
	InvalidToken
	// NotFound: there is nothing at the path.
	NotFound
	// Sealed: Vault is sealed, not initialised or a standby without an active node; wait.
	Sealed
	// RateLimited: Vault asked to come back later; see Error.RetryAfter.
	RateLimited
	// Unavailable: Vault could not be reached or failed; wait and try again.
	Unavailable
)

var kindNames = [...]string{"permanent", "denied", "invalid token", "not found", "sealed", "rate limited", "unavailable"}

// String returns the kind as logs and metrics show it.
func (k Kind) String() string { return kindNames[k] }

// Temporary tells whether waiting alone may help.
func (k Kind) Temporary() bool { return k.Away() || k == RateLimited }

// Away tells whether the whole server does not serve: nothing asked of it would succeed.
func (k Kind) Away() bool { return k == Sealed || k == Unavailable }

// Error is a failed request, classified. It never holds a secret value.
type Error struct {
	Kind       Kind
	Method     string        // HTTP method
	Path       string        // below /v1/
	Address    string        // of the server
	Status     int           // HTTP status; 0 when no answer came
	Messages   []string      // what Vault said
	RetryAfter time.Duration // what Vault asked for; 0 when it did not
	Cause      error         // of the transport, when no answer came
	Hint       string        // the likely cause and what to do about it; "" when none is known
}

// Error names the attempt, the answer and, where one is known, the likely cause.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/v1/%s: %s", e.Method, e.Address, e.Path, e.Kind)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if len(e.Messages) > 0 {
		fmt.Fprintf(&b, ": %s", strings.Join(e.Messages, "; "))
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "; hint: %s", e.Hint)
	}
	return b.String()
}

// Unwrap returns the transport's error.
func (e *Error) Unwrap() error { return e.Cause }
