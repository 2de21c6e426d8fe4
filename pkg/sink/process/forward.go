package process

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstRealtime is the first real-time signal that a Go program can receive:
// 32 to 34 belong to the threads of C libraries.
const firstRealtime = 35

// Forwarded lists the signals to be received, with [os/signal.Notify], and given
// to [Supervisor.Signal]: all that somebody may send to an application on
// purpose.
//
// Not among them are those that cannot be received; SIGTERM and SIGINT, which
// end this process and so stop the application in order; SIGHUP, which tells the
// agent to read its configuration again, and is not passed on; and what the kernel
// or the runtime sends about this process itself: SIGCHLD, SIGURG, SIGPIPE,
// SIGPROF, SIGTTIN, SIGTTOU, limits and faults.
//
// SIGHUP is to be received, not ignored: what this process ignores, the programs
// that it starts ignore from their beginning.
func Forwarded() []os.Signal {
	all := []os.Signal{
		unix.SIGQUIT, unix.SIGABRT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGVTALRM,
		unix.SIGCONT, unix.SIGTSTP, unix.SIGWINCH, unix.SIGIO, unix.SIGPWR,
	}
	for n := syscall.Signal(firstRealtime); n <= lastSignal; n++ {
		all = append(all, n)
	}
	return all
}
