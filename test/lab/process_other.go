//go:build !linux

package lab

import "syscall"

const nobody = 65534

// attributes has no parent-death signal to ask for: on these systems a server
// outlives an owner that is killed.
func attributes(c command) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if c.asNobody {
		a.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return a
}
