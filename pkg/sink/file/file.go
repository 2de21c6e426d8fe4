// Package file delivers bytes to one file, or to a set of files, all or nothing.
//
// A reader of the destination sees either the whole old content or the whole
// new content, with mode and owner already right, whatever happens in between:
// a full disk, a signal, a killed process. The way is always the same: a
// temporary file beside the destination is filled, given its mode and owner,
// synced (unless it lives in memory) and renamed over the destination.
//
// Most callers need two functions: [Write], which leaves an identical file
// alone, and [MemoryBacked], which tells whether a directory keeps secrets off
// the disk. [WriteSet] changes several files of a directory in one step,
// [WriteSide] serves the writeToFile template function and [Clean] removes what
// killed runs left behind.
//
// A destination that is a symbolic link is compared through the link and, when
// it differs, the link itself is replaced by a regular file; the file it
// pointed at stays as it is.
package file

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// defaultPerm is the mode of a new file nobody chose a mode for.
const defaultPerm fs.FileMode = 0o644

// Spec says where a content goes and how the file shall look.
type Spec struct {
	Path       string       // destination
	Perm       *fs.FileMode // nil: the mode of the existing file, else 0644
	User       string       // name or number; "" or "-1": keep the existing file's
	Group      string       // name or number; "" or "-1": keep the existing file's
	CreateDirs bool         // create missing parents with 0755, minus the umask
	Backup     bool         // keep the previous file as Path + ".bak"
}

// Result tells what Write did.
type Result struct {
	Written     bool // the destination was replaced
	Existed     bool // there was a file before
	ModeChanged bool // the content was the same, only the mode was corrected
}

// Write makes the destination hold content. A file that already has the
// content and the owner asked for is not written; if only its mode differs
// from Perm, the mode is changed in place. On an error, always an [*Error],
// the destination is as it was and nothing is left beside it.
//
// A file of which only the owner differs is written, not just given away:
// an application that could not read it before has to look again.
func Write(ctx context.Context, s Spec, content []byte) (Result, error) {
	res, err := write(ctx, s, content)
	if err != nil {
		return Result{}, &Error{Op: "write", Path: s.Path, Err: explain(err)}
	}
	return res, nil
}

func write(ctx context.Context, s Spec, content []byte) (Result, error) {
	asked, err := prepare(s)
	if err != nil {
		return Result{}, err
	}
	old, err := inspect(s.Path)
	if err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if old.ownedBy(asked) && old.holds(content) {
		changed, err := fixMode(s, old)
		return Result{Existed: true, ModeChanged: changed}, err
	}
	if err := replace(ctx, s, asked, old, content); err != nil {
		return Result{}, err
	}
	return Result{Written: true, Existed: old.exists}, nil
}

// prepare checks the specification and creates the directory if it may.
func prepare(s Spec) (owner, error) {
	if s.Path == "" {
		return owner{}, errNoPath
	}
	if strings.HasSuffix(s.Path, "/") {
		return owner{}, errDirectory
	}
	asked, err := lookupOwner(s.User, s.Group)
	if err != nil {
		return owner{}, err
	}
	if !s.CreateDirs {
		return asked, nil
	}
	return asked, os.MkdirAll(filepath.Dir(s.Path), 0o755)
}

// state is what stands at the destination before a write.
type state struct {
	path   string
	exists bool
	size   int64
	mode   fs.FileMode
	owner  owner
}

// inspect follows a symbolic link, so a link to an identical file is a file
// that need not be written.
func inspect(path string) (state, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state{path: path}, nil
	}
	if err != nil {
		return state{}, err
	}
	if info.IsDir() {
		return state{}, errDirectory
	}
	// Reading a pipe or a device may block for ever, and replacing one is
	// never what was meant.
	if !info.Mode().IsRegular() {
		return state{}, errNotRegular
	}
	return state{path: path, exists: true, size: info.Size(), mode: modeBits(info.Mode()), owner: ownerOf(info)}, nil
}

// modeBits drops the file type and keeps what chmod can set.
func modeBits(m fs.FileMode) fs.FileMode {
	return m & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
}

func (s state) ownedBy(want owner) bool {
	return s.exists && s.owner.matches(want)
}

// holds compares content. A file that cannot be read counts as different: the
// rename replaces it without reading.
func (s state) holds(content []byte) bool {
	if s.size != int64(len(content)) {
		return false
	}
	now, err := os.ReadFile(s.path)
	return err == nil && bytes.Equal(now, content)
}

// fixMode corrects the mode of a file whose content need not change.
func fixMode(s Spec, old state) (bool, error) {
	if s.Perm == nil || modeBits(*s.Perm) == old.mode {
		return false, nil
	}
	if err := os.Chmod(s.Path, *s.Perm); err != nil {
		return false, during("set the mode", err)
	}
	return true, nil
}

// wantedMode is the mode of the file to be written.
func wantedMode(s Spec, old state) fs.FileMode {
	switch {
	case s.Perm != nil:
		return *s.Perm
	case old.exists:
		return old.mode
	default:
		return defaultPerm
	}
}

// replace brings the new content in by a rename.
func replace(ctx context.Context, s Spec, asked owner, old state, content []byte) error {
	dir, base := filepath.Dir(s.Path), filepath.Base(s.Path)
	inMemory, err := memoryBacked(dir)
	if err != nil {
		return err
	}
	t, err := createTemp(dir, base)
	if err != nil {
		return err
	}
	defer t.discard()
	look := appearance{mode: wantedMode(s, old), keep: old.owner, asked: asked, sync: !inMemory}
	if !old.exists {
		look.keep = nobody
	}
	if err := t.fill(content, look); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.Backup && old.exists {
		if err := backup(os.Link, old, !inMemory); err != nil {
			return during("keep a backup", err)
		}
	}
	return t.publish(s.Path, !inMemory)
}

// syncDir makes a rename durable. Some file systems cannot sync a directory
// and say EINVAL; there the rename is as durable as it gets.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
