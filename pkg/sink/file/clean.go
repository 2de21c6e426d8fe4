package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Clean removes the temporary files that killed runs left in a directory and
// returns how many there were. Files another process is writing right now are
// left alone. A directory that does not exist is clean. Whoever writes to a
// directory calls it once at start: doing so at each write would list the
// directory as often as there are files in it.
func Clean(dir string) (int, error) {
	removed, err := removeLeftovers(dir)
	if err != nil {
		return removed, &Error{Op: "clean", Path: dir, Err: explain(err)}
	}
	return removed, nil
}

func removeLeftovers(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	removed := 0
	for _, e := range entries {
		if !e.Type().IsRegular() || !isTempName(e.Name()) {
			continue
		}
		gone, rmErr := removeIdle(filepath.Join(dir, e.Name()))
		if gone {
			removed++
		}
		if err == nil {
			err = rmErr
		}
	}
	return removed, err
}

// removeIdle removes a file that nobody holds locked. It removes under the
// lock, so the writer of a brand-new file notices (see createTemp).
func removeIdle(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	// Between the listing and the lock the writer may have published the file:
	// then this name is gone, and removing it is harmless.
	if !lock(f) {
		return false, nil
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
