package process

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new terminal: that of the user and that of
// the programs.
func openTerminal(t *testing.T) (user, programs *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = user.Close() })
	must(t, unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetUint32(int(user.Fd()), unix.TIOCGPTN)
	must(t, err)
	programs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	return user, programs
}

// An application at a terminal reads from it and is interrupted by Ctrl-C, as if
// there were no supervisor, and its exit code gets through. Then the terminal is
// the supervisor's again, which with TOSTOP could not print otherwise.
func TestApplicationAtTerminal(t *testing.T) {
	cases := map[string]string{
		"supervise:ask": `application "/proc/self/exe" exited with status 5`,
		"interpret:ask": `application "true" exited with status 5`,
	}
	for part, last := range cases {
		t.Run(part, func(t *testing.T) {
			user, programs := openTerminal(t)
			settings, err := unix.IoctlGetTermios(int(programs.Fd()), unix.TCGETS)
			must(t, err)
			settings.Lflag |= unix.TOSTOP
			must(t, unix.IoctlSetTermios(int(programs.Fd()), unix.TCSETS, settings))
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), partVariable+"="+part)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = programs, programs, programs
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			must(t, cmd.Start())
			late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
			defer late.Stop()
			must(t, programs.Close())
			lines := bufio.NewReader(user)
			expect := func(want string) {
				t.Helper()
				got, err := lines.ReadString('\n')
				if strings.TrimRight(got, "\r\n") != want {
					t.Fatalf("the terminal shows %q, %v, want %q", got, err, want)
				}
			}
			expect("who?")
			_, err = user.WriteString("world\n")
			must(t, err)
			expect("world") // the echo
			expect("hello world <nil>")
			_, err = user.WriteString("\x03")
			must(t, err)
			expect("^Cinterrupted")
			expect(last)
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 5 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// A terminal that is not ours is left alone.
func TestForeignTerminal(t *testing.T) {
	_, programs := openTerminal(t)
	defer func() { _ = programs.Close() }()
	r, w, err := os.Pipe()
	must(t, err)
	defer func() { _, _ = r.Close(), w.Close() }()
	for _, f := range []*os.File{programs, r} {
		cmd := &exec.Cmd{Stdin: f, SysProcAttr: &syscall.SysProcAttr{}}
		newRoster().lend(cmd)()
		if cmd.SysProcAttr.Foreground {
			t.Errorf("%s was lent", f.Name())
		}
	}
}
