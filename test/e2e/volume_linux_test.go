package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	// mountVariable names the directory on which the mounter puts a file system
	// in memory, that only it and the agent see.
	mountVariable = "VAULTK8S_E2E_MOUNT"
	// optionsVariable holds the options of that file system.
	optionsVariable = "VAULTK8S_E2E_MOUNT_OPTIONS"
)

// playMounter mounts and then becomes the program that its arguments name.
func playMounter() int {
	dir, options := os.Getenv(mountVariable), os.Getenv(optionsVariable)
	var flags uintptr
	if options == "ro" {
		flags, options = unix.MS_RDONLY, ""
	}
	program, err := exec.LookPath(os.Args[1])
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err == nil {
		err = unix.Mount("tmpfs", dir, "tmpfs", flags, options)
	}
	if err == nil {
		err = syscall.Exec(program, os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "mounter:", err)
	return 1
}

// onVolume runs an agent that sees a small file system of its own at DIR/out.
func (p *pod) onVolume(options, document string) *agent {
	p.t.Helper()
	must(p.t, os.MkdirAll(p.path("out"), 0o755))
	p.file("agent.hcl", p.text(document))
	self, err := os.Executable()
	must(p.t, err)
	how := namespaces(syscall.CLONE_NEWNS)
	args := []string{world.program, "agent", "-config=" + p.path("agent.hcl"), "-log-format=json", "-log-level=debug"}
	env := []string{roleVariable + "=mounter", mountVariable + "=" + p.path("out"), optionsVariable + "=" + options}
	return p.execute(self, args, env, how)
}

// inside is a path as the agent sees it.
func (a *agent) inside(name string) string {
	return fmt.Sprintf("/proc/%d/root%s", a.cmd.Process.Pid, a.pod.path(name))
}

func (a *agent) readInside(name string) string {
	content, _ := os.ReadFile(a.inside(name))
	return string(content)
}

// TestFullVolume fills the volume behind the agent's back: the old file stays
// whole, the agent goes on, and delivers when there is room again.
func TestFullVolume(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.onVolume("size=64k", login+quick+kv)
	a.awaitLog(1, "delivered")
	must(t, os.WriteFile(a.inside("out/ballast"), nil, 0o600))
	if err := os.WriteFile(a.inside("out/ballast"), make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("a megabyte fits on a volume of 64 kB")
	}
	p.put("app", canary+"-2"+strings.Repeat("x", 5000)) // more than what is left of the last page
	failed := a.awaitLog(1, "template failed")
	if want := p.text(`write "DIR/out/kv": no space left on its file system`); failed["error"] != want {
		t.Errorf("got  %s\nwant %s", failed["error"], want)
	}
	if got := a.readInside("out/kv"); got != canary+"-1" {
		t.Errorf("the old file holds %q", got)
	}
	a.expectReady()
	must(t, os.Remove(a.inside("out/ballast")))
	a.awaitLog(1, "template recovered")
	if got := a.readInside("out/kv"); !strings.HasPrefix(got, canary+"-2xxx") {
		t.Errorf("after room was made: %q", got)
	}
	if files, err := os.ReadDir(a.inside("out")); err != nil || len(files) != 1 {
		t.Errorf("%d files on the volume, want one: %v", len(files), err)
	}
}

// expectReady checks that a full disk makes nobody restart the pod.
func (a *agent) expectReady() {
	a.pod.t.Helper()
	if code, out := a.pod.run("agent", "ready"); code != 0 {
		a.pod.t.Errorf("not ready: %s", out)
	}
}

func TestReadOnlyVolume(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.onVolume("ro", "exit_after_auth = true\n"+once+login+kv)
	want := p.text(`template for "DIR/out/kv": write "DIR/out/kv": its file system is read-only`)
	if code := a.wait(); code != 1 || failure(a.printed()) != want {
		t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(a.printed()), want)
	}
}

// TestReadOnlyVolumeDoesNotEndASidecar has one template that can be written and
// one that cannot.
func TestReadOnlyVolumeDoesNotEndASidecar(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.onVolume("ro", login+quick+kv+strings.Replace(kv, "out/kv", "other/kv", 1))
	p.awaitFile("other/kv", canary+"-1")
	a.awaitLog(1, "template failed", "error", "its file system is read-only")
	p.put("app", canary+"-2")
	p.awaitFile("other/kv", canary+"-2")
}
