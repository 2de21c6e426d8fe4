package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// NotBuiltError says that a server's binary is not in the cache, or not the one
// that the present sources describe.
type NotBuiltError struct{ Target Target }

// Error tells what to run.
func (e *NotBuiltError) Error() string {
	return fmt.Sprintf("%s is not built: run `make lab`", e.Target)
}

// CacheDir is the directory of all built binaries: $VAULTK8S_LAB_DIR, or
// vaultk8s-lab in the user's cache directory.
func CacheDir() (string, error) {
	if dir := os.Getenv("VAULTK8S_LAB_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache directory (set VAULTK8S_LAB_DIR to choose one): %w", err)
	}
	return filepath.Join(dir, "vaultk8s-lab"), nil
}

// Binary is the path of a target's binary. A *[NotBuiltError] means that [Build]
// has to run first.
func Binary(ctx context.Context, t Target) (string, error) {
	switch t {
	case TargetPostgres:
		dir, err := postgresDir()
		return filepath.Join(dir, "postgres"), err
	case TargetLDAP:
		return findLDAP()
	case TargetNodePackages:
		return findNodePackages()
	}
	slot, err := slotFor(ctx, t)
	if err != nil {
		return "", err
	}
	if !slot.filled() {
		return "", &NotBuiltError{Target: t}
	}
	return slot.binary(), nil
}

// slot is the place in the cache of one target built from one state of its
// sources: CACHE/servers/TARGET/KEY/TARGET.
type slot struct {
	recipe
	root string // CACHE/servers/TARGET
	key  string
}

func slotFor(ctx context.Context, t Target) (slot, error) {
	src, err := sourceDir()
	if err != nil {
		return slot{}, err
	}
	cache, err := CacheDir()
	if err != nil {
		return slot{}, err
	}
	r, err := recipeFor(src, t)
	if err != nil {
		return slot{}, err
	}
	toolchain, err := goVersion(ctx, r.dir)
	if err != nil {
		return slot{}, err
	}
	key, err := cacheKey(r, toolchain)
	return slot{recipe: r, root: filepath.Join(cache, "servers", string(t)), key: key}, err
}

func (s slot) home() string   { return filepath.Join(s.root, s.key) }
func (s slot) binary() string { return filepath.Join(s.home(), string(s.target)) }

func (s slot) filled() bool {
	info, err := os.Stat(s.binary())
	return err == nil && info.Mode().IsRegular()
}

// install moves a freshly built directory into place in one step, then removes
// every other build of the same target and what interrupted builds left.
func (s slot) install(built string) error {
	if err := os.Rename(built, s.home()); err != nil {
		return fmt.Errorf("install %s: %w", s.target, err)
	}
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return fmt.Errorf("remove old builds of %s: %w", s.target, err)
	}
	var errs []error
	for _, e := range entries {
		if e.Name() != s.key {
			errs = append(errs, os.RemoveAll(filepath.Join(s.root, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// goVersion asks the go command itself: inside a nested module it may select
// another toolchain than the one that compiled this code.
func goVersion(ctx context.Context, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "version")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask for the version of Go: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// cacheKey is a hash over everything that decides what a build produces: the
// module's requirements and sources, the toolchain, and the flags.
func cacheKey(r recipe, toolchain string) (string, error) {
	h := sha256.New()
	add(h, toolchain, r.pkg)
	add(h, r.flags...)
	add(h, r.env...)
	files, err := moduleFiles(r.dir)
	if err != nil {
		return "", fmt.Errorf("compute the cache key of %s: %w", r.target, err)
	}
	for _, name := range files {
		if err := addFile(h, r.dir, name); err != nil {
			return "", fmt.Errorf("compute the cache key of %s: %w", r.target, err)
		}
	}
	// 8 bytes: by the birthday bound two of 100,000 builds collide with a
	// probability of 1e10 / 2 / 1.8e19, about 3 in ten thousand million.
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// add writes the words with their lengths, so that no two lists look the same.
func add(h hash.Hash, words ...string) {
	for _, w := range words {
		fmt.Fprintf(h, "%d:%s\n", len(w), w)
	}
}

func addFile(h hash.Hash, dir, name string) error {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	add(h, filepath.ToSlash(name), string(sum.Sum(nil)))
	return nil
}

func moduleFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil && (d.Name() == "go.mod" || d.Name() == "go.sum" || filepath.Ext(name) == ".go") {
			files = append(files, name)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}
