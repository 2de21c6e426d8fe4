package lab

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// childEnv makes the test binary play a server instead of running tests.
const childEnv = "VAULTK8S_LAB_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		playChild(role)
	}
	if !asRoot() {
		fmt.Fprintln(os.Stdout, "left out: a real cluster: it takes root")
	}
	goleak.VerifyTestMain(m)
}

func playChild(role string) {
	switch role {
	case "obedient":
		fmt.Println("obedient is up")
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("stubborn is up")
	case "broken":
		fmt.Println("cannot do this")
		os.Exit(3)
	case "quitter":
		os.Exit(0)
	case "owner":
		ownChild()
	}
	// A signal comes first; an empty select would be reported as a deadlock.
	<-time.After(time.Hour)
}

// ownChild starts a server as this package does, also as another user, prints its
// pid and waits to be killed.
func ownChild() {
	p, err := start(command{name: "sleep", argv: []string{"/bin/sleep", "600"}, dir: "/", log: os.DevNull, asNobody: asRoot()})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.pid())
}

// child describes this test binary in a role.
func child(t *testing.T, role string) command {
	t.Helper()
	t.Setenv(childEnv, role)
	return command{name: role, argv: []string{os.Args[0]}, dir: t.TempDir(), log: t.TempDir() + "/log"}
}

// alive says whether a process runs; one that ended and waits to be reaped by
// somebody else's process does not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// eventually waits up to a minute for something that another process does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !ok() {
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// TestOwnerDies kills an owner of a server, which then has no chance to stop it.
func TestOwnerDies(t *testing.T) {
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), childEnv+"=owner")
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(line, &pid); err != nil {
		t.Fatalf("the owner says %q", line)
	}
	if !alive(pid) {
		t.Fatal("the server does not run")
	}
	t.Cleanup(func() {
		if alive(pid) { // only when the test has failed
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()
	eventually(t, "the server ends with its owner", func() bool { return !alive(pid) })
}
