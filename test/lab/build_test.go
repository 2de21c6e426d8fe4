package lab

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tinySlot is a module of one small program, and the place to build it to.
func tinySlot(t *testing.T, source string) slot {
	t.Helper()
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"go.mod": "module tiny\n\ngo 1.26\n", "main.go": source})
	r := recipe{target: "tiny", dir: dir, pkg: ".", flags: []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w"}}
	return slot{recipe: r, root: t.TempDir(), key: "k3y"}
}

func TestSlotBuild(t *testing.T) {
	s := tinySlot(t, "package main\n\nfunc main() { println(\"tiny is here\") }\n")
	var out bytes.Buffer
	if err := s.build(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`^tiny: building\n(tiny: \d+s, .*\n)*tiny: built, \d\.\d MiB in \d+\.\d s\n$`)
	if !lines.MatchString(out.String()) {
		t.Errorf("progress %q does not match %s", out.String(), lines)
	}
	said, err := exec.CommandContext(t.Context(), s.binary()).CombinedOutput()
	if err != nil || string(said) != "tiny is here\n" {
		t.Errorf("the binary says %q, %v", said, err)
	}
}

func TestSlotBuildFails(t *testing.T) {
	s := tinySlot(t, "package main\n\nfunc main() { missing() }\n")
	var out bytes.Buffer
	err := s.build(t.Context(), &out)
	want := `build tiny in "` + s.dir + `": go build: exit status 1:` + "\n# tiny\n./main.go:3:15: undefined: missing"
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(out.String(), "tiny: failed in ") {
		t.Errorf("progress %q does not tell of the failure", out.String())
	}
	expectEmpty(t, s.root)
}

func TestSlotBuildCanceled(t *testing.T) {
	s := tinySlot(t, "package main\n\nfunc main() {}\n")
	reason := errors.New("the user has enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	if err := s.build(ctx, &bytes.Buffer{}); !errors.Is(err, reason) {
		t.Errorf("got %v, want %v", err, reason)
	}
	expectEmpty(t, s.root)
}

func expectEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("%q holds %v, %v; want nothing", dir, entries, err)
	}
}

// TestBuildAgain is the promise that a second run costs nothing.
func TestBuildAgain(t *testing.T) {
	for _, target := range AllTargets() {
		if _, err := Binary(t.Context(), target); err != nil {
			t.Fatal(err) // rather than spend ten minutes here
		}
	}
	begin := time.Now()
	var out bytes.Buffer
	if err := Build(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	// To build them again takes half an hour; to find them takes milliseconds.
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %s:\n%s", took, out.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, line := range lines {
		if !strings.Contains(line, ": up to date") {
			t.Errorf("line %d is %q", i, line)
		}
	}
	if len(lines) != len(AllTargets()) {
		t.Errorf("%d lines for %d targets", len(lines), len(AllTargets()))
	}
}

func TestCompilerOutput(t *testing.T) {
	p := &progress{}
	c := &compilerOutput{progress: p}
	for _, part := range []string{
		"go: downloading example.test/x v1.0.0\nexample.te", "st/x\ninternal/abi\n",
		"# example.test/x\n", "x.go:1:2: bad", " thing\n", "\nlast words",
	} {
		if n, err := c.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("wrote %d of %d, %v", n, len(part), err)
		}
	}
	if p.downloads != 1 || p.packages != 2 {
		t.Errorf("%d downloads and %d packages, want 1 and 2", p.downloads, p.packages)
	}
	want := "# example.test/x\nx.go:1:2: bad thing\nlast words"
	if diff := cmp.Diff(want, c.messages()); diff != "" {
		t.Error(diff)
	}
}

func TestInstallPrerequisites(t *testing.T) {
	there := func(string) (string, error) { return "/usr/bin/apt-get", nil }
	gone := func(string) (string, error) { return "", exec.ErrNotFound }
	cases := map[string]struct {
		server packaged
		uid    int
		look   func(string) (string, error)
		want   string
	}{
		"Root":             {server: installedPostgres(), uid: 0, look: there},
		"User":             {server: installedPostgres(), uid: 1000, look: there, want: "PostgreSQL is not installed: run `apt-get install -y --no-install-recommends postgresql` as root"},
		"User, OpenLDAP":   {server: installedLDAP(), uid: 1000, look: there, want: "OpenLDAP is not installed: run `apt-get install -y --no-install-recommends slapd ldap-utils` as root"},
		"Alpine, OpenLDAP": {server: installedLDAP(), uid: 0, look: gone, want: "OpenLDAP is not installed, and there is no apt-get to install it: install it with your system's package manager, so that slapd, ldapadd, ldappasswd and ldapwhoami are on the PATH"},
		"Alpine":           {server: installedPostgres(), uid: 0, look: gone, want: "PostgreSQL is not installed, and there is no apt-get to install it: install it with your system's package manager, so that postgres, initdb and psql are on the PATH"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := tc.server.mayInstall(tc.uid, tc.look); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWriteNoMainCluster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "etc", "createcluster.d", "lab.conf")
	if _, err := writeNoMainCluster(path); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "create_main_cluster = false\n" {
		t.Errorf("wrote %q, %v", got, err)
	}
}

func TestNoServices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy-rc.d")
	undo, err := noServices(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := exec.Command(path, "slapd", "start").Run(); got == nil || got.Error() != "exit status 101" {
		t.Errorf("the policy says %v, want 101", got)
	}
	again, err := noServices(path)
	if err != nil || again() != nil {
		t.Fatalf("a policy of somebody else: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the policy of somebody else is gone: %v", err)
	}
	if err := undo(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the policy is still there")
	}
	if _, err := noServices(filepath.Join(path, "none")); err == nil {
		t.Error("a policy where there is no directory")
	}
}

func TestRunQuietly(t *testing.T) {
	if err := runQuietly(t.Context(), []string{"/bin/sh", "-c", "test $DEBIAN_FRONTEND = noninteractive"}); err != nil {
		t.Error(err)
	}
	err := runQuietly(t.Context(), []string{"/bin/sh", "-c", "echo no space; exit 100"})
	want := `run ["/bin/sh" "-c" "echo no space; exit 100"]: exit status 100:` + "\nno space"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMajorVersion(t *testing.T) {
	for dir, want := range map[string]int{"/usr/lib/postgresql/15/bin": 15, "/usr/lib/postgresql/9/bin": 9, "/usr/bin": 0} {
		if got := majorVersion(dir); got != want {
			t.Errorf("%s: got %d, want %d", dir, got, want)
		}
	}
}
