//go:build !linux

package e2e_test

import (
	"fmt"
	"os"
	"syscall"
)

// attributes puts a process into a group of its own, so that an interrupt typed
// at a terminal reaches the tests alone.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// playMounter needs the mount namespaces of Linux; so do the stories that use it.
func playMounter() int {
	fmt.Fprintln(os.Stderr, "there are no mount namespaces on this system")
	return 2
}

// playContainer is like playMounter.
func playContainer() int { return playMounter() }
