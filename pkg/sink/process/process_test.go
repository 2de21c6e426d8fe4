package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// part is the environment that makes the program play.
func part(name string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), partVariable + "=" + name}
}

func TestRunDirect(t *testing.T) {
	dir := t.TempDir()
	prog := install(t, dir, "prog")
	must(t, os.WriteFile(filepath.Join(dir, "plain"), []byte("text"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "garbage"), []byte("text"), 0o755))
	cases := map[string]struct {
		reason  string
		command Command
		out     string
		err     string // DIR stands for the directory of the test
	}{
		"OneWord": {command: Command{Argv: []string{prog}, Env: part("args")}, out: "[]\n"},
		"List": {
			reason:  "arguments reach the program as they are",
			command: Command{Argv: []string{prog, "a b", "$(x)", "c,d", ""}, Env: part("args")},
			out:     `["a b" "$(x)" "c,d" ""]` + "\n",
		},
		"FoundOnPath": {
			reason:  "the PATH of the command counts, not that of the agent",
			command: Command{Argv: []string{"prog"}, Env: []string{"PATH=" + dir, partVariable + "=args"}},
			out:     "[]\n",
		},
		"WholeEnvironment": {
			command: Command{Argv: []string{prog}, Env: []string{"A=1", partVariable + "=env"}},
			out:     "A=1\n" + partVariable + "=env\n",
		},
		"Status": {
			command: Command{Argv: []string{prog}, Env: part("exit:3")},
			err:     `command "DIR/prog" failed: exit status 3`,
		},
		"Signal": {
			command: Command{Argv: []string{prog}, Env: part("die")},
			err:     `command "DIR/prog" failed: killed by SIGKILL`,
		},
		"NoArgumentsInErrors": {
			command: Command{Argv: []string{prog, "--password=s3cr3t"}, Env: part("exit:1")},
			err:     `command "DIR/prog" failed: exit status 1`,
		},
		"Empty":      {err: "command is empty"},
		"EmptyWord":  {command: Command{Argv: []string{" "}}, err: "command is empty"},
		"NotOnPath":  {command: Command{Argv: []string{"no-such-program", "x"}, Env: part("")}, err: `command "no-such-program" cannot run: executable file not found in PATH`},
		"NoSuchFile": {command: Command{Argv: []string{dir + "/none"}}, err: `command "DIR/none" cannot run: no such file or directory`},
		"NotExecutable": {
			command: Command{Argv: []string{dir + "/plain"}},
			err:     `command "DIR/plain" cannot run: permission denied`,
		},
		"Garbage": {
			command: Command{Argv: []string{dir + "/garbage"}},
			err:     `command "DIR/garbage" cannot run: fork/exec DIR/garbage: exec format error`,
		},
		"BuiltinInAList": {
			reason:  "an image without tools still runs a list",
			command: Command{Argv: []string{"echo", "a b", "it's"}, Env: []string{"PATH=" + dir}},
			out:     "a b it's\n",
		},
		"ShellInAList": {
			command: Command{Argv: []string{"sh", "-c", `echo "$1,$2"; exit 4`, "name", "one", "two"}, Env: []string{"PATH=" + dir}},
			out:     "one,two\n",
			err:     `command "sh" failed: exit status 4`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			tc.command.Stdout = &out
			err := tc.command.Run(t.Context())
			if diff := cmp.Diff(tc.err, strings.ReplaceAll(errorText(err), dir, "DIR")); diff != "" {
				t.Errorf("%s: error (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.out, out.String()); diff != "" {
				t.Errorf("%s: output (-want +got):\n%s", tc.reason, diff)
			}
			noChildren(t)
		})
	}
}

// A command without Env has the environment of the agent.
func TestRunInheritsEnvironment(t *testing.T) {
	t.Setenv(partVariable, "exit:5")
	err := Command{Argv: []string{"/proc/self/exe"}}.Run(t.Context())
	if want := `command "/proc/self/exe" failed: exit status 5`; errorText(err) != want {
		t.Errorf("Run() = %v, want %s", err, want)
	}
}

// watched is an output that tells when the program is ready.
type watched struct {
	bytes.Buffer
	ready func()
}

func (w *watched) Write(p []byte) (int, error) {
	defer w.ready()
	return w.Buffer.Write(p)
}

// stopped runs a command and ends its context once it is ready.
func stopped(t *testing.T, c Command) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.Stdout = &watched{ready: cancel}
	return c.Run(ctx)
}

func TestRunStopped(t *testing.T) {
	prog := install(t, t.TempDir(), "prog")
	cases := map[string]struct {
		reason  string
		command Command
	}{
		"Polite":   {command: Command{Argv: []string{prog}, Env: part("polite"), KillTimeout: time.Minute}},
		"Stubborn": {command: Command{Argv: []string{prog}, Env: part("stubborn"), KillTimeout: 20 * time.Millisecond}},
		"OtherSignal": {
			reason:  "SIGTERM ends who ignores SIGINT",
			command: Command{Argv: []string{prog}, Env: part("stubborn"), KillSignal: syscall.SIGTERM, KillTimeout: time.Minute},
		},
		"Group": {
			reason:  "the leader dies of SIGINT, the stubborn member is killed with it",
			command: Command{Argv: []string{prog}, Env: part("parent"), KillTimeout: time.Minute},
		},
		"Line":       {command: Command{Argv: []string{prog + "; echo not reached"}, Env: part("stubborn"), KillTimeout: 20 * time.Millisecond}},
		"Pipeline":   {command: Command{Argv: []string{prog + " | cat"}, Env: part("stubborn"), KillTimeout: 20 * time.Millisecond}},
		"Background": {command: Command{Argv: []string{prog + " &"}, Env: part("stubborn"), KillTimeout: 20 * time.Millisecond}},
		"Eval": {
			reason:  "a background command that no job knows is ended too",
			command: Command{Argv: []string{"eval '" + prog + " &'; sleep 60"}, Env: part("stubborn"), KillTimeout: 20 * time.Millisecond},
		},
		"Loop":  {command: Command{Argv: []string{"while true; do echo x; done"}}},
		"Sleep": {command: Command{Argv: []string{"echo x; sleep 60"}, Env: []string{"PATH=/none"}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			err := stopped(t, tc.command)
			if !errors.Is(err, context.Canceled) || !strings.HasSuffix(errorText(err), " stopped: context canceled") {
				t.Errorf("%s: Run() = %v", tc.reason, err)
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("%s: took %s", tc.reason, took)
			}
			noChildren(t)
		})
	}
}

func TestRunTimeout(t *testing.T) {
	prog := install(t, t.TempDir(), "prog")
	fifo := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(fifo, 0o600))
	held, err := os.OpenFile(fifo, os.O_RDWR, 0)
	must(t, err)
	defer func() { _ = held.Close() }()
	lonely := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(lonely, 0o600))
	cases := map[string]struct{ argv []string }{
		"Direct":       {argv: []string{prog}},
		"Line":         {argv: []string{prog + " && true"}},
		"BuiltinSleep": {argv: []string{"exec sleep infinity"}},
		"Background":   {argv: []string{"sleep 60 & true"}},
		"IdlePipe":     {argv: []string{"cat " + fifo}},
		"IdleRedirect": {argv: []string{"cat < " + fifo}},
		"IdleRead":     {argv: []string{"read x < " + fifo}},
		"NoReader":     {argv: []string{"echo reload > " + lonely}},
		"Endless":      {argv: []string{"cat /dev/zero > /dev/null"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := Command{
				Argv: tc.argv, Env: []string{"PATH=/none", partVariable + "=stubborn"},
				Timeout: 100 * time.Millisecond, KillTimeout: 20 * time.Millisecond,
			}
			err := c.Run(t.Context())
			want := fmt.Sprintf("command %q timed out after 100ms", firstWord(tc.argv[0]))
			if errorText(err) != want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Run() = %v, want %s", err, want)
			}
			noChildren(t)
		})
	}
}

// A program that takes the signal for a reason to exit with 0 did not do its
// work nevertheless.
func TestRunPoliteTimeout(t *testing.T) {
	c := Command{Argv: []string{"/proc/self/exe"}, Env: part("polite"), Timeout: 300 * time.Millisecond}
	if err, want := c.Run(t.Context()), `command "/proc/self/exe" timed out after 300ms`; errorText(err) != want {
		t.Errorf("Run() = %v, want %s", err, want)
	}
}

func TestRunCanceledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, argv := range [][]string{{"/proc/self/exe"}, {"echo x; echo y"}, {"sleep 1"}} {
		var out bytes.Buffer
		err := Command{Argv: argv, Env: part("args"), Stdout: &out}.Run(ctx)
		if !errors.Is(err, context.Canceled) || out.Len() > 0 {
			t.Errorf("%q: %v, output %q", argv, err, out.String())
		}
	}
}

// A daemon that was left behind holds the output open; the command is done.
func TestRunLeavesDaemon(t *testing.T) {
	var out bytes.Buffer
	must(t, Command{Argv: []string{"/proc/self/exe"}, Env: part("daemon"), Stdout: &out}.Run(t.Context()))
	for line := range strings.Lines(out.String()) {
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			must(t, syscall.Kill(pid, syscall.SIGKILL)) // fails if it is gone
			_, err := syscall.Wait4(pid, nil, 0, nil)
			must(t, err)
			return
		}
	}
	t.Errorf("no daemon in %q", out.String())
}

// One buffer for both outputs and many writers: the race detector looks on.
func TestRunSharedOutput(t *testing.T) {
	var out bytes.Buffer
	c := Command{Argv: []string{"for i in 1 2 3 4; do { echo o; echo e >&2; } & done"}, Stdout: &out, Stderr: &out}
	must(t, c.Run(t.Context()))
	if got := strings.Count(out.String(), "\n"); got != 8 {
		t.Errorf("%d lines: %q", got, out.String())
	}
}

func TestRunOutputFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	must(t, err)
	defer func() { _ = f.Close() }()
	must(t, Command{Argv: []string{"echo x; printf y >&2"}, Stdout: f, Stderr: f}.Run(t.Context()))
	_, err = f.Seek(0, io.SeekStart)
	must(t, err)
	if got, _ := io.ReadAll(f); string(got) != "x\ny" {
		t.Errorf("output %q", got)
	}
}

func TestFilterEnv(t *testing.T) {
	env := []string{"PATH=/bin", "VAULT_TOKEN=t", "VAULT_ADDR=a", "HOME=/", "odd"}
	cases := map[string]struct {
		reason              string
		pristine            bool
		custom, allow, deny []string
		want                []string
	}{
		"Everything":  {want: env},
		"Custom":      {custom: []string{"A=1"}, want: append(append([]string{}, env...), "A=1")},
		"CustomWins":  {custom: []string{"HOME=/x"}, want: []string{"PATH=/bin", "VAULT_TOKEN=t", "VAULT_ADDR=a", "odd", "HOME=/x"}},
		"Pristine":    {pristine: true, custom: []string{"A=1"}, want: []string{"A=1"}},
		"Nothing":     {reason: "empty, not nil: nil would mean everything", pristine: true, want: []string{}},
		"Allow":       {allow: []string{"VAULT_*", "HOME"}, want: []string{"VAULT_TOKEN=t", "VAULT_ADDR=a", "HOME=/"}},
		"Deny":        {deny: []string{"VAULT_T*"}, want: []string{"PATH=/bin", "VAULT_ADDR=a", "HOME=/", "odd"}},
		"DenyWins":    {allow: []string{"VAULT_*"}, deny: []string{"*_TOKEN"}, want: []string{"VAULT_ADDR=a"}},
		"Unfiltered":  {reason: "what the user set is not filtered", custom: []string{"B=2"}, deny: []string{"*"}, want: []string{"B=2"}},
		"Malformed":   {allow: []string{"[", "HOME"}, want: []string{"HOME=/"}},
		"CaseMatters": {allow: []string{"home"}, want: []string{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := FilterEnv(env, tc.pristine, tc.custom, tc.allow, tc.deny)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
