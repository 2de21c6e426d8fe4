package process

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// The exit codes of a shell for a program that it cannot run.
const (
	codeSignal        = 128 // plus the number of the signal
	codeNotExecutable = 126
	codeNotFound      = 127
)

// ExitError is the end of an application that nobody asked to end; also one with
// code 0. It names the program, never its arguments or variables.
type ExitError struct {
	// Program is the first word of the command.
	Program string
	// Code is what this process should exit with: the exit status, 128+n for
	// signal n, 127 for a program that was not found, 126 for one that cannot run.
	Code int
	// Signal is what ended the program; 0 if it exited by itself.
	Signal syscall.Signal
	// Err is why it could not be started; nil if it was.
	Err error
}

// Error says how the application ended.
func (e *ExitError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("application %q cannot start: %v", e.Program, e.Err)
	case e.Signal != 0:
		return fmt.Sprintf("application %q was killed by %s", e.Program, signalName(e.Signal))
	default:
		return fmt.Sprintf("application %q exited with status %d", e.Program, e.Code)
	}
}

// Unwrap returns why the application could not be started.
func (e *ExitError) Unwrap() error { return e.Err }

// exitError reads what came back from a program or a shell line.
func exitError(program string, err error) *ExitError {
	e := &ExitError{Program: program}
	if err == nil {
		return e
	}
	e.Code, e.Signal = exitOf(err)
	switch {
	case e.Signal != 0:
		e.Code = codeSignal + int(e.Signal)
	case e.Code == 0:
		e.Code, e.Err = startCode(err), err
		// The path is that of the program, which the error names already.
		if path, ok := errors.AsType[*fs.PathError](err); ok {
			e.Err = path.Err
		}
	}
	return e
}

func startCode(err error) int {
	if errors.Is(err, errNotFound) || errors.Is(err, unix.ENOENT) {
		return codeNotFound
	}
	return codeNotExecutable
}
