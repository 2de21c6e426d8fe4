package agent_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/agent"
)

// applicationDocument runs a shell line with a variable and a file.
func applicationDocument(line string) string {
	return `
exec {
  command                   = ["/bin/sh", "-c", "` + line + `"]
  restart_on_secret_changes = "always"
}
env_template "PASSWORD" {
  contents = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
}
` + dbTemplate
}

func TestApplicationRunsWithItsVariablesAndFiles(t *testing.T) {
	w := newWorld(t)
	o := w.options(w.document(applicationDocument("echo $PASSWORD > DIR/seen; cat DIR/out/db >> DIR/seen; exit 7")))
	err := agent.Run(t.Context(), o)
	if code := agent.ExitCode(err); code != 7 {
		t.Errorf("exit code %d (%v), want that of the application", code, err)
	}
	seen := w.read("seen")
	if !strings.HasPrefix(seen, canary+"-1\n") || !strings.Contains(seen, ":") {
		t.Error("the application did not see its variable and its file")
	}
}

func TestApplicationThatEndsWellEndsTheAgentWell(t *testing.T) {
	w := newWorld(t)
	if err := agent.Run(t.Context(), w.options(w.document(applicationDocument("exit 0")))); err != nil {
		t.Errorf("Run() = %v", err)
	}
}

func TestApplicationIsRestartedAndStoppedInOrder(t *testing.T) {
	w := newWorld(t)
	o := w.options(w.document(applicationDocument("trap 'echo stopped >> DIR/seen; exit 0' TERM; echo $PASSWORD >> DIR/seen; while :; do sleep 0.05; done") + "template_config { static_secret_render_interval = \"50ms\" }\n"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx, o) }()
	eventually(t, "the application runs", func() bool { return w.read("seen") == canary+"-1\n" })
	w.vault.PutKV("secret", "app", map[string]any{"password": canary + "-2"})
	eventually(t, "the application runs with the new value", func() bool {
		return w.read("seen") == canary+"-1\nstopped\n"+canary+"-2\n"
	})
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run() = %v", err)
	}
	if got := w.read("seen"); !strings.HasSuffix(got, "-2\nstopped\n") {
		t.Errorf("the application was not asked to stop")
	}
}

func TestSignalsReachTheApplication(t *testing.T) {
	w := newWorld(t)
	o := w.options(w.document(applicationDocument("trap 'exit 5' USR1; touch DIR/seen; while :; do sleep 0.05; done")))
	signals := make(chan os.Signal, 1)
	o.Signals = signals
	done := make(chan error, 1)
	go func() { done <- agent.Run(t.Context(), o) }()
	eventually(t, "the application runs", func() bool { _, err := os.Stat(w.path("seen")); return err == nil })
	signals <- syscall.SIGUSR1
	select {
	case err := <-done:
		if code := agent.ExitCode(err); code != 5 {
			t.Errorf("exit code %d (%v), want 5", code, err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the application did not get the signal")
	}
}

func TestInitRunsNoApplication(t *testing.T) {
	w := newWorld(t)
	if err := w.init(applicationDocument("touch DIR/seen")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(w.path("seen")); err == nil {
		t.Error("an agent that ends after the first delivery ran the application")
	}
}

func TestReloadOfTheApplication(t *testing.T) {
	w := newWorld(t)
	line := func(word string) string {
		return w.document(applicationDocument("echo " + word + " >> DIR/seen; trap 'exit 0' TERM; while :; do sleep 0.05; done"))
	}
	change := w.reloads(t, line("first"), make(chan os.Signal, 1))
	eventually(t, "the first application runs", func() bool { return w.read("seen") == "first\n" })
	change(line("second"))
	eventually(t, "the second application runs in its place", func() bool { return w.read("seen") == "first\nsecond\n" })
	change(w.document(kvTemplate))
	eventually(t, "no application is left", func() bool { return strings.Contains(w.log(), `exec: removed`) })
	if n := w.vault.Count("GET", "database/creds/app"); n != 1 {
		t.Errorf("%d reads of the credentials, want one for both applications", n)
	}
}
