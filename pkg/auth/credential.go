package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// credential is one credential in a file. The file is read at every use, so
// that what an issuer puts there counts from then on.
type credential struct {
	noun    string // what the file holds, as errors call it
	path    string
	keep    bool                              // remember the value: the file may be gone at the next use
	remove  bool                              // take the file away after reading; implies keep
	follow  bool                              // remove what a symbolic link points to, not the link
	exact   bool                              // blanks belong to the value, only the end of its line does not
	source  func(name string) ([]byte, error) // nil: the file system
	mu      sync.Mutex
	memory  sensitive.String
	present bool // there is something in memory
}

// read returns what the file holds, without blanks around it unless they belong
// to it, and where the file is gone or empty what it held before.
func (c *credential) read() (sensitive.String, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, err := c.readFile()
	if err != nil {
		return sensitive.String{}, err
	}
	if c.keep || c.remove {
		c.memory, c.present = value, true
	}
	return value, nil
}

func (c *credential) readFile() (sensitive.String, error) {
	source := c.source
	if source == nil {
		source = os.ReadFile
	}
	content, err := source(c.path)
	text := c.trim(string(content))
	gone := errors.Is(err, fs.ErrNotExist) || err == nil && text == ""
	switch {
	case gone && c.present:
		return c.memory, nil
	case err != nil:
		return sensitive.String{}, fmt.Errorf("read the %s: %w", c.noun, err)
	case text == "":
		return sensitive.String{}, fmt.Errorf("the %s file %q is empty", c.noun, c.path)
	}
	if c.remove {
		c.removeFile()
	}
	return sensitive.New(text), nil
}

func (c *credential) trim(text string) string {
	if c.exact {
		return strings.TrimRight(text, "\r\n")
	}
	return strings.TrimSpace(text)
}

// removeFile does not report a failure: the default is to remove, files of
// Kubernetes volumes are read-only, and a login must work there all the same.
func (c *credential) removeFile() {
	target := c.path
	if c.follow {
		if resolved, err := filepath.EvalSymlinks(c.path); err == nil {
			target = resolved
		}
	}
	_ = os.Remove(target)
}
