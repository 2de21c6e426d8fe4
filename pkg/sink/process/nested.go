package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/interp"
)

// isShell tells whether a program is a shell that the embedded one can play
// where the image has none.
func isShell(name string) bool {
	switch name {
	case "sh", "ash", "dash", "bash":
		return true
	}
	return false
}

// invocation is the command line of a shell: sh -ec TEXT NAME ARG..., or
// sh FILE ARG..., or the script on standard input.
type invocation struct {
	options []string
	text    string
	isText  bool
	file    string
	params  []string
}

var errNoText = errors.New("-c needs a text")

func parseInvocation(args []string) (invocation, error) {
	var inv invocation
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		flags := args[0]
		args = args[1:]
		if flags == "--" {
			break
		}
		if err := inv.flags(flags[1:]); err != nil {
			return inv, err
		}
	}
	switch {
	case inv.isText && len(args) == 0:
		return inv, errNoText
	case inv.isText:
		// The word after the text is $0.
		inv.text, inv.params = args[0], args[min(2, len(args)):]
	case len(args) > 0:
		inv.file, inv.params = args[0], args[1:]
	}
	return inv, nil
}

func (inv *invocation) flags(letters string) error {
	for _, c := range letters {
		switch {
		case c == 'c':
			inv.isText = true
		case strings.ContainsRune("aefux", c):
			inv.options = append(inv.options, "-"+string(c))
		case strings.ContainsRune("lis", c):
			// A login or interactive shell reads files an image without a
			// shell does not have.
		default:
			return fmt.Errorf("unknown option -%c", c)
		}
	}
	return nil
}

// source opens the text of the script.
func (inv invocation) source(hc interp.HandlerContext) (io.ReadCloser, error) {
	switch {
	case inv.isText:
		return io.NopCloser(strings.NewReader(inv.text)), nil
	case inv.file == "":
		return io.NopCloser(input(hc)), nil
	case filepath.IsAbs(inv.file):
		return os.Open(inv.file)
	default:
		return os.Open(filepath.Join(hc.Dir, inv.file))
	}
}

// nested plays a shell that was called as a program. It sees the exported
// variables only. A text that is wrong has status 2.
func (s *shell) nested(ctx context.Context, hc interp.HandlerContext, args []string) error {
	inv, err := parseInvocation(args[1:])
	var sc *script
	if err == nil {
		sc, err = inv.script(hc)
	}
	if err != nil {
		_, _ = fmt.Fprintf(hc.Stderr, "%s: %v\n", args[0], err)
		return interp.ExitStatus(2)
	}
	return s.interpret(ctx, sc, sc.stmts, room{
		env: snapshot(hc.Env, isExported), dir: hc.Dir, options: inv.options, params: inv.params,
		stdin: hc.Stdin, stdout: hc.Stdout, stderr: hc.Stderr,
	})
}

func (inv invocation) script(hc interp.HandlerContext) (*script, error) {
	src, err := inv.source(hc)
	if err != nil {
		return nil, err
	}
	defer func() { _ = src.Close() }()
	return parse(src)
}
