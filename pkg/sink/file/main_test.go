package file

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// A test binary started with this variable is a helper process: the value is
// the part it plays, its argument the path it works on.
const partVariable = "FILE_TEST_PART"

func TestMain(m *testing.M) {
	if part := os.Getenv(partVariable); part != "" {
		play(part, os.Args[1])
		return
	}
	goleak.VerifyTestMain(m)
}

// play acts in a process of its own, where limits and mounts harm nobody.
func play(part, path string) {
	switch part {
	case "alternate":
		alternate(path)
	case "sets":
		alternateSets(path)
	case "fill":
		report(fill(path))
	case "readonly":
		report(readOnly(path))
	case "stranger":
		report(stranger(path))
	}
}

// outcome is what a helper process tells about its attempt.
type outcome struct {
	Error string
	Errno int
	Note  string
}

func report(o outcome) {
	if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
		panic(err)
	}
}

func outcomeOf(err error, note string) outcome {
	o := outcome{Note: note}
	if err != nil {
		o.Error = err.Error()
	}
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EFBIG, syscall.EROFS, syscall.EACCES, syscall.EPERM} {
		if isErrno(err, errno) {
			o.Errno = int(errno)
		}
	}
	return o
}

const mebi = 1 << 20

// alternate writes two contents in turn until it is killed.
func alternate(path string) {
	contents := [][]byte{bytes.Repeat([]byte("a"), mebi), bytes.Repeat([]byte("b"), mebi)}
	for i := 0; ; i++ {
		if _, err := Write(context.Background(), Spec{Path: path}, contents[i%2]); err != nil {
			panic(err)
		}
	}
}

// fill runs out of room in the middle of a content: on a real, tiny file
// system if this process may mount one, otherwise by the limit of file size,
// which every process may lower for itself.
func fill(path string) outcome {
	if err := mountTiny(filepath.Dir(path), ""); err == nil {
		return attempt(path, "tmpfs")
	}
	signal.Ignore(syscall.SIGXFSZ)
	limit := unix.Rlimit{Cur: 64 << 10, Max: 64 << 10}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	return attempt(path, "limit")
}

func mountTiny(dir, flags string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"+flags)
}

// attempt puts a small file in place and then tries a content that is too big.
func attempt(path, note string) outcome {
	if _, err := Write(context.Background(), Spec{Path: path}, []byte("old")); err != nil {
		return outcomeOf(err, "first write")
	}
	_, err := Write(context.Background(), Spec{Path: path, Backup: true}, bytes.Repeat([]byte("x"), mebi))
	return outcomeOf(err, note+" "+listing(filepath.Dir(path)))
}

// readOnly tries to write on a file system that became read-only, if this
// process may mount one.
func readOnly(path string) outcome {
	if mountTiny(filepath.Dir(path), "") != nil {
		return outcome{Note: "no mounts"}
	}
	if _, err := Write(context.Background(), Spec{Path: path}, []byte("old")); err != nil {
		return outcomeOf(err, "first write")
	}
	if err := unix.Mount("", filepath.Dir(path), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return outcomeOf(err, "remount")
	}
	_, err := Write(context.Background(), Spec{Path: path}, []byte("new"))
	return outcomeOf(err, "tmpfs "+listing(filepath.Dir(path)))
}

// stranger gives up its privileges if it has any, and tries to write into a
// directory that is not writable.
func stranger(path string) outcome {
	if os.Geteuid() == 0 {
		if err := syscall.Setuid(65534); err != nil {
			panic(err)
		}
	}
	_, err := Write(context.Background(), Spec{Path: path}, []byte("new"))
	return outcomeOf(err, fmt.Sprint(os.Geteuid()))
}

// listing shows a directory as "name=content ...".
func listing(dir string) string {
	var b bytes.Buffer
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err.Error()
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err.Error()
		}
		fmt.Fprintf(&b, "%s=%s", e.Name(), content)
	}
	return b.String()
}

// helper makes a command that plays a part on a path.
func helper(t *testing.T, part, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, path)
	cmd.Env = append(os.Environ(), partVariable+"="+part)
	cmd.Stderr = os.Stderr
	// A test that is stopped from outside takes its helpers along.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// ask runs a part to its end, in a mount namespace of its own if possible.
func ask(t *testing.T, part, path string) outcome {
	t.Helper()
	cmd := helper(t, part, path)
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
	out, err := cmd.Output()
	if isErrno(err, syscall.EPERM) || isErrno(err, syscall.EINVAL) {
		out, err = helper(t, part, path).Output()
	}
	if err != nil {
		t.Fatalf("%s: %v", part, err)
	}
	var o outcome
	if err := json.Unmarshal(out, &o); err != nil {
		t.Fatalf("%s answered %q: %v", part, out, err)
	}
	return o
}

func perm(m fs.FileMode) *fs.FileMode { return &m }

// put makes a file with exactly this mode, whatever the umask.
func put(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// seen is what a reader finds in a directory: name to mode and content.
func seen(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if e.IsDir() {
			found[e.Name()] = info.Mode().String()
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[e.Name()] = fmt.Sprintf("%s %s", info.Mode(), content)
	}
	return found
}
