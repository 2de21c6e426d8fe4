package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
)

// fileBuiltin returns the built-in for a command that deals with files.
func fileBuiltin(name string) builtin {
	switch name {
	case "touch":
		return onEach("c", touch)
	case "mkdir":
		return onEach("p", mkdir)
	case "rm":
		return onEach("rRf", remove)
	case "chmod":
		return chmod
	case "mv":
		return onto("f", move)
	case "cp":
		return onto("fp", copyFile)
	default:
		return nil
	}
}

// onEach applies a command to every operand.
func onEach(allowed string, do func(flags, path string) error) builtin {
	return func(_ context.Context, _ *shell, hc interp.HandlerContext, args []string) error {
		flags, paths, err := letters(args, allowed)
		if err != nil {
			return err
		}
		if len(paths) == 0 && !strings.Contains(flags, "f") {
			return usage("no file given")
		}
		for _, path := range paths {
			if err := do(flags, at(hc, path)); err != nil {
				return err
			}
		}
		return nil
	}
}

// onto applies a command to every operand but the last, which is the target:
// a file, or a directory to put them in.
func onto(allowed string, do func(from, to string) error) builtin {
	return func(_ context.Context, _ *shell, hc interp.HandlerContext, args []string) error {
		_, paths, err := letters(args, allowed)
		if err != nil {
			return err
		}
		if len(paths) < 2 {
			return usage("a source and a target are needed")
		}
		last := len(paths) - 1
		target := at(hc, paths[last])
		info, err := os.Stat(target)
		isDir := err == nil && info.IsDir()
		if !isDir && last > 1 {
			return usage("target %q is not a directory", paths[last])
		}
		for _, path := range paths[:last] {
			to := target
			if isDir {
				to = filepath.Join(target, filepath.Base(path))
			}
			if err := do(at(hc, path), to); err != nil {
				return err
			}
		}
		return nil
	}
}

func touch(flags, path string) error {
	now := time.Now()
	if err := os.Chtimes(path, now, now); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if strings.Contains(flags, "c") {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	return f.Close()
}

func mkdir(flags, path string) error {
	if strings.Contains(flags, "p") {
		return os.MkdirAll(path, 0o777)
	}
	return os.Mkdir(path, 0o777)
}

func remove(flags, path string) error {
	if filepath.Clean(path) == "/" {
		return errors.New("refused to remove /")
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) && strings.Contains(flags, "f") {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return os.Remove(path)
	}
	if !strings.ContainsAny(flags, "rR") {
		return fmt.Errorf("%q is a directory", path)
	}
	return os.RemoveAll(path)
}

// move renames, and between file systems copies and removes.
func move(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, unix.EXDEV) {
		return err
	}
	if err := copyFile(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%q is a directory", from)
	}
	if there, err := os.Stat(to); err == nil && os.SameFile(info, there) {
		return fmt.Errorf("%q and %q are the same file", from, to)
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if closeErr := dst.Close(); err == nil {
		err = closeErr
	}
	return err
}

func chmod(_ context.Context, _ *shell, hc interp.HandlerContext, args []string) error {
	if len(args) < 2 {
		return usage("a mode and a file are needed")
	}
	mode, err := strconv.ParseUint(args[0], 8, 12)
	if err != nil {
		return usage("mode %q is not an octal number", args[0])
	}
	for _, path := range args[1:] {
		// The system call knows the special bits by the numbers users write.
		if err := unix.Chmod(at(hc, path), uint32(mode)); err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
	}
	return nil
}
