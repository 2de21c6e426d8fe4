//go:build !linux

package lab

import "syscall"

const nobody = 65534

// attributes has no parent-death signal to ask for: on these systems a server
// outlives an owner that is killed.
func attributes(asNobody bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if asNobody {
		a.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return a
}
