package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Side is a file that a template writes beside its own output (writeToFile).
type Side struct {
	Path    string
	User    string      // name or number; "" or "-1": keep
	Group   string      // name or number; "" or "-1": keep
	Perm    fs.FileMode // 0: the mode of the existing file, else 0644
	Append  bool        // add to the file instead of replacing it
	Newline bool        // end the content with a newline
	Content []byte
}

// WriteSide writes or extends a side file. Missing parents are created with
// 0777 minus the umask. A symbolic link as the file or as its direct parent is
// refused: templates name these paths freely, and a link could lead the agent
// to write where the application may not.
//
// Without Append it is as atomic as [Write] and leaves an identical file alone.
// With Append each call adds the content; a failed one takes back what it had
// added. Errors are [*Error].
func WriteSide(ctx context.Context, s Side) error {
	op, deliver := "write", replaceSide
	if s.Append {
		op, deliver = "append to", appendSide
	}
	if s.Newline {
		s.Content = append(slices.Clip(s.Content), '\n')
	}
	err := prepareSide(s.Path)
	if err == nil {
		err = deliver(ctx, s)
	}
	if err != nil {
		return &Error{Op: op, Path: s.Path, Err: explain(err)}
	}
	return nil
}

// prepareSide creates the parents and refuses symbolic links.
func prepareSide(path string) error {
	if path == "" {
		return errNoPath
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if isSymlink(dir) {
		return errSymlinkParent
	}
	if isSymlink(path) {
		return errSymlink
	}
	return nil
}

func isSymlink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

func (s Side) spec() Spec {
	spec := Spec{Path: s.Path, User: s.User, Group: s.Group}
	if s.Perm != 0 {
		spec.Perm = &s.Perm
	}
	return spec
}

func replaceSide(ctx context.Context, s Side) error {
	_, err := write(ctx, s.spec(), s.Content)
	return err
}

func appendSide(ctx context.Context, s Side) error {
	asked, err := prepare(s.spec())
	if err != nil {
		return err
	}
	old, err := inspect(s.Path)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := os.OpenFile(s.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return errSymlink
	}
	if err != nil {
		return err
	}
	err = extend(f, s.Content, appearance{mode: wantedMode(s.spec(), old), keep: nobody, asked: asked, sync: true})
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// extend sets owner and mode first, so that the content is never readable for
// anybody who shall not read it.
func extend(f *os.File, content []byte, look appearance) error {
	if err := setOwner(f, look.keep, look.asked); err != nil {
		return err
	}
	if err := f.Chmod(look.mode); err != nil {
		return during("set the mode", err)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		_ = f.Truncate(info.Size())
		return err
	}
	return f.Sync()
}
