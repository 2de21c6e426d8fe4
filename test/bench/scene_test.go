package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
)

func TestNewContestant(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := newContestant("me", self)
	if err != nil || c.size == 0 || c.version != runtime.Version() || !filepath.IsAbs(c.binary) {
		t.Errorf("got %+v, %v", c, err)
	}
	_, err = newContestant("ours", "/nowhere/vaultk8s")
	if want := "find ours (build it first): stat /nowhere/vaultk8s: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := newContestant("ours", "main.go"); err == nil || !strings.HasPrefix(err.Error(), "find ours: ") {
		t.Errorf("a text went through as a program: %v", err)
	}
}

// Nothing of the caller's may reach an agent, a token least of all.
func TestAgentEnv(t *testing.T) {
	t.Setenv("VAULT_TOKEN", "canary")
	t.Setenv("GOGC", "1")
	for _, variable := range agentEnv("/d") {
		name, _, _ := strings.Cut(variable, "=")
		if name != "PATH" && name != "HOME" && name != "VAULTK8S_AGENT_SOCKET" {
			t.Errorf("%s is passed on", variable)
		}
	}
}

// scripted is a scene whose agent is a shell script; $1 is "agent" and $2 names
// the document.
func scripted(t *testing.T, script string) (*scene, contestant, job) {
	t.Helper()
	dir := t.TempDir()
	attend, err := attendant.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "script")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	j := testJob(t)
	j.templates, j.paths = 1, 1
	return &scene{attend: attend, dir: dir}, contestant{name: "script", binary: binary}, j
}

const writeOut = `out=${2#-config=}; out=${out%/*}/out/0; printf 'username=user-0\npassword=round-4\n' > $out; `

func TestFinish(t *testing.T) {
	cases := map[string]struct{ script, want string }{
		"Good":     {`[ "$1" = agent ] || exit 9; ` + writeOut, ""},
		"Fails":    {"echo no; exit 2", "script: exit code 2; the end of its log:\nno"},
		"Renders0": {"exit 0", "script: rendered file: open "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, c, j := scripted(t, tc.script)
			_, err := s.finish(t.Context(), c, j)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestSidecar(t *testing.T) {
	s, c, j := scripted(t, "trap 'exit 0' TERM\n"+writeOut+"while :; do sleep 0.01; done")
	called := false
	err := s.sidecar(t.Context(), c, j, func(p *attendant.Process) error {
		called = true
		return alive(p)
	})
	if err != nil || !called {
		t.Errorf("called: %v, error: %v", called, err)
	}
	failure := errors.New("no reading")
	if err := s.sidecar(t.Context(), c, j, func(*attendant.Process) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}

// An agent that ends, or never renders, must not be waited for.
func TestSidecarErrors(t *testing.T) {
	s, c, j := scripted(t, "echo why")
	err := s.sidecar(t.Context(), c, j, func(*attendant.Process) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "the end of its log:\nwhy") {
		t.Errorf("an agent that ends: %v", err)
	}
	s, c, j = scripted(t, `trap 'exit 0' TERM; while :; do sleep 0.01; done`)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err = s.sidecar(ctx, c, j, func(*attendant.Process) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an agent that renders nothing: %v", err)
	}
}

// The Vault of the scene is real, and its credentials open what jobs read.
func TestStartVault(t *testing.T) {
	var progress bytes.Buffer
	s := &scene{dir: t.TempDir(), out: &progress, begin: time.Now()}
	if err := s.startVault(t.Context()); err != nil {
		t.Fatal(err)
	}
	role, roleErr := os.ReadFile(s.role)
	secret, secretErr := os.ReadFile(s.secret)
	if err := errors.Join(roleErr, secretErr); err != nil {
		t.Fatal(err)
	}
	token, err := s.vault.Login(t.Context(), "auth/approle/login", map[string]any{"role_id": string(role), "secret_id": string(secret)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.writeSecrets(t.Context(), 1, 7); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{secretPath(0): "round-7", secretPath(pathsInVault - 1): "round-0"} {
		answer, err := s.vault.DoAs(t.Context(), token, "GET", "secret/data/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := answer["data"].(map[string]any)
		inner, _ := data["data"].(map[string]any)
		if inner["password"] != want {
			t.Errorf("%s holds %v, want %s", path, inner, want)
		}
	}
	if j := s.job(3, 2); j.address != s.vault.Address() || j.role != s.role || j.secret != s.secret || j.templates != 3 || j.paths != 2 {
		t.Errorf("got %+v", j)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
	if !strings.HasPrefix(progress.String(), "[   0 s] starting Vault\n") {
		t.Errorf("progress: %q", progress.String())
	}
}

func TestMemoryDir(t *testing.T) {
	dir, err := memoryDir()
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v", info, err)
	}
}
