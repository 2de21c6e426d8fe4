package attendant

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// attended starts a shell script under a real attendant.
func attended(ctx context.Context, t *testing.T, script string) *Process {
	t.Helper()
	dir := t.TempDir()
	attend, err := Build(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(ctx, attend, filepath.Join(dir, "log"), []string{"PATH=" + os.Getenv("PATH")}, []string{"/bin/sh", "-c", script})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWait(t *testing.T) {
	p := attended(t.Context(), t, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo said")
	c, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if c.Wall <= 0 || c.CPU <= 0 || c.Exit != 0 || time.Since(c.Start) < c.Wall {
		t.Errorf("cost makes no sense: %+v", c)
	}
	// The attendant must be small, or it is what is measured: a test binary has
	// more than 10 MiB.
	if c.Floor <= 0 || c.Floor > 8<<20 {
		t.Errorf("the attendant occupied %d bytes", c.Floor)
	}
	if c.MaxRSS <= 0 || c.MaxRSS > 8<<20 {
		t.Errorf("a shell's peak is %d bytes", c.MaxRSS)
	}
	if log, err := os.ReadFile(p.log); err != nil || string(log) != "said\n" {
		t.Errorf("the log holds %q, %v", log, err)
	}
}

func TestWaitFailure(t *testing.T) {
	c, err := attended(t.Context(), t, "echo before; echo why >&2; exit 3").Wait()
	want := "exit code 3; the end of its log:\nbefore\nwhy"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if c.Exit != 3 {
		t.Errorf("exit code %d, want 3", c.Exit)
	}
}

func TestStop(t *testing.T) {
	p := attended(t.Context(), t, `trap 'echo stopped; exit 0' TERM; echo ready; while :; do sleep 0.01; done`)
	awaitLog(t, p, "ready")
	if m, err := p.Memory(); err != nil || m.RSS == 0 {
		t.Errorf("memory of a running process: %+v, %v", m, err)
	}
	if _, err := p.Stop(); err != nil {
		t.Error(err)
	}
	awaitLog(t, p, "stopped")
	if _, err := p.Memory(); err == nil || !strings.Contains(err.Error(), "the end of its log:\nready") {
		t.Errorf("memory of a process that has ended: %v", err)
	}
}

// When the one who wanted a process ends, the process ends.
func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := attended(ctx, t, `trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done`)
	awaitLog(t, p, "ready")
	cancel()
	if _, err := p.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := p.Memory(); err == nil {
		t.Error("the process runs on")
	}
}

func awaitLog(t *testing.T, p *Process, text string) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		content, err := os.ReadFile(p.log)
		if err == nil && strings.Contains(string(content), text) {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("the log has no %q", text)
		case <-ticker.C:
		}
	}
}

func TestStartErrors(t *testing.T) {
	dir := t.TempDir()
	attend, err := Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ attend, log, program, want string }{
		"NoAttendant": {
			filepath.Join(dir, "none"), filepath.Join(dir, "log"), "/bin/sh",
			"start attendant: fork/exec " + dir + "/none: no such file or directory",
		},
		"NoProgram": {
			attend, filepath.Join(dir, "log"), "/nowhere",
			`start "/nowhere": attend: start process: fork/exec /nowhere: no such file or directory`,
		},
		"NoLog": {
			attend, filepath.Join(dir, "none", "log"), "/bin/sh",
			`start "/bin/sh": attend: open ` + dir + `/none/log: no such file or directory`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Start(t.Context(), tc.attend, tc.log, nil, []string{tc.program})
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestAttendArguments(t *testing.T) {
	for _, args := range [][]string{nil, {"log"}} {
		err := Attend(args, strings.NewReader(""), io.Discard)
		if want := "expected a log file, a program and its arguments"; err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", args, err, want)
		}
	}
}

// The two lines are the protocol between both sides.
func TestAttend(t *testing.T) {
	stdin, closer := io.Pipe()
	var out bytes.Buffer
	err := Attend([]string{filepath.Join(t.TempDir(), "log"), "/bin/sh", "-c", "exit 7"}, stdin, &out)
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `{"PID":`) || !strings.Contains(lines[1], `"Exit":7`) {
		t.Errorf("printed %q", lines)
	}
}

func TestAttendStopsAtEndOfInput(t *testing.T) {
	var out bytes.Buffer
	if err := Attend([]string{filepath.Join(t.TempDir(), "log"), "/bin/sleep", "3600"}, strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"Exit":-1`) {
		t.Errorf("printed %q, want the end by a signal", out.String())
	}
}

func TestTail(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p := &Process{log: log}
	if got, want := p.tail(), "open "+log+": no such file or directory"; got != want {
		t.Errorf("without a log: %q", got)
	}
	if err := os.WriteFile(log, []byte(strings.Repeat("x", 3*tailBytes)+"end\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.tail(); len(got) != tailBytes-1 || !strings.HasSuffix(got, "xend") {
		t.Errorf("the tail has %d bytes and ends with %q", len(got), got[len(got)-4:])
	}
}
