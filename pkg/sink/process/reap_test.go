package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// await tries again and again until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	late := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("after 30s: not %s", what)
		}
	}
}

func childrenOf(t *testing.T, pid int) []relative {
	t.Helper()
	all, err := relatives("/proc")
	must(t, err)
	var own []relative
	for _, p := range all {
		if p.parent == pid {
			own = append(own, p)
		}
	}
	return own
}

// Orphans end, many of them, while commands run that have an exit status each:
// every orphan is buried, and no status lost.
func TestReapLeavesCommandsAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var all, reaper sync.WaitGroup
	reaper.Go(func() { Reap(ctx) })
	for range 4 {
		all.Go(func() {
			for code := 1; code <= 10; code++ {
				err := Command{Argv: []string{"/proc/self/exe"}, Env: part(fmt.Sprint("exit:", code))}.Run(ctx)
				if e, ok := errors.AsType[*Error](err); !ok || e.Status != code {
					t.Errorf("status %d: %v", code, err)
				}
			}
		})
		all.Go(func() {
			for range 5 {
				var out bytes.Buffer
				env := append(part("orphans:3"), fmt.Sprint("SUPERVISOR=", os.Getpid()))
				must(t, Command{Argv: []string{"/proc/self/exe"}, Env: env, Stdout: &out}.Run(ctx))
				want := strings.Repeat(fmt.Sprintln("adopted by", os.Getpid()), 3)
				if diff := cmp.Diff(want, out.String()); diff != "" {
					t.Errorf("orphans said (-want +got):\n%s", diff)
				}
			}
		})
	}
	all.Wait()
	await(t, "without children", func() bool { return len(childrenOf(t, os.Getpid())) == 0 })
	cancel()
	reaper.Wait()
}

// A whole supervisor as a process of its own.
func TestSupervisorReaps(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), partVariable+"=supervise:breed")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var said []string
	lines := bufio.NewScanner(out)
	for len(said) < 6 && lines.Scan() {
		if lines.Text() != "bred" {
			said = append(said, lines.Text())
			continue
		}
		said = append([]string{"bred"}, said...)
	}
	adopted := fmt.Sprint("adopted by ", cmd.Process.Pid)
	if diff := cmp.Diff([]string{"bred", adopted, adopted, adopted, adopted, adopted}, said); diff != "" {
		t.Errorf("it said (-want +got):\n%s", diff)
	}
	await(t, "with the application only", func() bool {
		left := childrenOf(t, cmd.Process.Pid)
		return len(left) == 1 && left[0].state != "Z"
	})
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	must(t, cmd.Wait())
}

// Where nobody asked to adopt orphans, the children of others are not touched.
func TestReapOnlyWhereOrphansAre(t *testing.T) {
	adopted.Store(false)
	defer adopted.Store(true)
	Reap(t.Context()) // returns, although the context does not end
}

// A scan without a file system of processes does nothing, and one that shows a
// child of somebody else neither.
func TestBury(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = part("exit:3")
	must(t, children.start(cmd))
	waitExited(cmd.Process.Pid)
	children.bury("/proc") // it is in somebody's care
	children.bury("/none")
	err := cmd.Wait()
	children.forget(cmd.Process.Pid)
	if code := cmd.ProcessState.ExitCode(); code != 3 {
		t.Errorf("status %d, %v", code, err)
	}

	orphan := exec.Command("/proc/self/exe")
	orphan.Env = part("exit:3")
	must(t, orphan.Start())
	waitExited(orphan.Process.Pid)
	children.bury(fakeProc(t, os.Getpid()))
	if got := childrenOf(t, os.Getpid()); len(got) != 1 || got[0].state != "Z" {
		t.Errorf("children %v", got)
	}
	children.bury("/proc") // it is in nobody's
	if got := childrenOf(t, os.Getpid()); len(got) != 0 {
		t.Errorf("children %v", got)
	}
	if err := orphan.Wait(); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("Wait() = %v", err)
	}
}

func TestChildThatCannotStart(t *testing.T) {
	before := len(children.pids)
	if err := children.start(exec.Command("/no/such")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("start: %v", err)
	}
	if got := len(children.pids); got != before {
		t.Errorf("%d children, before %d", got, before)
	}
}

func TestParseRelative(t *testing.T) {
	const tail = " 4 5 6 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 100 0"
	cases := map[string]struct {
		stat string
		want relative
		ok   bool
	}{
		"Zombie":      {stat: "7 (app) Z 2 3" + tail, want: relative{pid: 7, parent: 2, group: 3, state: "Z"}, ok: true},
		"Parentheses": {stat: "7 (a) Z 1 (b)) S 2 3" + tail, want: relative{pid: 7, parent: 2, group: 3, state: "S"}, ok: true},
		"NoParent":    {stat: "7 (app) Z x 3" + tail, want: relative{pid: 7, group: 3, state: "Z"}},
		"NoGroup":     {stat: "7 (app) Z 2 x" + tail, want: relative{pid: 7, parent: 2, state: "Z"}},
		"Short":       {stat: "7 (app) Z 2 3"},
		"Empty":       {},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := parseRelative(7, tc.stat)
			if ok != tc.ok || got != tc.want {
				t.Errorf("parseRelative() = %+v, %v, want %+v, %v", got, ok, tc.want, tc.ok)
			}
		})
	}
}

func FuzzParseRelative(f *testing.F) {
	f.Add("7 (app) Z 2 3 4 5 6 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 100 0")
	f.Add("7 (a) (b) S")
	f.Add(")(")
	f.Fuzz(func(t *testing.T, stat string) {
		p, ok := parseRelative(1, stat)
		if ok && (p.state == "" || !strings.Contains(stat, "(")) {
			t.Errorf("parseRelative(%q) = %+v", stat, p)
		}
	})
}

func TestAlive(t *testing.T) {
	cmd, _ := launch(t, "/proc/self/exe", "stubborn")
	cases := map[string]struct {
		root string
		pid  int
		want bool
	}{
		"Runs":  {root: "/proc", pid: cmd.Process.Pid, want: true},
		"Other": {root: fakeProc(t, os.Getpid()), pid: cmd.Process.Pid},
		"Blind": {root: "/none", pid: cmd.Process.Pid},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := alive(tc.root, tc.pid); got != tc.want {
				t.Errorf("alive() = %v", got)
			}
		})
	}
	must(t, cmd.Process.Kill())
	waitExited(cmd.Process.Pid)
	if alive("/proc", cmd.Process.Pid) {
		t.Error("a zombie is said to be alive")
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", cmd.Process.Pid)); err != nil {
		t.Errorf("it was buried: %v", err)
	}
}
