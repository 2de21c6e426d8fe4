package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// login logs in with the pod's service account.
const login = `
auto_auth {
  method "kubernetes" { config = { role = "NAME", token_path = "DIR/jwt" } }
}
`

// quick looks for new static secrets every second.
const quick = "template_config { static_secret_render_interval = \"1s\" }\n"

// kv delivers the secret app.
const kv = `
template {
  contents    = "{{ with secret \"secret/data/NAME/app\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/out/kv"
}
`

// agent is a running process of the program.
type agent struct {
	pod   *pod
	cmd   *exec.Cmd
	done  chan struct{} // closed when it has ended
	err   error         // how it ended; valid once done is closed
	asked atomic.Bool   // to end

	mu  sync.Mutex
	out bytes.Buffer
}

// Write implements io.Writer for both outputs of the process.
func (a *agent) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pod.note(string(b))
	return a.out.Write(b)
}

func (a *agent) printed() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.String()
}

// execute starts a program with the environment of the pod.
func (p *pod) execute(program string, args, env []string, attributes *syscall.SysProcAttr) *agent {
	p.t.Helper()
	a := &agent{pod: p, done: make(chan struct{}), cmd: exec.Command(program, args...)}
	a.cmd.Env = slices.Concat(p.env, env)
	a.cmd.Dir = p.dir
	a.cmd.Stdout, a.cmd.Stderr = a, a
	a.cmd.SysProcAttr = attributes
	started := make(chan error, 1)
	go a.attend(started)
	must(p.t, <-started)
	p.t.Cleanup(a.stop)
	return a
}

// attend owns the thread that creates the process, because the kernel kills the
// process when that thread ends.
func (a *agent) attend(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(a.done)
	err := a.cmd.Start()
	started <- err
	if err == nil {
		a.err = a.cmd.Wait()
	}
}

// start runs the agent with a document and more arguments.
func (p *pod) start(document string, args ...string) *agent {
	p.t.Helper()
	p.file("agent.hcl", p.text(document))
	args = append([]string{"agent", "-config=" + p.path("agent.hcl"), "-log-format=json", "-log-level=debug"}, args...)
	return p.execute(world.program, args, nil, attributes())
}

// sidecar runs an agent that logs in as the pod and goes on.
func (p *pod) sidecar(body string, args ...string) *agent {
	p.t.Helper()
	return p.start(login+body, args...)
}

// init runs an agent that logs in as the pod and ends after the first delivery.
func (p *pod) init(body string, args ...string) (code int, printed string) {
	p.t.Helper()
	a := p.start("exit_after_auth = true\n"+login+body, args...)
	return a.wait(), a.printed()
}

// delivers runs an agent to its end, which has to be a good one.
func (p *pod) delivers(body string, args ...string) {
	p.t.Helper()
	if code, _ := p.init(body, args...); code != 0 {
		p.t.Fatalf("exit code %d, want 0", code)
	}
}

// run runs the program to its end.
func (p *pod) run(args ...string) (code int, printed string) {
	p.t.Helper()
	a := p.execute(world.program, args, nil, attributes())
	return a.wait(), a.printed()
}

// wait waits for the end and returns the exit code.
func (a *agent) wait() int {
	a.pod.t.Helper()
	a.asked.Store(true)
	select {
	case <-a.done:
	case <-time.After(patience):
		a.pod.t.Fatalf("the process did not end within %s", patience)
	}
	return a.cmd.ProcessState.ExitCode()
}

// end asks the agent to end as the kubelet does, and returns the exit code.
func (a *agent) end() int {
	a.pod.t.Helper()
	a.signal(syscall.SIGTERM)
	return a.wait()
}

// kill ends the agent as a crash or the kernel would.
func (a *agent) kill() {
	a.pod.t.Helper()
	a.signal(syscall.SIGKILL)
	a.wait()
}

func (a *agent) signal(s syscall.Signal) {
	a.pod.t.Helper()
	must(a.pod.t, a.cmd.Process.Signal(s))
}

// stop ends an agent whose story is over: it must still run, and end in order.
func (a *agent) stop() {
	if a.asked.Load() {
		_ = a.cmd.Process.Kill() // only one that did not end when it should
		<-a.done
		return
	}
	// The error is that it has ended already, which shows below.
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	select {
	case <-a.done:
	case <-ctx.Done():
		_ = a.cmd.Process.Kill()
		<-a.done
	}
	if a.err != nil {
		a.pod.t.Errorf("the sidecar did not end in order: %v", a.err)
	}
}

// awaitReady waits as an exec probe of the pod would.
func (a *agent) awaitReady() {
	a.pod.t.Helper()
	await(a.pod.t, func() error {
		if code, out := a.pod.run("agent", "ready"); code != 0 {
			return errors.New(out)
		}
		return nil
	})
}

// awaitLog waits for the n-th line of the agent's log with that message, in
// which the named fields contain the texts; n counts from 1.
func (a *agent) awaitLog(n int, message string, fields ...string) map[string]any {
	a.pod.t.Helper()
	var found []map[string]any
	await(a.pod.t, func() error {
		if found = a.logged(message, fields...); len(found) < n {
			return fmt.Errorf("%d lines %q %q in the log, want %d", len(found), message, fields, n)
		}
		return nil
	})
	return found[n-1]
}

// logged returns the lines of the agent's log with that message, in which the
// named fields contain the texts.
func (a *agent) logged(message string, fields ...string) []map[string]any {
	var found []map[string]any
	for _, e := range entries(a.printed()) {
		if e["msg"] == message && containsFields(e, fields) {
			found = append(found, e)
		}
	}
	return found
}

func containsFields(e map[string]any, fields []string) bool {
	for i := 0; i+1 < len(fields); i += 2 {
		if !strings.Contains(fmt.Sprint(e[fields[i]]), fields[i+1]) {
			return false
		}
	}
	return true
}

// failure returns the error that a process ended with, which is the last it prints.
func failure(printed string) string {
	_, text, ok := strings.Cut("\n"+printed, "\nError: ")
	if !ok {
		return "(no error) " + printed
	}
	return strings.TrimSuffix(text, "\n")
}

// matches compares a message with what is wanted; three dots at the end stand
// for any rest.
func matches(got, want string) bool {
	if begin, ok := strings.CutSuffix(want, "..."); ok {
		return strings.HasPrefix(got, begin)
	}
	return got == want
}
