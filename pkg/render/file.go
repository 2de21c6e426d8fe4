package render

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// maxFile is the largest local file that a template may read: no configuration
// is larger, and a mistake must not fill the memory of the pod.
const maxFile = 16 << 20

// openFlags keep a named pipe without a writer from blocking.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

// file returns the contents of a local file and notes it to be watched.
func (r *run) file(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if !slices.Contains(r.result.Files, path) {
		r.result.Files = append(r.result.Files, path)
	}
	f, err := openFile(r.t.sandbox, path)
	if err != nil {
		return "", fileError(path, err)
	}
	content, err := readRegular(f)
	if err != nil {
		return "", fileError(path, err)
	}
	return string(content), nil
}

// fileError tells the reason once, without the operation and without the name
// that a symbolic link led to.
func fileError(path string, err error) error {
	var own *callError
	var broken *fs.PathError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &broken):
		return fail("read %q: %v", path, broken.Err)
	default:
		return fail("read %q: %v", path, err)
	}
}

// openFile opens a file that lies in a folder after all symbolic links are
// resolved. An empty folder allows any file.
func openFile(sandbox, path string) (*os.File, error) {
	if sandbox == "" {
		return os.OpenFile(path, openFlags, 0)
	}
	outside := fail("'%s' is outside of sandbox", path)
	root, err := resolved(sandbox)
	if err != nil {
		return nil, fmt.Errorf("resolve sandbox: %w", err)
	}
	target, err := resolved(path)
	if err != nil {
		return nil, err
	}
	relative, err := filepath.Rel(root, target)
	if err != nil || !filepath.IsLocal(relative) {
		return nil, outside
	}
	// The root is asked as well: a link may have changed since it was resolved.
	folder, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }()
	return folder.OpenFile(relative, openFlags, 0)
}

// resolved returns the absolute path behind all symbolic links.
func resolved(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

// readRegular reads and closes a file. A pipe or a device could block or never end.
func readRegular(f *os.File) ([]byte, error) {
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	return content, nil
}
