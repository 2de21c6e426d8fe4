package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
)

// packaged is a server that comes from the distribution.
type packaged struct {
	target   Target
	name     string                 // as people call it
	packages string                 // of Debian and its derivatives, separated by blanks
	programs string                 // what has to be on the PATH elsewhere
	find     func() (string, error) // where it is
	prepare  [][]string             // commands before the installation
	quiet    func() (undo func() error, err error)
}

// install does nothing when the server is there, and otherwise installs it, which
// needs root.
func (s packaged) install(ctx context.Context, w io.Writer) error {
	if at, err := s.find(); err == nil {
		fmt.Fprintf(w, "%s: up to date (%s)\n", s.target, at)
		return nil
	}
	if err := s.mayInstall(os.Geteuid(), exec.LookPath); err != nil {
		return err
	}
	undo, err := s.quiet()
	if err != nil {
		return fmt.Errorf("keep the package from starting a server: %w", err)
	}
	p := startProgress(w, string(s.target))
	err = errors.Join(s.run(ctx), undo())
	if err != nil {
		p.finish("failed")
		return err
	}
	p.finish("installed")
	_, err = s.find()
	return err
}

func (s packaged) run(ctx context.Context) error {
	commands := append([][]string{{"apt-get", "update"}}, s.prepare...)
	commands = append(commands, []string{"/bin/sh", "-c", s.command()})
	for _, c := range commands {
		if err := runQuietly(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (s packaged) command() string {
	return "apt-get install -y --no-install-recommends " + s.packages
}

func (s packaged) mayInstall(uid int, lookPath func(string) (string, error)) error {
	if _, err := lookPath("apt-get"); err != nil {
		return fmt.Errorf("%s is not installed, and there is no apt-get to install it: "+
			"install it with your system's package manager, so that %s are on the PATH", s.name, s.programs)
	}
	if uid != 0 {
		return fmt.Errorf("%s is not installed: run `%s` as root", s.name, s.command())
	}
	return nil
}

// servicePolicy is the script that Debian's packages ask whether they may start
// their service. 101 stands for no.
const servicePolicy = "/usr/sbin/policy-rc.d"

// noServices forbids it until undo, unless somebody has made a policy already.
func noServices(path string) (undo func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString("#!/bin/sh\nexit 101\n")
	undo = func() error { return os.Remove(path) }
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(err, undo())
	}
	return undo, nil
}

func runQuietly(ctx context.Context, words []string) error {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %q: %w:\n%s", words, err, lastLines(out, 20))
	}
	return nil
}
