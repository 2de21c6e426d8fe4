package file

import (
	"errors"

	"golang.org/x/sys/unix"
)

// MemoryBacked tells whether a directory lives in memory (tmpfs or ramfs), so
// that what is written there never reaches a disk and need not be synced.
func MemoryBacked(dir string) (bool, error) {
	in, err := memoryBacked(dir)
	if err != nil {
		return false, &Error{Op: "inspect", Path: dir, Err: err}
	}
	return in, nil
}

func memoryBacked(dir string) (bool, error) {
	var st unix.Statfs_t
	err := unix.Statfs(dir, &st)
	for errors.Is(err, unix.EINTR) {
		err = unix.Statfs(dir, &st)
	}
	if err != nil {
		return false, err
	}
	// The width and sign of Type differ between architectures; the magic
	// numbers have 32 bits.
	magic := uint32(st.Type)
	return magic == unix.TMPFS_MAGIC || magic == unix.RAMFS_MAGIC, nil
}
