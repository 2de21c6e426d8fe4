package lab

import "syscall"

// nobody is the unprivileged user and group; PostgreSQL refuses to run as root.
const nobody = 65534

// attributes puts a server into a process group of its own, so that an interrupt
// typed at a terminal reaches the owner, which then stops its servers in order;
// and lets the kernel kill it when the owner dies.
func attributes(c command) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: c.namespaces}
	if c.asNobody {
		a.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return a
}
