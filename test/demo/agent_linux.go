package main

import "syscall"

// attributes puts the agent into a process group of its own, so that an
// interrupt typed at a terminal reaches the demo alone, which ends the agent in
// order; and lets the kernel kill it when the demo dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
