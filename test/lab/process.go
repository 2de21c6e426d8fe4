package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// command describes a server process.
type command struct {
	name string   // for errors
	argv []string // argv[0] is the path of the program
	dir  string   // its working directory
	log  string   // file that its output is appended to
	env  []string // variables beyond those of this process

	asNobody bool           // run as the unprivileged user 65534
	term     syscall.Signal // asks it to end; zero means SIGTERM

	namespaces uintptr // new ones of the kernel (CLONE_*) to run in; Linux only
}

// process is a running server. Its goroutine ends with the server, and stop and
// kill wait for that.
type process struct {
	command
	cmd  *exec.Cmd
	done chan struct{} // closed when the server has ended
	err  error         // how it ended; valid once done is closed
}

// start returns when the program has been executed.
func start(c command) (*process, error) {
	out, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	defer out.Close()
	p := &process{command: c, done: make(chan struct{})}
	p.cmd = exec.Command(c.argv[0], c.argv[1:]...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = c.dir, out, out
	if len(c.env) > 0 {
		p.cmd.Env = append(os.Environ(), c.env...)
	}
	p.cmd.SysProcAttr = attributes(c)
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	return p, nil
}

// run owns the operating system's thread that creates the child: the kernel
// sends the parent-death signal when that thread ends, so it must live exactly
// as long as the child or this whole process, whichever is shorter.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks the server to end, kills it after the grace period, and returns
// when it is gone.
func (p *process) stop(grace time.Duration) {
	term := p.term
	if term == 0 {
		term = syscall.SIGTERM
	}
	// The error is that the process has ended already.
	_ = p.cmd.Process.Signal(term)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.kill()
	}
}

func (p *process) kill() {
	select {
	case <-p.done:
	default:
		// Its children, such as those of initdb, would go on writing.
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
	<-p.done
}

// await calls probe until it succeeds, the server ends, or ctx ends. The error
// carries the end of the server's log.
func (p *process) await(ctx context.Context, every time.Duration, probe func(context.Context) error) error {
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready: %w; the end of its log:\n%s", p.name, p.endError(), p.logTail())
		default:
		}
		if end := sleep(ctx, every); end != nil {
			return fmt.Errorf("%s is not ready: %w (last try: %w); the end of its log:\n%s", p.name, end, err, p.logTail())
		}
	}
}

func (p *process) endError() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

func (p *process) logTail() string { return logTail(p.log) }

// tailBytes and tailLines bound how much of a log an error shows.
const (
	tailBytes = 8 << 10
	tailLines = 20
)

func logTail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = f.Seek(-tailBytes, io.SeekEnd)
	}
	b, err := io.ReadAll(io.LimitReader(f, tailBytes))
	if err != nil {
		return err.Error()
	}
	return lastLines(b, tailLines)
}

func lastLines(b []byte, n int) string {
	lines := bytes.Split(bytes.TrimRight(b, "\n"), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}
