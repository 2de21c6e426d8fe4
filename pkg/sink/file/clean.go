package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Clean removes the temporary files that killed runs left in a directory and
// returns how many there were. Files another process is writing right now are
// left alone. A directory that does not exist is clean. [Write] does the same
// for its own destination each time it really writes.
func Clean(dir string) (int, error) {
	removed, err := removeLeftovers(dir, isTempName)
	if err != nil {
		return removed, &Error{Op: "clean", Path: dir, Err: explain(err)}
	}
	return removed, nil
}

// cleanLeftovers is a courtesy: a leftover that cannot be removed must not
// stop a delivery.
func cleanLeftovers(dir, base string) {
	prefix := tempPrefix(base)
	_, _ = removeLeftovers(dir, func(name string) bool {
		return isTempName(name) && strings.HasPrefix(name, prefix)
	})
}

func removeLeftovers(dir string, match func(name string) bool) (int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	removed := 0
	for _, e := range entries {
		if !e.Type().IsRegular() || !match(e.Name()) {
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
