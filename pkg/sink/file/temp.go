package file

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A temporary file is named .BASE.vaultk8s-RANDOM: hidden, so that a program
// that reads a whole directory passes over it; unpredictable, so that nobody
// can put something in its place; recognizable, so that it can be cleaned up.
const (
	tempMark    = ".vaultk8s-"
	randomBytes = 8
	// maxBase keeps the name within the 255 bytes file systems allow:
	// 255 - 1 (dot) - 10 (mark) - 16 (random, in hex) = 228.
	maxBase = 255 - 1 - len(tempMark) - 2*randomBytes
)

// tempName never fails: crypto/rand ends the program rather than be weak.
func tempName(base string) string {
	if len(base) > maxBase {
		base = base[:maxBase]
	}
	var random [randomBytes]byte
	_, _ = rand.Read(random[:])
	return "." + base + tempMark + hex.EncodeToString(random[:])
}

// isTempName tells whether a file name is one of ours, for any destination.
func isTempName(name string) bool {
	i := strings.LastIndex(name, tempMark)
	if i < 1 || name[0] != '.' {
		return false
	}
	random, err := hex.DecodeString(name[i+len(tempMark):])
	return err == nil && len(random) == randomBytes
}

// temp is a file on its way to the destination.
type temp struct {
	*os.File
	published bool
}

// appearance is how a file shall look before anybody can see it.
type appearance struct {
	mode  fs.FileMode
	keep  owner // of the previous file; as far as this process may
	asked owner // must be met
	sync  bool
}

// createTemp opens a new file and locks it. The lock lives as long as the
// process holds the file open, so a cleaner can tell work in progress from
// what a killed run left. It is taken just after the creation; if a cleaner
// was quicker the file is gone, and the next attempt has another name.
func createTemp(dir, base string) (*temp, error) {
	for {
		f, err := os.OpenFile(filepath.Join(dir, tempName(base)), os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if lock(f) && linked(f) {
			return &temp{File: f}, nil
		}
		_ = f.Close()
	}
}

// lock takes the file for this open descriptor; false if somebody else has it.
// File systems without locks answer otherwise: there everything counts as free.
func lock(f *os.File) bool {
	return !errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// linked tells whether the open file still has a name.
func linked(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink > 0
}

// fill writes the content and gives the file its look. The owner comes before
// the mode, because a change of owner clears set-user-id bits.
func (t *temp) fill(content []byte, look appearance) error {
	if _, err := t.Write(content); err != nil {
		return err
	}
	if err := setOwner(t.File, look.keep, look.asked); err != nil {
		return err
	}
	if err := t.Chmod(look.mode); err != nil {
		return during("set the mode", err)
	}
	if !look.sync {
		return nil
	}
	return t.Sync()
}

// publish renames the file over the destination. It stays open, and so locked,
// until it has its final name; nothing is left to be written by then.
func (t *temp) publish(path string, sync bool) error {
	if err := os.Rename(t.Name(), path); err != nil {
		return err
	}
	t.published = true
	if !sync {
		return nil
	}
	return syncDir(filepath.Dir(path))
}

// discard closes the file and removes it unless it was published.
func (t *temp) discard() {
	if !t.published {
		_ = os.Remove(t.Name())
	}
	_ = t.Close()
}
