package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// stage is a supervisor with a real application.
type stage struct {
	*Supervisor
	t      *testing.T
	out    *bufio.Reader // of the application, standard output and error
	cancel context.CancelFunc
	ended  chan error
}

// perform runs the program that plays a part. What o says of the environment
// comes before that.
func perform(t *testing.T, partName string, o SupervisorOptions, env map[string]sensitive.String) *stage {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	must(t, r.SetReadDeadline(time.Now().Add(time.Minute)))
	if o.Argv == nil {
		o.Argv = []string{"/proc/self/exe"}
	}
	o.Env = append(part(partName), o.Env...)
	o.Stdin, err = os.Open(os.DevNull)
	must(t, err)
	o.Stdout, o.Stderr = w, w
	s, err := NewSupervisor(o)
	must(t, err)
	must(t, s.Update(env))
	ctx, cancel := context.WithCancel(t.Context())
	st := &stage{Supervisor: s, t: t, out: bufio.NewReader(r), cancel: cancel, ended: make(chan error, 1)}
	go func() {
		defer func() { _ = w.Close() }()
		st.ended <- s.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		for range st.ended { // closed by the test that took the error
			break
		}
		_, _ = r.Close(), o.Stdin.Close()
		noChildren(t)
	})
	return st
}

// says fails unless the next line of the application is this one.
func (st *stage) says(want string) {
	st.t.Helper()
	if got, err := st.out.ReadString('\n'); got != want+"\n" {
		st.t.Fatalf("the application said %q, %v, want %q", got, err, want)
	}
}

// end waits for the supervisor.
func (st *stage) end() error {
	st.t.Helper()
	defer close(st.ended)
	select {
	case err := <-st.ended:
		return err
	case <-time.After(time.Minute):
		st.t.Fatal("the supervisor does not end")
		return nil
	}
}

func TestApplicationEnds(t *testing.T) {
	dir := t.TempDir()
	prog := install(t, dir, "prog")
	must(t, os.WriteFile(filepath.Join(dir, "plain"), []byte("text"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "garbage"), []byte("text"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "lost"), []byte("#!/no/such/shell\n"), 0o755))
	cases := map[string]struct {
		reason string
		argv   []string
		part   string
		code   int
		err    string // DIR stands for the directory of the test
	}{
		"Zero":          {argv: []string{prog}, part: "exit:0", err: `application "DIR/prog" exited with status 0`},
		"Status":        {argv: []string{prog, "x"}, part: "exit:3", code: 3, err: `application "DIR/prog" exited with status 3`},
		"HighStatus":    {argv: []string{prog}, part: "exit:255", code: 255, err: `application "DIR/prog" exited with status 255`},
		"Signal":        {argv: []string{prog}, part: "die", code: 137, err: `application "DIR/prog" was killed by SIGKILL`},
		"NotFound":      {argv: []string{dir + "/none", "s3cr3t"}, code: 127, err: `application "DIR/none" cannot start: no such file or directory`},
		"NotOnPath":     {argv: []string{"no-such-program", "s3cr3t"}, code: 127, err: `application "no-such-program" cannot start: executable file not found in PATH`},
		"NotExecutable": {argv: []string{dir + "/plain"}, code: 126, err: `application "DIR/plain" cannot start: permission denied`},
		"Garbage":       {argv: []string{dir + "/garbage"}, code: 126, err: `application "DIR/garbage" cannot start: exec format error`},
		"Directory":     {argv: []string{dir}, code: 126, err: `application "DIR" cannot start: is a directory`},
		"Lost":          {reason: "the interpreter of the script is what is missing", argv: []string{dir + "/lost"}, code: 127, err: `application "DIR/lost" cannot start: no such file or directory`},
		"PlainLine":     {argv: []string{prog + " 'a b' c"}, part: "exit:4", code: 4, err: `application "DIR/prog" exited with status 4`},
		"Exec":          {argv: []string{"exec " + prog + " x"}, part: "exit:4", code: 4, err: `application "DIR/prog" exited with status 4`},
		"ShellLine":     {argv: []string{prog + " && true || exit 9"}, part: "exit:4", code: 9, err: `application "DIR/prog" exited with status 9`},
		"ShellSignal":   {argv: []string{prog + "; exit $?"}, part: "die", code: 137, err: `application "DIR/prog" exited with status 137`},
		"ShellNotFound": {argv: []string{"no-such-program; exit $?"}, code: 127, err: `application "no-such-program" exited with status 127`},
		"ShellExec":     {argv: []string{"x=1; exec " + prog}, part: "exit:6", code: 6, err: `application "exec" exited with status 6`},
		"NoShell":       {reason: "an image without a shell", argv: []string{"ash", "-c", prog + "; exit 7"}, part: "exit:0", code: 7, err: `application "ash" exited with status 7`},
		"BuiltIn":       {reason: "an image without tools", argv: []string{"sleep 0"}, err: `application "sleep" exited with status 0`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			st := perform(t, tc.part, SupervisorOptions{Argv: tc.argv, Env: []string{"PATH=/none"}}, nil)
			err := st.end()
			exit, ok := errors.AsType[*ExitError](err)
			if !ok {
				t.Fatalf("%s: Run() = %v, not an exit", tc.reason, err)
			}
			got := []any{exit.Code, strings.ReplaceAll(exit.Error(), dir, "DIR")}
			if diff := cmp.Diff([]any{tc.code, tc.err}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// The lines are run in the same way by an interpreter and without one.
func applicationLines(program string) map[string]string {
	return map[string]string{
		"Direct":     program,
		"PlainLine":  program + " x",
		"ShellLine":  "true; " + program,
		"Background": program + " & wait",
	}
}

func TestApplicationRestarts(t *testing.T) {
	prog := install(t, t.TempDir(), "prog")
	lines := applicationLines(prog)
	lines["Pipe"] = prog + " | cat"
	for name, line := range lines {
		t.Run(name, func(t *testing.T) {
			var changes []string
			o := SupervisorOptions{
				Argv: []string{line}, Env: []string{"A=base", "B=base"}, RestartOnChange: true, Debounce: time.Millisecond,
				OnStart: func(changed []string) { changes = append(changes, strings.Join(changed, "+")) },
			}
			st := perform(t, "show", o, given("A=1"))
			st.says("1 base")
			must(t, st.Update(given("A=2")))
			st.says("2 base")
			must(t, st.Update(given("B=3")))
			st.says("base 3")
			st.cancel()
			must(t, st.end())
			if diff := cmp.Diff([]string{"", "A", "A+B"}, changes); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplicationHears(t *testing.T) {
	prog := install(t, t.TempDir(), "prog")
	for name, line := range applicationLines(prog) {
		t.Run(name, func(t *testing.T) {
			st := perform(t, "hear", SupervisorOptions{Argv: []string{line}, StopTimeout: time.Minute}, nil)
			st.says("ready")
			if !st.Started() {
				t.Error("it is not said to be started")
			}
			for _, sig := range append(Forwarded(), syscall.SIGHUP) {
				must(t, st.Signal(sig))
				st.says(signalName(sig))
			}
			st.cancel()
			st.says("SIGTERM")
			must(t, st.end())
			want := "forward SIGUSR1: the application does not run"
			if diff := cmp.Diff(want, errorText(st.Signal(syscall.SIGUSR1))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A signal that ends the application is its own end.
func TestApplicationEndsOfSignal(t *testing.T) {
	st := perform(t, "polite", SupervisorOptions{}, nil)
	st.says("ready")
	must(t, st.Signal(syscall.SIGQUIT))
	var lines strings.Builder
	_, err := st.out.WriteTo(&lines) // a Go program tells where it was
	must(t, err)
	exit, ok := errors.AsType[*ExitError](st.end())
	if !ok || exit.Code != 2 {
		t.Errorf("ended with %v", exit)
	}
}

func TestApplicationStops(t *testing.T) {
	prog := install(t, t.TempDir(), "prog")
	lines := applicationLines(prog)
	for name, line := range lines {
		t.Run("Deaf"+name, func(t *testing.T) {
			st := perform(t, "deaf", SupervisorOptions{Argv: []string{line}, StopTimeout: 20 * time.Millisecond}, nil)
			st.says("ready")
			st.cancel()
			must(t, st.end())
		})
		t.Run("Signal"+name, func(t *testing.T) {
			o := SupervisorOptions{Argv: []string{line}, StopTimeout: time.Minute, StopSignal: syscall.SIGINT}
			st := perform(t, "polite", o, nil)
			st.says("ready")
			st.cancel()
			must(t, st.end())
		})
		t.Run("Family"+name, func(t *testing.T) {
			st := perform(t, "family", SupervisorOptions{Argv: []string{line}, StopTimeout: time.Minute}, nil)
			st.says("ready")
			st.cancel()
			st.says("closed") // and is not killed as soon as the leader is gone
			must(t, st.end())
		})
	}
}

// Nothing is started any more when the line is stopped.
func TestShellLineStopsWhole(t *testing.T) {
	prog := install(t, t.TempDir(), "prog")
	o := SupervisorOptions{Argv: []string{prog + "; echo one more; " + prog}, StopTimeout: time.Minute}
	st := perform(t, "hear", o, nil)
	st.says("ready")
	st.cancel()
	st.says("SIGTERM")
	must(t, st.end())
	if rest, _ := st.out.ReadString('\n'); rest != "" {
		t.Errorf("after the stop it said %q", rest)
	}
}

func TestSignalBeforeStart(t *testing.T) {
	s, err := NewSupervisor(SupervisorOptions{Argv: []string{"x"}})
	must(t, err)
	want := "forward signal 40: the application does not run"
	if diff := cmp.Diff(want, errorText(s.Signal(syscall.Signal(40)))); diff != "" {
		t.Error(diff)
	}
	if s.Started() {
		t.Error("it is said to be started")
	}
}

func TestForwarded(t *testing.T) {
	got := map[os.Signal]bool{}
	for _, sig := range Forwarded() {
		got[sig] = true
	}
	own := []syscall.Signal{
		syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP,
		syscall.SIGPIPE, syscall.SIGPROF, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGSEGV,
	}
	for _, sig := range own {
		if got[sig] {
			t.Errorf("%s is forwarded", sig)
		}
	}
	for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGQUIT, 37, 64} {
		if !got[sig] {
			t.Errorf("%s is not forwarded", sig)
		}
	}
}

// Nobody who lists processes sees a secret: it is in the environment only, which
// is for the same user.
func TestNoSecretInArguments(t *testing.T) {
	const secret = "s3cr3t-c4n4ry"
	prog := install(t, t.TempDir(), "prog")
	for name, line := range applicationLines(prog) {
		t.Run(name, func(t *testing.T) {
			st := perform(t, "show", SupervisorOptions{Argv: []string{line}}, given("A="+secret, "B=2"))
			st.says(secret + " 2")
			st.roster.mu.Lock()
			defer st.roster.mu.Unlock()
			for p := range st.roster.programs {
				raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Pid))
				if err != nil || len(raw) == 0 || strings.Contains(string(raw), secret) {
					t.Errorf("arguments of %d: %q, %v", p.Pid, raw, err)
				}
			}
			if len(st.roster.programs) == 0 {
				t.Error("no program")
			}
			if text := fmt.Sprintf("%+v %#v %v", st.Supervisor, st.Supervisor, st.current()); strings.Contains(text, secret) {
				t.Error("the supervisor prints its variables")
			}
		})
	}
}

// Output files are appended to, with the mode of other files, also when both are
// the same one.
func TestOutputFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	must(t, os.WriteFile(path, []byte("before\n"), 0o600))
	cases := map[string]struct{ stdout, stderr, want, pipe string }{
		"Stdout": {stdout: path, want: "before\nout\n", pipe: "err\n"},
		"Stderr": {stderr: path, want: "before\nout\nerr\n", pipe: "out\n"},
		"Both":   {stdout: path, stderr: path, want: "before\nout\nerr\nout\nerr\n"},
	}
	for _, name := range []string{"Stdout", "Stderr", "Both"} {
		tc := cases[name]
		t.Run(name, func(t *testing.T) {
			o := SupervisorOptions{Argv: []string{"echo out; echo err >&2"}, StdoutFile: tc.stdout, StderrFile: tc.stderr}
			st := perform(t, "", o, nil)
			if exit, ok := errors.AsType[*ExitError](st.end()); !ok || exit.Code != 0 {
				t.Errorf("ended with %v", exit)
			}
			got, err := os.ReadFile(path)
			must(t, err)
			var rest strings.Builder
			_, err = st.out.WriteTo(&rest)
			must(t, err)
			if diff := cmp.Diff([]string{tc.want, tc.pipe}, []string{string(got), rest.String()}); diff != "" {
				t.Errorf("file and pipe (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("New", func(t *testing.T) {
		created := filepath.Join(dir, "new")
		mask := syscall.Umask(0)
		defer syscall.Umask(mask)
		st := perform(t, "", SupervisorOptions{Argv: []string{"echo out"}, StdoutFile: created}, nil)
		_ = st.end()
		info, err := os.Stat(created)
		must(t, err)
		if info.Mode() != 0o644 || info.Size() != 4 {
			t.Errorf("mode %s, size %d", info.Mode(), info.Size())
		}
	})
	t.Run("Nowhere", func(t *testing.T) {
		o := SupervisorOptions{Argv: []string{"echo out"}, StdoutFile: filepath.Join(dir, "created"), StderrFile: dir + "/no/such"}
		err := perform(t, "", o, nil).end()
		want := "open the output of the application: open DIR/no/such: no such file or directory"
		if diff := cmp.Diff(want, strings.ReplaceAll(errorText(err), dir, "DIR")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Without streams of its own the application has those of this process.
func TestSupervisorDefaults(t *testing.T) {
	t.Setenv("SOME", "thing")
	s, err := NewSupervisor(SupervisorOptions{Argv: []string{"x"}})
	must(t, err)
	if s.o.Stdin != os.Stdin || s.o.Stdout != os.Stdout || s.o.Stderr != os.Stderr || valueOf(s.o.Env, "SOME") != "thing" {
		t.Errorf("options %+v", s.o)
	}
	got := []any{s.o.StopSignal, s.o.StopTimeout, s.o.Debounce}
	if diff := cmp.Diff([]any{syscall.SIGTERM, 30 * time.Second, 2 * time.Second}, got); diff != "" {
		t.Error(diff)
	}
}
