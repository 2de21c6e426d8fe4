package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// A test binary started with this variable plays a program; the value says which.
const partVariable = "PROCESS_TEST_PART"

func TestMain(m *testing.M) {
	if part := os.Getenv(partVariable); part != "" {
		os.Exit(play(part))
	}
	// Orphans of the programs under test become children of this process, as
	// they do for process 1 of a container.
	if err := Adopt(); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// play is the program. Every part that waits says so first.
func play(part string) int {
	name, arg, _ := strings.Cut(part, ":")
	switch name {
	case "exit":
		code, _ := strconv.Atoi(arg)
		return code
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "record": // tells which of two signals came
		got := make(chan os.Signal, 1)
		signal.Notify(got, syscall.SIGHUP, syscall.SIGUSR1)
		fmt.Println("ready")
		fmt.Println(<-got)
	case "stubborn":
		signal.Ignore(syscall.SIGINT)
		fmt.Println("ready")
		select {}
	case "polite": // takes the signal for a reason to end well
		got := make(chan os.Signal, 1)
		signal.Notify(got, syscall.SIGINT)
		fmt.Println("ready")
		<-got
	case "parent": // leads a group with a stubborn member
		child := exec.Command("/proc/self/exe")
		child.Env = append(os.Environ(), partVariable+"=stubborn")
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			panic(err)
		}
		select {}
	case "daemon": // leaves a member behind that holds the output
		child := exec.Command("/proc/self/exe")
		child.Env = append(os.Environ(), partVariable+"=stubborn")
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println(child.Process.Pid)
	case "env":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "args":
		fmt.Printf("%q\n", os.Args[1:])
	default:
		return playApplication(name, arg)
	}
	return 0
}

// playApplication is a program to be supervised, or one that supervises.
func playApplication(name, arg string) int {
	switch name {
	case "hear": // tells every signal, SIGTERM being the last
		got := make(chan os.Signal, 100)
		signal.Notify(got, append(Forwarded(), syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)...)
		fmt.Println("ready")
		for sig := range got {
			fmt.Println(signalName(sig))
			if sig == syscall.SIGTERM {
				return 0
			}
		}
	case "deaf": // has to be killed
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		select {}
	case "show": // tells variables, and waits to be ended
		fmt.Println(os.Getenv("A"), os.Getenv("B"))
		select {}
	case "family": // a leader that ends at once, and a member that takes its time
		startPart("closing", true)
		select {}
	case "closing":
		got := make(chan os.Signal, 1)
		signal.Notify(got, syscall.SIGTERM)
		parent := os.Getppid()
		fmt.Println("ready")
		<-got
		awaitOrphanhood(parent)
		fmt.Println("closed")
	case "orphans": // leaves some behind, out of the group, that end later
		n, _ := strconv.Atoi(arg)
		for range n {
			startPart("orphan", false)
		}
	case "orphan":
		fmt.Println("adopted by", awaitOrphanhood(0))
	case "breed": // ends its orphans' parent, and goes on
		if err := startPart("orphans:5", true).Wait(); err != nil {
			panic(err)
		}
		fmt.Println("bred")
		select {}
	case "ask": // talks to its terminal
		in := bufio.NewReader(os.Stdin)
		got := make(chan os.Signal, 1)
		signal.Notify(got, syscall.SIGINT)
		fmt.Println("who?")
		line, err := in.ReadString('\n')
		fmt.Println("hello", strings.TrimSpace(line), err)
		<-got
		fmt.Println("interrupted")
		return 5
	case "supervise":
		return playSupervisor("/proc/self/exe", arg)
	case "interpret":
		return playSupervisor("true; /proc/self/exe; exit $?", arg)
	}
	return 0
}

// startPart starts a part in the group of this program, or out of it.
func startPart(part string, member bool) *exec.Cmd {
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), partVariable+"="+part)
	child.Stdout = os.Stdout
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: !member}
	if err := child.Start(); err != nil {
		panic(err)
	}
	return child
}

// awaitOrphanhood waits until the parent is another one, or, without one to
// compare with, process 1 or the supervisor whose number the environment tells.
func awaitOrphanhood(parent int) int {
	supervisor, _ := strconv.Atoi(os.Getenv("SUPERVISOR"))
	for range time.Tick(time.Millisecond) {
		now := os.Getppid()
		if (parent != 0 && now != parent) || (parent == 0 && (now == supervisor || now == 1)) {
			return now
		}
	}
	return 0
}

// playSupervisor is a whole agent without secrets: it ends with the code of its
// application, or with 0 when it is asked to end.
func playSupervisor(line, part string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := Adopt(); err != nil {
		panic(err)
	}
	s, err := NewSupervisor(SupervisorOptions{
		Argv: []string{line},
		Env:  []string{partVariable + "=" + part, fmt.Sprint("SUPERVISOR=", os.Getpid())},
	})
	if err != nil {
		panic(err)
	}
	if err := s.Update(nil); err != nil {
		panic(err)
	}
	err = s.Run(ctx)
	if exit, ok := errors.AsType[*ExitError](err); ok {
		fmt.Println(exit)
		return exit.Code
	}
	if err != nil {
		panic(err)
	}
	return 0
}

// install makes the test binary a program of this name.
func install(t *testing.T, dir, name string) string {
	t.Helper()
	src, err := os.Open("/proc/self/exe")
	must(t, err)
	defer func() { _ = src.Close() }()
	path := filepath.Join(dir, name)
	dst, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	must(t, err)
	_, err = io.Copy(dst, src)
	must(t, err)
	must(t, dst.Close())
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// launch starts a part as an independent program that is ready to be signaled.
func launch(t *testing.T, path, part string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(path)
	cmd.Env = []string{partVariable + "=" + part}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "ready\n" {
		t.Fatalf("%s said %q, %v", part, line, err)
	}
	return cmd, lines
}

// fakeProc shows only the given processes, so that a test never finds, and
// signals, a program of the machine it runs on.
func fakeProc(t *testing.T, pids ...int) string {
	t.Helper()
	root := t.TempDir()
	for _, pid := range pids {
		must(t, os.Symlink(fmt.Sprintf("/proc/%d", pid), filepath.Join(root, strconv.Itoa(pid))))
	}
	return root
}

// noChildren fails if the command under test left a process behind.
func noChildren(t *testing.T) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	must(t, err)
	for _, path := range tasks {
		// A thread that ended takes its file along.
		if left, err := os.ReadFile(path); err == nil && len(left) > 0 {
			t.Errorf("children left: %s", left)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
