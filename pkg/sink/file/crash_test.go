package file

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A process that writes two contents in turn is killed in the middle of its
// work, again and again; the file must always be one of the two, and what the
// killed run left must go with the next write.
func TestKilledInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	whole := [][]byte{bytes.Repeat([]byte("a"), mebi), bytes.Repeat([]byte("b"), mebi)}
	must(t, os.WriteFile(path, whole[0], 0o600))
	for range 25 {
		killWhileWriting(t, dir, path, rand.Int64N(mebi))
		got, err := os.ReadFile(path)
		must(t, err)
		if !bytes.Equal(got, whole[0]) && !bytes.Equal(got, whole[1]) {
			t.Fatalf("the file has %d bytes that are neither content", len(got))
		}
	}
	interrupted := len(names(t, dir)) - 1
	if interrupted == 0 {
		t.Error("no kill hit a write: the test proves nothing")
	}
	removed, err := Clean(dir)
	if removed != interrupted || err != nil {
		t.Errorf("Clean() = %d, %v; want %d files", removed, err, interrupted)
	}
	_, err = Write(t.Context(), Spec{Path: path}, []byte("end"))
	must(t, err)
	if diff := cmp.Diff(map[string]string{"a": "-rw------- end"}, seen(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// killWhileWriting kills the writer once a temporary file has grown beyond size.
func killWhileWriting(t *testing.T, dir, path string, size int64) {
	t.Helper()
	known := map[string]bool{}
	for _, name := range names(t, dir) {
		known[name] = true
	}
	cmd := helper(t, "alternate", path)
	must(t, cmd.Start())
	// A write takes milliseconds; ten seconds without one is a broken writer.
	late := time.Now().Add(10 * time.Second)
	for !growing(dir, known, size) && time.Now().Before(late) {
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // reports the kill
	if time.Now().After(late) {
		t.Fatal("no temporary file was ever seen growing")
	}
}

func growing(dir string, known map[string]bool, size int64) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && !known[e.Name()] && isTempName(e.Name()) && info.Size() > size {
			return true
		}
	}
	return false
}

func TestNoRoomLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	got := ask(t, "fill", path)
	want := map[bool]outcome{
		true:  {Note: "tmpfs a=old", Error: fmt.Sprintf("write %q: no space left on its file system", path), Errno: int(syscall.ENOSPC)},
		false: {Note: "limit a=old", Error: fmt.Sprintf("write %q: larger than the file size limit", path), Errno: int(syscall.EFBIG)},
	}[strings.HasPrefix(got.Note, "tmpfs")]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Only a process that may mount can see a file system turn read-only; without
// that right the sentence alone is checked, in TestExplain.
func TestReadOnlyFileSystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	got := ask(t, "readonly", path)
	want := outcome{Note: "no mounts"}
	if got.Note != "no mounts" {
		want = outcome{Note: "tmpfs a=old", Error: fmt.Sprintf("write %q: its file system is read-only", path), Errno: int(syscall.EROFS)}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoPermission(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	put(t, path, "old", 0o644)
	must(t, os.Chmod(filepath.Dir(dir), 0o755)) // a stranger must get as far as dir
	must(t, os.Chmod(dir, 0o555))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	got := ask(t, "stranger", path)
	want := outcome{Note: got.Note, Error: fmt.Sprintf("write %q: permission denied for uid %s", path, got.Note), Errno: int(syscall.EACCES)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"a": "-rw-r--r-- old"}, seen(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestClean(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, ".a.vaultk8s-0123456789abcdef"), "part", 0o600)
	put(t, filepath.Join(dir, ".b.c.vaultk8s-fedcba9876543210"), "part", 0o600)
	put(t, filepath.Join(dir, "keep"), "k", 0o600)
	must(t, os.Mkdir(filepath.Join(dir, ".d.vaultk8s-0123456789abcdef"), 0o700))
	busy, err := createTemp(dir, "busy")
	must(t, err)
	defer busy.discard()

	removed, err := Clean(dir)
	if removed != 2 || err != nil {
		t.Errorf("Clean() = %d, %v; want 2 files", removed, err)
	}
	want := []string{filepath.Base(busy.Name()), ".d.vaultk8s-0123456789abcdef", "keep"}
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
		t.Errorf("work in progress and other things stay (-want +got):\n%s", diff)
	}
	if removed, err := Clean(filepath.Join(dir, "none")); removed != 0 || err != nil {
		t.Errorf("Clean of no directory = %d, %v", removed, err)
	}
	_, err = Clean(filepath.Join(dir, "keep"))
	if want := fmt.Sprintf("clean %q: a part of its path is not a directory", filepath.Join(dir, "keep")); errorText(err) != want {
		t.Errorf("Clean of a file: %v, want %s", err, want)
	}
}

func TestTempName(t *testing.T) {
	cases := map[string]bool{
		tempName("a"):                      true,
		tempName(strings.Repeat("n", 255)): true,
		tempName(".vaultk8s-"):             true,
		".vaultk8s-0123456789abcdef":       false, // no destination in it
		"a.vaultk8s-0123456789abcdef":      false,
		".a.vaultk8s-0123456789abcde":      false,
		".a.vaultk8s-0123456789abcdeg":     false,
		".a.tmp":                           false,
		"":                                 false,
	}
	for name, want := range cases {
		if got := isTempName(name); got != want {
			t.Errorf("isTempName(%q) = %v, want %v", name, got, want)
		}
		if len(name) > 255 {
			t.Errorf("%q is %d bytes long", name, len(name))
		}
	}
	if first, second := tempName("a"), tempName("a"); first == second {
		t.Error("two temporary names are the same")
	}
}
