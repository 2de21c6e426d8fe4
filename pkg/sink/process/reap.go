package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// registry knows the children of this process that somebody waits for. Its lock
// is held while one is started, so that no child is in nobody's care: a reaper
// that took its exit status would leave the one who waits without.
type registry struct {
	mu   sync.Mutex
	pids map[int]struct{}
}

// children is one for the process, as its children are.
var children registry

func (r *registry) start(cmd *exec.Cmd) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	if r.pids == nil {
		r.pids = map[int]struct{}{}
	}
	r.pids[cmd.Process.Pid] = struct{}{}
	return nil
}

// forget is called when the child was waited for.
func (r *registry) forget(pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pids, pid)
}

// bury takes the exit status of every zombie that nobody waits for. A scan that
// fails is repeated with the next death.
func (r *registry) bury(root string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, err := relatives(root)
	if err != nil {
		return
	}
	for _, p := range all {
		if _, ours := r.pids[p.pid]; !ours && p.parent == os.Getpid() && p.state == "Z" {
			// Nobody else can have taken it: it is neither in anybody's care nor
			// can it be since the lock is held. So the number is still its own.
			_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG, nil)
		}
	}
}

// Reap buries, until the context ends, the children that this process did not
// start but adopted: what a program leaves behind when it ends, which otherwise
// stays in the table of processes. It returns at once where orphans go to
// another process: this one is not process 1, and did not call [Adopt].
// Children that this package started are left to those who wait for them, so
// every program of this process has to be started by this package.
//
// [Supervisor.Run] does it by itself.
func Reap(ctx context.Context) {
	if !adopts() {
		return
	}
	deaths := make(chan os.Signal, 1)
	signal.Notify(deaths, unix.SIGCHLD)
	defer signal.Stop(deaths)
	for {
		children.bury("/proc")
		select {
		case <-deaths:
		case <-ctx.Done():
			return
		}
	}
}

// adopted is set by Adopt.
var adopted atomic.Bool

// Adopt makes the orphans of the programs of this process its children, as those
// of process 1 are anyway, to be buried by [Reap]. Where the process 1 of a
// container does so, nobody needs it.
func Adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the parent of orphans: %w", err)
	}
	adopted.Store(true)
	return nil
}

func adopts() bool { return os.Getpid() == 1 || adopted.Load() }

// relative is a process, and whom it belongs to.
type relative struct {
	pid, parent, group int
	state              string // one letter, see proc(5)
}

func relatives(root string) ([]relative, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var all []relative
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(root, e.Name(), "stat"))
		if err != nil {
			continue // it is gone
		}
		if p, ok := parseRelative(pid, string(stat)); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

func parseRelative(pid int, stat string) (relative, bool) {
	_, fields, ok := statFields(stat)
	if !ok {
		return relative{}, false
	}
	parent, noParent := strconv.Atoi(fields[fieldParent])
	group, noGroup := strconv.Atoi(fields[fieldGroup])
	return relative{pid: pid, parent: parent, group: group, state: fields[fieldState]}, noParent == nil && noGroup == nil
}

// drain waits until nothing of a group runs, or it is late. The leader, which
// is dead but not buried, keeps the number of the group from others.
func drain(root string, group int, late <-chan time.Time) {
	// Soon enough that no restart feels slow, seldom enough for a scan of /proc.
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for alive(root, group) {
		select {
		case <-again.C:
		case <-late:
			return
		}
	}
}

// alive tells whether a member of a group runs. Where nobody can tell, nothing
// is waited for.
func alive(root string, group int) bool {
	all, err := relatives(root)
	if err != nil {
		return false
	}
	for _, p := range all {
		if p.group == group && p.state != "Z" && p.state != "X" {
			return true
		}
	}
	return false
}
