package effective

import (
	"errors"
	"fmt"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Kind tells what to do about an error.
type Kind int

// The kinds.
const (
	Invalid  Kind = iota // somebody has to change an object
	Denied               // an object does not admit the namespace: its owner has to
	NotFound             // an object is not there, and may come
)

// Error is why there is no login. It never holds a secret.
type Error struct {
	Kind   Kind
	Object string // kind and name of the object that the error is about: "VaultAuth a/b"
	Text   string // lower case, without a period
}

// Error names the object and says what is wrong.
func (e *Error) Error() string { return e.Object + ": " + e.Text }

// Reason is the word for conditions and events.
func (e *Error) Reason() string {
	if e.Kind == Invalid {
		return v1beta1.ReasonInvalidConfiguration
	}
	return v1beta1.ReasonInvalidResourceRef
}

// KindOf returns the kind of an error of this package, Invalid for any other.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Invalid
}

// Missing makes the error for an object that the caller did not find.
func Missing(object string) error {
	return &Error{Kind: NotFound, Object: object, Text: "it does not exist"}
}

func invalid(object, format string, args ...any) error {
	return &Error{Kind: Invalid, Object: object, Text: fmt.Sprintf(format, args...)}
}

func denied(object, format string, args ...any) error {
	return &Error{Kind: Denied, Object: object, Text: fmt.Sprintf(format, args...)}
}
