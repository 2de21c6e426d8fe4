package file

import (
	"os"
	"path/filepath"
)

// backup keeps the previous file as PATH.bak, replacing an older one in one
// step. It is a second name of the same file; where a file system or its
// hardening refuses that, it is a copy.
func backup(link func(oldName, newName string) error, old state, sync bool) error {
	second := filepath.Join(filepath.Dir(old.path), tempName(filepath.Base(old.path)))
	if link(old.path, second) != nil {
		return copyBackup(old, sync)
	}
	// Rename does nothing when both names are of one file, that is when the
	// backup already is this very file: so the second name goes in any case.
	defer func() { _ = os.Remove(second) }()
	return os.Rename(second, old.path+".bak")
}

func copyBackup(old state, sync bool) error {
	content, err := os.ReadFile(old.path)
	if err != nil {
		return err
	}
	t, err := createTemp(filepath.Dir(old.path), filepath.Base(old.path))
	if err != nil {
		return err
	}
	defer t.discard()
	if err := t.fill(content, appearance{mode: old.mode, keep: old.owner, asked: nobody, sync: sync}); err != nil {
		return err
	}
	return t.publish(old.path+".bak", sync)
}
