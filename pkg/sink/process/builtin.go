package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/interp"
)

// builtin is a command of the shell itself. args do not hold its name. Its
// error is shown on standard error behind the name and means status 1, or the
// status it wraps; errQuiet shows nothing.
type builtin func(ctx context.Context, s *shell, hc interp.HandlerContext, args []string) error

// errQuiet fails without a word, as a search that finds nothing does.
var errQuiet = errors.New("")

// builtinNamed is a switch and no map, so that nothing is built before the
// first command needs it. Nil: there is no such built-in.
func builtinNamed(name string) builtin {
	switch name {
	case "kill":
		return kill
	case "pidof":
		return pidof
	case "pgrep":
		return pgrep
	case "pkill":
		return pkill
	case "sleep":
		return sleep
	case "cat":
		return cat
	default:
		return fileBuiltin(name)
	}
}

// usage is a wrong call: status 2.
func usage(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

type usageError struct{ text string }

func (u *usageError) Error() string { return u.text }
func (u *usageError) Unwrap() error { return interp.ExitStatus(2) }

// letters splits one-letter options from operands.
func letters(args []string, allowed string) (string, []string, error) {
	set := ""
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		for _, c := range word[1:] {
			if !strings.ContainsRune(allowed, c) {
				return "", nil, usage("unknown option -%c", c)
			}
		}
		set += word[1:]
	}
	return set, args, nil
}

// at resolves a path against the directory of the shell.
func at(hc interp.HandlerContext, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(hc.Dir, path)
}

// input is standard input; without one it is empty.
func input(hc interp.HandlerContext) io.Reader {
	if hc.Stdin == nil {
		return strings.NewReader("")
	}
	return hc.Stdin
}

func sleep(ctx context.Context, _ *shell, _ interp.HandlerContext, args []string) error {
	if len(args) == 0 {
		return usage("how long?")
	}
	var total time.Duration
	for _, arg := range args {
		d, err := sleepTime(arg)
		if err != nil {
			return err
		}
		total += d
	}
	timer := time.NewTimer(total)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// sleepTime reads a number of seconds, or of minutes, hours or days with a
// suffix. A year stands for any longer time: every command has a timeout.
func sleepTime(arg string) (time.Duration, error) {
	const longest = 365 * 24 * time.Hour
	if arg == "infinity" {
		return longest, nil
	}
	unit, digits := time.Second, arg
	if arg != "" {
		digits = arg[:len(arg)-1]
		switch arg[len(arg)-1] {
		case 's':
		case 'm':
			unit = time.Minute
		case 'h':
			unit = time.Hour
		case 'd':
			unit = 24 * time.Hour
		default:
			digits = arg
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsNaN(n) || n < 0 {
		return 0, usage("invalid time %q", arg)
	}
	return time.Duration(min(n*float64(unit), float64(longest))), nil
}

func cat(ctx context.Context, _ *shell, hc interp.HandlerContext, args []string) error {
	_, names, err := letters(args, "u")
	if err != nil {
		return err
	}
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, name := range names {
		if err := catOne(ctx, hc, name); err != nil {
			return err
		}
	}
	return nil
}

func catOne(ctx context.Context, hc interp.HandlerContext, name string) error {
	if name == "-" {
		return pour(ctx, hc.Stdout, input(hc))
	}
	f, err := open(ctx, name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return pour(ctx, hc.Stdout, f)
}

// pour copies until the end of the input or of the context. A reader that
// blocks, such as a pipe, is woken up by a deadline.
func pour(ctx context.Context, dst io.Writer, src io.Reader) error {
	if f, ok := src.(*os.File); ok {
		woken := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			_ = f.SetReadDeadline(time.Now())
			close(woken)
		})
		defer func() {
			if !stop() {
				<-woken
			}
		}()
	}
	_, err := io.Copy(dst, &interruptible{ctx: ctx, r: src})
	return err
}

// interruptible is a reader that ends with its context.
type interruptible struct {
	ctx context.Context // the reader lives as long as one copy
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}
