package e2e_test

import "syscall"

// attributes puts a process into a group of its own, so that an interrupt typed
// at a terminal reaches the tests alone; and lets the kernel kill it when they die.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
