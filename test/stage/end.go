package stage

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"syscall"
)

// Interrupted is the exit code after an interrupt, as shells have it: 128 and the number
// of the signal.
const Interrupted = 128 + int(syscall.SIGINT)

// LeftBehind is the error of a showing that could not remove everything.
type LeftBehind struct{ Err error }

// Error says that, and why.
func (l LeftBehind) Error() string { return "not everything was removed: " + l.Err.Error() }

// Unwrap returns why.
func (l LeftBehind) Unwrap() error { return l.Err }

// End says how a showing of that name has ended, and returns the exit code: 0 when
// everything was seen or only help was asked for, Interrupted, or 1.
func End(ctx context.Context, w io.Writer, name string, err error) int {
	_, left := errors.AsType[LeftBehind](err)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil && !left:
		fmt.Fprintf(w, "\nThe %s was interrupted. All servers are stopped, all files are removed.\n", name)
		return Interrupted
	default:
		fmt.Fprintf(w, "\nThe %s failed: %v\n", name, err)
		return 1
	}
}
