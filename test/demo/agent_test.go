package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

// newTestDemo is a demo whose agent is this test binary in a role.
func newTestDemo(t *testing.T, role string) (*demo, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	d := &demo{screen: stage.NewScreen(&strings.Builder{})}
	ctx, d.abort = context.WithCancelCause(ctx)
	if err := d.prepare(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.remove(context.Background()); err != nil {
			t.Error(err)
		}
		d.abort(nil)
	})
	// The agent gets an environment of its own, so the role comes in by a script.
	script := "#!/bin/sh\nexport " + roleEnv + "=" + role + "\nexec " + os.Args[0] + "\n"
	d.program = d.files.in("agent.sh")
	if err := os.WriteFile(d.program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return d, ctx
}

func TestAgentEndsInOrder(t *testing.T) {
	d, ctx := newTestDemo(t, "obedient")
	if err := d.startAgent(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.awaitLog(ctx, d.agent.mark, "agent starting"); err != nil {
		t.Fatal(err)
	}
	if err := d.agent.stop(ctx); err != nil {
		t.Error(err)
	}
	if err := d.agent.stop(ctx); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if ctx.Err() != nil {
		t.Errorf("the story was aborted: %v", context.Cause(ctx))
	}
}

func TestAgentThatCrashes(t *testing.T) {
	d, ctx := newTestDemo(t, "crash")
	if err := d.startAgent(); err != nil {
		t.Fatal(err)
	}
	_, err := d.awaitLog(ctx, d.agent.mark, "logged in")
	want := `the line "logged in" in the agent's log was not seen: the agent ended by itself: exit status 3; ` +
		`the newest look: the agent has not logged "logged in"`
	if errorText(err) != want {
		t.Errorf("got error %q, want %q", errorText(err), want)
	}
}

func TestAgentThatDoesNotEndInOrder(t *testing.T) {
	d, ctx := newTestDemo(t, "disorderly")
	if err := d.startAgent(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.awaitLog(ctx, d.agent.mark, "agent starting"); err != nil {
		t.Fatal(err)
	}
	if err, want := d.agent.stop(ctx), "the agent did not end in order: exit status 4"; errorText(err) != want {
		t.Errorf("got error %q, want %q", errorText(err), want)
	}
}

func TestAgentThatDoesNotEnd(t *testing.T) {
	d, ctx := newTestDemo(t, "deaf")
	if err := d.startAgent(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.awaitLog(ctx, d.agent.mark, "agent starting"); err != nil {
		t.Fatal(err)
	}
	patience, cancel := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- d.agent.stop(patience) }()
	if _, err := d.awaitLog(ctx, d.agent.mark, "not ending"); err != nil {
		t.Error(err)
	}
	cancel()
	if err, want := <-ended, "the agent did not end when it was asked to"; errorText(err) != want {
		t.Errorf("got error %q, want %q", errorText(err), want)
	}
}

func TestAgentThatCannotStart(t *testing.T) {
	d, ctx := newTestDemo(t, "obedient")
	d.program = d.files.in("missing")
	err := d.startAgent()
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(errorText(err), "start the agent: ") {
		t.Errorf("got error %q", errorText(err))
	}
	if d.agent != nil || ctx.Err() != nil {
		t.Error("an agent that never ran is stopped later, or has aborted the story")
	}
}

func TestAskReady(t *testing.T) {
	tests := map[string]struct{ script, want string }{
		"ready":     {script: `test "$1 $2" = "agent ready" && test -n "$VAULTK8S_AGENT_SOCKET"`},
		"not ready": {script: "echo Error: not ready: 2 of 3 >&2; exit 1", want: "agent ready: exit status 1: Error: not ready: 2 of 3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, ctx := newTestDemo(t, "")
			if err := os.WriteFile(d.program, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			if _, err := d.askReady(ctx); errorText(err) != tt.want {
				t.Errorf("got error %q, want %q", errorText(err), tt.want)
			}
		})
	}
}
