package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// orphaning is an application that leaves processes behind, whose parent ends
// before them, and goes on.
const orphaning = `
exec {
  command = ["/bin/sh", "-c", "for i in 1 2 3 4 5; do (/bin/sh -c \"/bin/sleep 0.2; : > DIR/orphan-$i\" &) ; done; exec /bin/sleep 600"]
}
`

// TestFirstProcessOfAContainer runs an agent as process 1 of its own process
// namespace, as in a container: it buries the orphans of its application, whose
// parent it becomes, and ends when it is asked to.
func TestFirstProcessOfAContainer(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.file("agent.hcl", p.text(login+variable+kv+orphaning))
	a := p.contained(container{Alone: true}, "agent", "-config="+p.path("agent.hcl"), "-log-format=json")
	await(t, func() error {
		for i := range 5 {
			if _, err := os.Stat(p.path(fmt.Sprintf("orphan-%d", i+1))); err != nil {
				return err
			}
		}
		return nil
	})
	await(t, func() error {
		if left := children(t, a.cmd.Process.Pid); len(left) != 1 || left[0] != "sleep S" {
			return fmt.Errorf("the agent's children are %q, want the application alone", left)
		}
		return nil
	})
	begin := time.Now()
	if code := a.end(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	// An application that does not hear is killed after 30 s.
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("the end took %s", took)
	}
}

// children lists the processes whose parent another is, by name and state.
func children(t *testing.T, parent int) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	must(t, err)
	var found []string
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent ...; the name may hold blanks.
		line := string(text)
		end := strings.LastIndexByte(line, ')')
		fields := strings.Fields(line[end+1:])
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			found = append(found, line[strings.IndexByte(line, '(')+1:end]+" "+fields[0])
		}
	}
	return found
}

// TestFirstProcessPassesOnItsSignals has the application end by the signal that
// the agent gets, with a status that becomes the container's.
func TestFirstProcessPassesOnItsSignals(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.file("agent.hcl", p.text(login+variable+`
exec { command = ["/bin/sh", "-c", "trap 'exit 4' USR1; : > DIR/started; while :; do /bin/sleep 0.05; done"] }
`))
	a := p.contained(container{Alone: true}, "agent", "-config="+p.path("agent.hcl"))
	await(t, func() error {
		_, err := os.Stat(p.path("started"))
		return err
	})
	a.signal(syscall.SIGUSR1)
	if code := a.wait(); code != 4 {
		t.Errorf("exit code %d, want 4", code)
	}
}
