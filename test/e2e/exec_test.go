package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// variable renders the secret app for an application.
const variable = `
env_template "SECRET" {
  contents = "{{ with secret \"secret/data/NAME/app\" }}{{ .Data.data.password }}{{ end }}"
}
`

// TestApplicationIsStartedAgainAfterAChange has an application with a variable, a
// file and a listener beside it: all follow one change, and the file is there first.
func TestApplicationIsStartedAgainAfterAChange(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.serve(variable+kv+shared, `restart_stop_signal = "SIGINT"`)
	p.awaitFile("notes", "start "+canary+"-1\n")
	p.awaitProxy()
	if got := p.read("out/kv"); got != canary+"-1" {
		t.Errorf("the application was started before the file was there: %q", got)
	}
	p.put("app", canary+"-2")
	p.awaitFile("notes", "start "+canary+"-1\ninterrupt\nstart "+canary+"-2\n")
	if got := p.read("out/kv"); got != canary+"-2" {
		t.Errorf("the file did not follow: %q", got)
	}
	line := a.awaitLog(1, "application starts again")
	if got := fmt.Sprint(line["changes"]); got != "[SECRET]" {
		t.Errorf("the log names %s", got)
	}
	if code := a.end(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if got := p.read("notes"); !strings.HasSuffix(got, "-2\ninterrupt\n") {
		t.Errorf("the application was not stopped by its signal: %q", got)
	}
}

// TestApplicationFollowsARotation has Vault replace a password every 5 s: the
// application runs with each new one, and that works.
func TestApplicationFollowsARotation(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	must(t, p.vault.StaticRole(t.Context(), "database", p.name, world.postgres, 5*time.Second))
	p.serve(`
env_template "SECRET" {
  contents = "{{ with secret \"database/static-creds/NAME\" }}{{ .Data.username }}:{{ .Data.password }}{{ end }}"
}
`)
	started := func() []string {
		var logins []string
		for line := range strings.Lines(p.read("notes")) {
			if text, ok := strings.CutPrefix(line, "start "); ok {
				logins = append(logins, strings.TrimSpace(text))
			}
		}
		return logins
	}
	// A busy machine may take longer for a restart than the password lasts, so the
	// last start counts as long as it is the last.
	await(t, func() error {
		logins := started()
		if len(logins) < 2 {
			return fmt.Errorf("%d starts", len(logins))
		}
		last := p.parseLogin(logins[len(logins)-1])
		if last == p.parseLogin(logins[0]) {
			return errors.New("the application was started again with the same password")
		}
		return p.works(last)
	})
}

// TestApplicationThatIsNeverRestarted keeps its variables, while files follow.
func TestApplicationThatIsNeverRestarted(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.serve(variable+kv, `restart_on_secret_changes = "never"`)
	p.awaitFile("notes", "start "+canary+"-1\n")
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	// A restart would begin 2 s after the change, in which others are gathered.
	<-time.After(4 * time.Second)
	a.signal(syscall.SIGWINCH)
	p.awaitFile("notes", "start "+canary+"-1\nwindow changed\n")
}

// TestApplicationGetsSignals sends each to the agent. A hangup is for the agent.
func TestApplicationGetsSignals(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.serve(variable)
	p.awaitFile("notes", "start "+canary+"-1\n")
	a.signal(syscall.SIGHUP)
	a.awaitLog(1, "configuration is unchanged")
	a.signal(syscall.SIGUSR1)
	p.awaitFile("notes", "start "+canary+"-1\nuser defined signal 1\n")
}

func TestApplicationWritesToFiles(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.file("stdout", "from before\n")
	a := p.serve(variable, `child_process_stdout = "`+p.path("stdout")+`"`, `child_process_stderr = "`+p.path("stderr")+`"`)
	p.awaitFile("notes", "start "+canary+"-1\n")
	p.awaitFile("stdout", "from before\nservice on standard output\n")
	p.awaitFile("stderr", "service on standard error\n")
	if out := a.printed(); strings.Contains(out, "service on standard") {
		t.Error("the agent prints what goes to files")
	}
}

// TestApplicationThatEnds takes the agent with it.
func TestApplicationThatEnds(t *testing.T) {
	cases := map[string]struct {
		command string
		code    int
		want    string // error
	}{
		"well":             {`["/bin/sh", "-c", "exit 0"]`, 0, ""},
		"with a status":    {`["/bin/sh", "-c", "exit 7"]`, 7, `application "/bin/sh" exited with status 7`},
		"by a signal":      {`["/bin/sh", "-c", "kill -KILL $$"]`, 137, `application "/bin/sh" was killed by SIGKILL`},
		"as a line":        {`"exit 9"`, 9, `application "exit" exited with status 9`},
		"not found":        {`["DIR/none"]`, 127, `application "DIR/none" cannot start: no such file or directory`},
		"not on the PATH":  {`["none-of-this-name"]`, 127, `application "none-of-this-name" cannot start: executable file not found in PATH`},
		"not executable":   {`["DIR/jwt"]`, 126, `application "DIR/jwt" cannot start: permission denied`},
		"nothing to run":   {`["DIR"]`, 126, `application "DIR" cannot start: is a directory`},
		"shown to nobody":  {`["/bin/sh", "-c", "echo $SECRET > DIR/shown; exit 3"]`, 3, `application "/bin/sh" exited with status 3`},
		"outlived by none": {`["/bin/sh", "-c", "trap 'exit 5' TERM; kill -TERM $$"]`, 5, `application "/bin/sh" exited with status 5`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			a := p.start(login + variable + "exec { command = " + tc.command + " }\n")
			code := a.wait()
			got := ""
			if strings.Contains(a.printed(), "Error: ") {
				got = failure(a.printed())
			}
			if want := p.text(tc.want); code != tc.code || got != want {
				t.Errorf("exit code %d, want %d\ngot  %s\nwant %s", code, tc.code, got, want)
			}
			if name == "shown to nobody" && p.read("shown") != canary+"-1\n" {
				t.Errorf("the application has %q", p.read("shown"))
			}
		})
	}
}

// TestApplicationWaitsForItsVariables is not started before all are there, nor by
// an agent that ends after the first delivery.
func TestApplicationWaitsForItsVariables(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	late := "\nenv_template \"LATE\" {\n  contents = \"{{ with secret \\\"secret/data/NAME/late\\\" }}{{ .Data.data.password }}{{ end }}\"\n}\n"
	a := p.serve(variable + late + kv)
	p.awaitFile("out/kv", canary+"-1")
	a.awaitLog(1, "secret not refreshed", "error", "not found")
	if code, out := p.run("agent", "ready"); code != 1 || failure(out) != "not ready: 1 of 3 templates were not rendered yet" {
		t.Errorf("ready: exit code %d, %s", code, failure(out))
	}
	if p.read("notes") != "" {
		t.Error("the application runs without a variable")
	}
	p.put("late", canary+"-late")
	p.awaitFile("notes", "start "+canary+"-1\n")
	a.awaitReady()
}

// TestApplicationWithFilesAlone has no variable: it starts once its file is
// there, and goes on when that changes.
func TestApplicationWithFilesAlone(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	late := strings.Replace(kv, "NAME/app", "NAME/late", 1)
	a := p.serve(late)
	a.awaitLog(1, "secret not refreshed", "error", "not found")
	if p.read("notes") != "" {
		t.Error("the application runs without its file")
	}
	p.put("late", canary+"-late")
	p.awaitFile("notes", "start \n")
	p.put("late", canary+"-later")
	p.awaitFile("out/kv", canary+"-later")
	a.signal(syscall.SIGWINCH)
	p.awaitFile("notes", "start \nwindow changed\n")
}

func TestApplicationIsNotRunByAnInitContainer(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.delivers(variable + kv + "exec { command = [\"/bin/sh\", \"-c\", \"touch DIR/ran\"] }\n")
	if _, err := os.Stat(p.path("ran")); err == nil || p.read("out/kv") != canary+"-1" {
		t.Error("the application was run, or the file is not there")
	}
}

// TestVariableThatNoProgramTakes keeps the application as it is when a secret
// becomes too long for a variable.
func TestVariableThatNoProgramTakes(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.serve(variable)
	p.awaitFile("notes", "start "+canary+"-1\n")
	p.put("app", canary+strings.Repeat("x", 140_000))
	line := a.awaitLog(1, "application does not get its variables")
	want := fmt.Sprintf(`variable "SECRET": %d bytes are more than the %d that a program can be given in one variable`,
		len("SECRET=\x00")+len(canary)+140_000, 32*os.Getpagesize())
	if line["error"] != want {
		t.Errorf("got  %v\nwant %s", line["error"], want)
	}
	p.put("app", canary+"-3")
	p.awaitFile("notes", "start "+canary+"-1\nterminated\nstart "+canary+"-3\n")
}
