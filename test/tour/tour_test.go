package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/test/lab"
	"github.com/vaultk8s/vaultk8s/test/stage"
)

// TestRemoveTwice is the way out after the last step, and after a failure before the first.
func TestRemoveTwice(t *testing.T) {
	tour, err := newTour(options{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	dir := tour.shell.dir
	stopped := 0
	tour.node.stop = func() error { stopped++; return nil }
	for range 2 {
		if err := tour.remove(); err != nil {
			t.Error(err)
		}
	}
	if stopped != 1 {
		t.Errorf("the node was stopped %d times, want once", stopped)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory %q is still there", dir)
	}
	tour.explain(t.Context()) // has nothing to show any more, and does not fail
}

func TestRemoveThatFails(t *testing.T) {
	tour, err := newTour(options{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	tour.node.stop = func() error { return errors.New("busy") }
	err = tour.remove()
	if _, left := errors.AsType[stage.LeftBehind](err); !left || err.Error() != "not everything was removed: busy" {
		t.Errorf("got error %v", err)
	}
	if _, err := os.Stat(tour.shell.dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("what could be removed is still there")
	}
}

// TestStay ends by itself with -ci, and else with the interrupt, which is no failure.
func TestStay(t *testing.T) {
	for name, ci := range map[string]bool{"ci": true, "a terminal": false} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			tour, err := newTour(options{ci: ci}, &out)
			if err != nil {
				t.Fatal(err)
			}
			tour.vault = &lab.Vault{}
			tour.shell.env = []string{"VAULT_TOKEN=0123456789"}
			t.Cleanup(func() { _ = os.RemoveAll(tour.shell.dir) })
			ctx, cancel := context.WithCancel(t.Context())
			if !ci {
				cancel()
			}
			defer cancel()
			if err := tour.stay(ctx); err != nil {
				t.Error(err)
			}
			if strings.Contains(out.String(), "0123456789") || !strings.Contains(out.String(), tour.shell.dir+"/env") {
				t.Errorf("the screen shows the token, or not how to go on:\n%s", out.String())
			}
		})
	}
}

func TestEnvFile(t *testing.T) {
	s := shell{dir: t.TempDir(), env: []string{"COLOR=red", "SIZE=3"}}
	path, err := s.envFile()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", `. "$1"; echo "${PATH%%:*}:$COLOR:$SIZE"`, "sh", path).CombinedOutput()
	if diff := cmp.Diff(s.dir+"/bin:red:3\n", string(out)); diff != "" || err != nil {
		t.Errorf("error %v, variables differ (-want +got):\n%s", err, diff)
	}
}

// TestRunProgram passes an interrupt on, and lets the program end in order.
func TestRunProgram(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ended := make(chan error, 1)
	go func() {
		ended <- runProgram(ctx, w, "/bin/sh", "-c", `trap 'echo in order; exit 130' INT; echo running; while :; do sleep 0.1; done`)
		_ = w.Close()
	}()
	begun := make([]byte, len("running\n"))
	if _, err := r.Read(begun); err != nil || string(begun) != "running\n" {
		t.Errorf("got %q, error %v", begun, err)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("an interrupted program has ended well")
	}
	rest := make([]byte, 100)
	if n, _ := r.Read(rest); string(rest[:n]) != "in order\n" {
		t.Errorf("its last words are %q", rest[:n])
	}
}

// TestGoBuild is about the sentence that a missing source gets.
func TestGoBuild(t *testing.T) {
	err := goBuild(t.Context(), t.TempDir()+"/x", "./nothing")
	if err == nil || !strings.HasPrefix(err.Error(), `build "./nothing": exit status 1`) {
		t.Errorf("got error %v", err)
	}
}

// TestTargets guards what is built where no root is: nothing of a node.
func TestTargets(t *testing.T) {
	part := map[lab.Target]bool{}
	for _, target := range partTargets() {
		part[target] = true
	}
	for _, target := range lab.NodeTargets() {
		if part[target] {
			t.Errorf("%s is for a node", target)
		}
	}
	if got, want := len(wholeTargets()), len(partTargets())+3+len(lab.NodeTargets()); got != want {
		t.Errorf("%d targets, want %d", got, want)
	}
}

func TestLogin(t *testing.T) {
	tests := map[string]struct{ command, user, out, err string }{
		"a login":   {command: "echo postgresql://me:0123456789@db/x", user: "me", out: "postgresql://me:0…9@db/x\n"},
		"no login":  {command: "echo hello", out: "hello\n", err: `"echo hello" did not show a login`},
		"a failure": {command: "echo http://me:0123456789@db; false", out: "http://me:0…9@db\n", err: `"echo http://me:0123456789@db; false" did not show a login`},
		"no URL":    {command: "printf 'a://me:0123456789@%%zz'", out: "a://me:0…9@%zz", err: `"printf 'a://me:0123456789@%%zz'" did not show a login`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tour := &tour{shell: shell{dir: t.TempDir()}, secrets: secretForms()}
			user, out, err := tour.login(t.Context(), tt.command)
			if out != tt.out || errorText(err) != tt.err {
				t.Errorf("got %q and error %q, want %q and %q", out, errorText(err), tt.out, tt.err)
			}
			if user.Username() != tt.user {
				t.Errorf("got user %q, want %q", user.Username(), tt.user)
			}
		})
	}
}
