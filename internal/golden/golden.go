// Package golden compares what a test produced with a file that was reviewed.
//
// [Compare] is all that a test needs. Run the test with -update to write the
// files anew, and review the difference like code. The flag is registered by
// this package, so a test binary that imports it must not define its own.
package golden

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew instead of comparing with them")

// Updating reports whether the test binary was started with -update.
func Updating() bool { return *update }

// Compare fails the test if got differs from the content of the file at path,
// which is relative to the package's folder. With -update it writes the file,
// and the folders above it, instead.
func Compare(t testing.TB, got []byte, path string) {
	t.Helper()
	check := verify
	if Updating() {
		check = write
	}
	if err := check(got, path); err != nil {
		t.Error(err)
	}
}

func verify(got []byte, path string) error {
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("golden file %q does not exist; run the test with -update to write it", path)
	}
	if err != nil {
		return fmt.Errorf("read golden file: %w", err)
	}
	// Lines make a shorter difference than two long strings.
	diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n"))
	if diff == "" {
		return nil
	}
	return fmt.Errorf("differs from golden file %q (-want +got); run the test with -update if that is right:\n%s", path, diff)
}

// write leaves a file alone that is already right, so that its time stays too.
func write(got []byte, path string) error {
	if verify(got, path) == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder of golden file %q: %w", path, err)
	}
	if err := os.WriteFile(path, got, 0o644); err != nil {
		return fmt.Errorf("write golden file: %w", err)
	}
	return nil
}
