package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Error is a failed delivery. It names the destination as it was given, never
// a temporary name, and never the content.
type Error struct {
	Op   string // "write", "write set", "append to", "clean" or "inspect"
	Path string // as given by the caller
	Err  error  // why; errors.Is finds the errno, such as syscall.ENOSPC
}

// Error says what was attempted, on which path, and why it failed.
func (e *Error) Error() string { return fmt.Sprintf("%s %q: %v", e.Op, e.Path, e.Err) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

var (
	errNoPath        = errors.New("no path given")
	errDirectory     = errors.New("destination is a directory")
	errNotRegular    = errors.New("destination is not a regular file")
	errNotDirectory  = errors.New("destination is not a directory")
	errBusy          = errors.New("another process is writing to it")
	errSymlink       = errors.New("destination is a symbolic link")
	errSymlinkParent = errors.New("its directory is a symbolic link")
)

// cause is a reason in plain words that still holds the original error.
type cause struct {
	text string
	err  error
}

func (c *cause) Error() string { return c.text }
func (c *cause) Unwrap() error { return c.err }

// during adds the step that failed to a reason.
func during(step string, err error) error {
	return fmt.Errorf("%s: %w", step, explain(err))
}

// explain puts a system error into words and drops the names of files that
// the caller does not know. What already is in words stays.
func explain(err error) error {
	if err = bare(err); err == nil {
		return nil
	}
	errno, ok := err.(syscall.Errno) //nolint:errorlint // one further down is in words already
	if !ok {
		return err
	}
	if text := sentence(errno); text != "" {
		return &cause{text: text, err: errno}
	}
	return errno
}

// bare takes off the wrappers with which package os repeats paths.
func bare(err error) error {
	switch e := err.(type) { //nolint:errorlint // only the outermost layers are to go
	case *fs.PathError:
		return bare(e.Err)
	case *os.LinkError:
		return bare(e.Err)
	case *os.SyscallError:
		return bare(e.Err)
	default:
		return err
	}
}

func sentence(errno syscall.Errno) string {
	switch errno {
	case syscall.ENOSPC:
		return "no space left on its file system"
	case syscall.EDQUOT:
		return "the disk quota is used up"
	case syscall.EFBIG:
		return "larger than the file size limit"
	case syscall.EROFS:
		return "its file system is read-only"
	case syscall.EACCES:
		return fmt.Sprintf("permission denied for uid %d", os.Geteuid())
	case syscall.EPERM:
		return fmt.Sprintf("not permitted for uid %d", os.Geteuid())
	case syscall.EBUSY:
		return "destination is a mount point (such as a subPath mount) and cannot be replaced"
	case syscall.EISDIR:
		return errDirectory.Error()
	case syscall.ENOTDIR:
		return "a part of its path is not a directory"
	case syscall.ENOENT:
		return "its directory does not exist"
	case syscall.ELOOP:
		return "too many symbolic links in its path"
	case syscall.ENAMETOOLONG:
		return "its name is too long"
	default:
		return ""
	}
}
