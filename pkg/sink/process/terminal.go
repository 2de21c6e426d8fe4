package process

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// inForeground tells whether a file is the terminal that controls this process,
// and whether this process is among those that may read from it.
func inForeground(f *os.File) bool {
	group, err := unix.IoctlGetUint32(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && int(group) == unix.Getpgrp()
}

// reclaim makes this process the reader of its terminal again. It is in the
// background, and for that the kernel would stop it with SIGTTOU, were the signal
// not blocked. A terminal that is gone is nothing to read from.
func reclaim(terminal *os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &all, &before); err != nil {
		return
	}
	_ = unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPGRP, unix.Getpgrp())
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
}
