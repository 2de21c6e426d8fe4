package vault

import (
	"errors"
	"time"
)

// KindOf returns what to do next about an error: its own kind, and Unavailable
// for an error that Vault did not classify. It must not be asked about nil.
func KindOf(err error) Kind {
	if classified, ok := errors.AsType[*Error](err); ok {
		return classified.Kind
	}
	return Unavailable
}

// RetryAfter returns how long Vault asked to wait; 0 when it did not ask.
func RetryAfter(err error) time.Duration {
	if classified, ok := errors.AsType[*Error](err); ok {
		return classified.RetryAfter
	}
	return 0
}
