// Package mount stands in for the mounter of Kubernetes. It remembers what was
// mounted, and leaves plain folders in its place, so that no test needs root.
package mount

import (
	"os"
	"sync"
)

// Interface is what the driver asks of a mounter.
type Interface interface {
	Mount(source, target, fstype string, options []string) error
	Unmount(target string) error
	IsLikelyNotMountPoint(file string) (bool, error)
}

// New makes a mounter.
func New(string) Interface { return &memory{mounted: map[string]bool{}} }

type memory struct {
	mu      sync.Mutex
	mounted map[string]bool
}

// Mount remembers a target.
func (m *memory) Mount(_, target, _ string, _ []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mounted[target] = true
	return nil
}

// Unmount forgets a target with everything in it.
func (m *memory) Unmount(target string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.mounted, target)
	entries, err := os.ReadDir(target)
	for _, e := range entries {
		_ = os.RemoveAll(target + "/" + e.Name())
	}
	return err
}

// IsLikelyNotMountPoint tells whether a target was never mounted.
func (m *memory) IsLikelyNotMountPoint(target string) (bool, error) {
	if _, err := os.Stat(target); err != nil {
		return true, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.mounted[target], nil
}

// CleanupMountPoint unmounts a target and removes it.
func CleanupMountPoint(target string, m Interface, _ bool) error {
	if err := m.Unmount(target); err != nil {
		return err
	}
	return os.RemoveAll(target)
}
