package process

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// outputDelay is how long the output of a program that has exited is waited
// for when a process it left in the background holds it open.
const outputDelay = time.Second

// grace is how a program is asked, and then made, to end.
type grace struct {
	signal  syscall.Signal
	timeout time.Duration
	// roster lists the programs of an application; nil for a command. The group
	// of an application has the whole time to end, not only its leader.
	roster *roster
}

// run starts a program as the leader of a new process group and waits for it.
// When the context ends the whole group gets the signal, and what is left of
// it when the leader is gone or the time is over gets SIGKILL; the error then
// is the context's, however the leader took it.
func (g grace) run(ctx context.Context, cmd *exec.Cmd) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = outputDelay
	defer g.roster.lend(cmd)()
	if err := g.roster.start(cmd); err != nil {
		return err
	}
	defer children.forget(cmd.Process.Pid)
	cmd.Env = nil // holds secrets, and is not needed any more
	defer g.roster.remove(cmd.Process)
	group := cmd.Process.Pid
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		waitExited(group)
	}()
	stopped := false
	select {
	case <-exited:
	case <-ctx.Done():
		stopped = true
		g.stop(group, exited)
	}
	err := cmd.Wait()
	reapGroup(group, stopped)
	if stopped {
		return ctx.Err()
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

// stop returns when the leader has exited. Until it is reaped, by the caller,
// its number cannot be given to another group, so every signal hits the right
// processes.
func (g grace) stop(group int, exited <-chan struct{}) {
	_ = unix.Kill(-group, g.signal)
	late := time.NewTimer(g.timeout)
	defer late.Stop()
	select {
	case <-exited:
		if g.roster != nil {
			drain("/proc", group, late.C)
		}
	case <-late.C:
	}
	_ = unix.Kill(-group, unix.SIGKILL)
	<-exited
}

// waitExited waits for a child without reaping it.
func waitExited(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// reapGroup collects members of a group whose leader is gone. They are ours
// only if this process adopts orphans, as process 1 of a container does; then
// nobody else would. After a SIGKILL they are waited for, otherwise only those
// that have ended already are taken.
func reapGroup(group int, killed bool) {
	options := unix.WNOHANG
	if killed {
		options = 0
	}
	for {
		pid, err := unix.Wait4(-group, nil, options, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid == 0 {
			return
		}
	}
}

// exitOf takes an exit status or a signal out of an error; 0, 0 if it has none.
func exitOf(err error) (int, syscall.Signal) {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			return 0, ws.Signal()
		}
		return exit.ExitCode(), 0
	}
	return shellStatus(err), 0
}

// serialize lets several programs and the interpreter write to one writer. A
// file is given to the programs as it is; the kernel takes care of it.
func serialize(stdout, stderr io.Writer) (io.Writer, io.Writer) {
	var mu sync.Mutex
	wrap := func(w io.Writer) io.Writer {
		if w == nil {
			return nil
		}
		if _, ok := w.(*os.File); ok {
			return w
		}
		return &lockedWriter{mu: &mu, w: w}
	}
	return wrap(stdout), wrap(stderr)
}

// lockedWriter shares its lock with the writer beside it, because both may be
// the same buffer.
type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
