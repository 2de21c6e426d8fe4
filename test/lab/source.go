package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// projectModule is how the root of a checkout is recognized.
const projectModule = "github.com/vaultk8s/vaultk8s"

// sourceDir is the folder mod of the checkout that contains the working
// directory. Go runs every test in its package's folder, so this finds it from
// any test, also in a binary built with -trimpath.
func sourceDir() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the lab's modules: %w", err)
	}
	return sourceDirAbove(wd)
}

func sourceDirAbove(start string) (string, error) {
	for dir := start; ; dir = filepath.Dir(dir) {
		name, err := moduleName(filepath.Join(dir, "go.mod"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if name == projectModule {
			return filepath.Join(dir, "test", "lab", "mod"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%q is not inside a checkout of %s", start, projectModule)
		}
	}
}

func moduleName(gomod string) (string, error) {
	f, err := os.Open(gomod)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if name, ok := strings.CutPrefix(sc.Text(), "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", nil
}

// moduleDir is the folder with the files of a module that a module below mod requires.
func moduleDir(ctx context.Context, nested, module string) (string, error) {
	src, err := sourceDir()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = filepath.Join(src, nested)
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find the files of %s: %w", module, err)
	}
	return strings.TrimSpace(string(out)), nil
}
