package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func isErrno(err error, errno syscall.Errno) bool { return errors.Is(err, errno) }

func TestWrite(t *testing.T) {
	const secret = "s3cr3t"
	me, mine := strconv.Itoa(os.Geteuid()), strconv.Itoa(os.Getegid())
	cases := map[string]struct {
		reason string
		before func(t *testing.T, dir string)
		spec   Spec // Path is below the directory of the test
		want   Result
		files  map[string]string
	}{
		"New": {
			reason: "a new file is 0644 whatever the umask",
			spec:   Spec{Path: "a"},
			want:   Result{Written: true},
			files:  map[string]string{"a": "-rw-r--r-- s3cr3t"},
		},
		"NewWithPerm": {
			spec:  Spec{Path: "a", Perm: perm(0o440)},
			want:  Result{Written: true},
			files: map[string]string{"a": "-r--r----- s3cr3t"},
		},
		"PermBeyondUmask": {
			reason: "the umask has no say in an explicit mode",
			spec:   Spec{Path: "a", Perm: perm(0o777)},
			want:   Result{Written: true},
			files:  map[string]string{"a": "-rwxrwxrwx s3cr3t"},
		},
		"SpecialBits": {
			spec:  Spec{Path: "a", Perm: perm(0o750 | fs.ModeSetgid)},
			want:  Result{Written: true},
			files: map[string]string{"a": "grwxr-x--- s3cr3t"},
		},
		"Identical": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "a"), secret, 0o600) },
			spec:   Spec{Path: "a", Backup: true},
			want:   Result{Existed: true},
			files:  map[string]string{"a": "-rw------- s3cr3t"},
		},
		"IdenticalOtherMode": {
			reason: "a change of mode alone is made in place and is no write",
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "a"), secret, 0o600) },
			spec:   Spec{Path: "a", Perm: perm(0o640)},
			want:   Result{Existed: true, ModeChanged: true},
			files:  map[string]string{"a": "-rw-r----- s3cr3t"},
		},
		"IdenticalSameOwner": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "a"), secret, 0o600) },
			spec:   Spec{Path: "a", User: me, Group: mine},
			want:   Result{Existed: true},
			files:  map[string]string{"a": "-rw------- s3cr3t"},
		},
		"ChangedKeepsMode": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "a"), "older", 0o604) },
			spec:   Spec{Path: "a"},
			want:   Result{Written: true, Existed: true},
			files:  map[string]string{"a": "-rw----r-- s3cr3t"},
		},
		"SameLengthOtherContent": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "a"), "123456", 0o644) },
			spec:   Spec{Path: "a"},
			want:   Result{Written: true, Existed: true},
			files:  map[string]string{"a": "-rw-r--r-- s3cr3t"},
		},
		"ReadOnlyFile": {
			reason: "the directory decides who may replace a file",
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "a"), "older", 0o400) },
			spec:   Spec{Path: "a"},
			want:   Result{Written: true, Existed: true},
			files:  map[string]string{"a": "-r-------- s3cr3t"},
		},
		"CreateDirs": {
			spec:  Spec{Path: "sub/a", CreateDirs: true},
			want:  Result{Written: true},
			files: map[string]string{"sub": "drwxr-xr-x"},
		},
		"BackupOfNothing": {
			spec:  Spec{Path: "a", Backup: true},
			want:  Result{Written: true},
			files: map[string]string{"a": "-rw-r--r-- s3cr3t"},
		},
		"Backup": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "a"), "older", 0o600) },
			spec:   Spec{Path: "a", Backup: true},
			want:   Result{Written: true, Existed: true},
			files:  map[string]string{"a": "-rw------- s3cr3t", "a.bak": "-rw------- older"},
		},
		"BackupReplaced": {
			before: func(t *testing.T, dir string) {
				put(t, filepath.Join(dir, "a"), "older", 0o600)
				put(t, filepath.Join(dir, "a.bak"), "oldest", 0o644)
			},
			spec:  Spec{Path: "a", Backup: true},
			want:  Result{Written: true, Existed: true},
			files: map[string]string{"a": "-rw------- s3cr3t", "a.bak": "-rw------- older"},
		},
		"BackupIsTheFile": {
			reason: "rename leaves two names of one file alone; no third may stay",
			before: func(t *testing.T, dir string) {
				put(t, filepath.Join(dir, "a"), "older", 0o600)
				must(t, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "a.bak")))
			},
			spec:  Spec{Path: "a", Backup: true},
			want:  Result{Written: true, Existed: true},
			files: map[string]string{"a": "-rw------- s3cr3t", "a.bak": "-rw------- older"},
		},
		"Symlink": {
			reason: "the link is replaced, its target stays",
			before: func(t *testing.T, dir string) {
				put(t, filepath.Join(dir, "target"), "older", 0o600)
				must(t, os.Symlink("target", filepath.Join(dir, "a")))
			},
			spec:  Spec{Path: "a"},
			want:  Result{Written: true, Existed: true},
			files: map[string]string{"a": "-rw------- s3cr3t", "target": "-rw------- older"},
		},
		"SymlinkToIdentical": {
			before: func(t *testing.T, dir string) {
				put(t, filepath.Join(dir, "target"), secret, 0o600)
				must(t, os.Symlink("target", filepath.Join(dir, "a")))
			},
			spec:  Spec{Path: "a"},
			want:  Result{Existed: true},
			files: map[string]string{"a": "Lrwxrwxrwx s3cr3t", "target": "-rw------- s3cr3t"},
		},
		"DanglingSymlink": {
			before: func(t *testing.T, dir string) { must(t, os.Symlink("nowhere", filepath.Join(dir, "a"))) },
			spec:   Spec{Path: "a", Backup: true},
			want:   Result{Written: true},
			files:  map[string]string{"a": "-rw-r--r-- s3cr3t"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.before != nil {
				tc.before(t, dir)
			}
			tc.spec.Path = filepath.Join(dir, tc.spec.Path)
			got, err := Write(t.Context(), tc.spec, []byte(secret))
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: result (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.files, seen(t, dir)); diff != "" {
				t.Errorf("%s: directory (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWriteErrors(t *testing.T) {
	cases := map[string]struct {
		before func(t *testing.T, dir string)
		spec   Spec
		want   string // DIR stands for the directory of the test
		is     error
	}{
		"NoPath":    {spec: Spec{}, want: `write "": no path given`},
		"Directory": {spec: Spec{Path: "."}, want: `write "DIR": destination is a directory`},
		"TrailingSlash": {
			spec: Spec{Path: "a/"},
			want: `write "DIR/a/": destination is a directory`,
		},
		"NoParent": {
			spec: Spec{Path: "sub/a"},
			want: `write "DIR/sub/a": its directory does not exist`,
			is:   fs.ErrNotExist,
		},
		"ParentIsFile": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "f"), "", 0o644) },
			spec:   Spec{Path: "f/a", CreateDirs: true},
			want:   `write "DIR/f/a": a part of its path is not a directory`,
			is:     syscall.ENOTDIR,
		},
		"SymlinkLoop": {
			before: func(t *testing.T, dir string) { must(t, os.Symlink("a", filepath.Join(dir, "a"))) },
			spec:   Spec{Path: "a"},
			want:   `write "DIR/a": too many symbolic links in its path`,
		},
		"Pipe": {
			before: func(t *testing.T, dir string) { must(t, syscall.Mkfifo(filepath.Join(dir, "a"), 0o600)) },
			spec:   Spec{Path: "a"},
			want:   `write "DIR/a": destination is not a regular file`,
		},
		"LongName": {
			spec: Spec{Path: strings.Repeat("n", 300)},
			want: `write "DIR/` + strings.Repeat("n", 300) + `": its name is too long`,
		},
		"UnknownUser": {
			spec: Spec{Path: "a", User: "no-such-user"},
			want: `write "DIR/a": unknown user "no-such-user"`,
		},
		"UnknownGroup": {
			spec: Spec{Path: "a", Group: "no-such-group"},
			want: `write "DIR/a": unknown group "no-such-group"`,
		},
		"HighestID": {
			spec: Spec{Path: "a", User: "4294967295"},
			want: `write "DIR/a": unknown user "4294967295"`,
		},
		"BackupIsDirectory": {
			before: func(t *testing.T, dir string) {
				put(t, filepath.Join(dir, "a"), "older", 0o600)
				must(t, os.Mkdir(filepath.Join(dir, "a.bak"), 0o755))
			},
			spec: Spec{Path: "a", Backup: true},
			want: `write "DIR/a": keep a backup: file exists`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.before != nil {
				tc.before(t, dir)
			}
			before := names(t, dir)
			if tc.spec.Path != "" {
				slash := strings.TrimPrefix(tc.spec.Path, strings.TrimSuffix(tc.spec.Path, "/"))
				tc.spec.Path = filepath.Join(dir, tc.spec.Path) + slash
			}
			got, err := Write(t.Context(), tc.spec, []byte("s3cr3t"))
			var typed *Error
			if !errors.As(err, &typed) || got != (Result{}) {
				t.Fatalf("Write() = %+v, %v; want an *Error and an empty result", got, err)
			}
			if diff := cmp.Diff(tc.want, strings.ReplaceAll(err.Error(), dir, "DIR")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("%v is not %v", err, tc.is)
			}
			if diff := cmp.Diff(before, names(t, dir)); diff != "" {
				t.Errorf("the directory changed (-before +after):\n%s", diff)
			}
		})
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestWriteCanceled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Write(ctx, Spec{Path: path}, []byte("x"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Write() = %v, want context.Canceled", err)
	}
	if diff := cmp.Diff(fmt.Sprintf("write %q: context canceled", path), err.Error()); diff != "" {
		t.Error(diff)
	}
	if got := names(t, filepath.Dir(path)); got != nil {
		t.Errorf("left %q behind", got)
	}
}

func TestWriteRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := Write(t.Context(), Spec{Path: "a"}, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "-rw-r--r-- x"}, seen(t, ".")); diff != "" {
		t.Error(diff)
	}
}

// A long name leaves no room for the whole of it in the temporary name.
func TestWriteLongestName(t *testing.T) {
	dir := t.TempDir()
	name := strings.Repeat("n", 255)
	if _, err := Write(t.Context(), Spec{Path: filepath.Join(dir, name)}, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{name: "-rw-r--r-- x"}, seen(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// Readers that open the file again and again must never see a mode or a
// content in between.
func TestWriteIsAtomicForReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	whole := map[string]bool{strings.Repeat("a", 9000): true, strings.Repeat("b", 7000): true}
	put(t, path, strings.Repeat("a", 9000), 0o600)
	done := make(chan error)
	go func() {
		done <- func() error {
			for i := range 100 {
				content := strings.Repeat("b", 7000)
				if i%2 == 1 {
					content = strings.Repeat("a", 9000)
				}
				if _, err := Write(t.Context(), Spec{Path: path}, []byte(content)); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	for {
		select {
		case err := <-done:
			must(t, err)
			return
		default:
		}
		f, err := os.Open(path)
		must(t, err)
		info, err := f.Stat()
		must(t, err)
		content, err := os.ReadFile(f.Name())
		must(t, err)
		must(t, f.Close())
		if !whole[string(content)] || info.Mode() != 0o600 {
			t.Errorf("saw %d bytes, mode %v", len(content), info.Mode())
		}
	}
}

func TestBackupByCopy(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	put(t, path, "older", 0o640)
	old, err := inspect(path)
	must(t, err)
	refuse := func(string, string) error { return syscall.EPERM }
	must(t, backup(refuse, old, true))
	want := map[string]string{"a": "-rw-r----- older", "a.bak": "-rw-r----- older"}
	if diff := cmp.Diff(want, seen(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestMemoryBacked(t *testing.T) {
	cases := map[string]struct {
		dir  string
		want bool
		err  string
	}{
		"Proc":    {dir: "/proc"},
		"Shm":     {dir: "/dev/shm", want: true},
		"Missing": {dir: "/proc/none", err: `inspect "/proc/none": no such file or directory`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := MemoryBacked(tc.dir)
			if got != tc.want || errorText(err) != tc.err {
				t.Errorf("MemoryBacked(%q) = %v, %v; want %v, %q", tc.dir, got, err, tc.want, tc.err)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestExplain(t *testing.T) {
	uid := strconv.Itoa(os.Geteuid())
	cases := map[syscall.Errno]string{
		syscall.ENOSPC:       "no space left on its file system",
		syscall.EDQUOT:       "the disk quota is used up",
		syscall.EFBIG:        "larger than the file size limit",
		syscall.EROFS:        "its file system is read-only",
		syscall.EACCES:       "permission denied for uid " + uid,
		syscall.EPERM:        "not permitted for uid " + uid,
		syscall.EBUSY:        "destination is a mount point (such as a subPath mount) and cannot be replaced",
		syscall.EISDIR:       "destination is a directory",
		syscall.ENOTDIR:      "a part of its path is not a directory",
		syscall.ENOENT:       "its directory does not exist",
		syscall.ELOOP:        "too many symbolic links in its path",
		syscall.ENAMETOOLONG: "its name is too long",
		syscall.EIO:          "input/output error",
	}
	for errno, want := range cases {
		for _, wrapped := range []error{
			errno,
			&fs.PathError{Op: "open", Path: "/hidden", Err: errno},
			&os.LinkError{Op: "rename", Old: "/hidden", New: "/hidden", Err: errno},
			&fs.PathError{Op: "open", Path: "/hidden", Err: os.NewSyscallError("x", errno)},
		} {
			got := explain(wrapped)
			if got.Error() != want || !errors.Is(got, errno) {
				t.Errorf("explain(%T %v) = %q, want %q that is the errno", wrapped, errno, got, want)
			}
			if again := explain(got); again.Error() != want {
				t.Errorf("explaining twice gave %q", again)
			}
		}
	}
	if explain(nil) != nil {
		t.Error("explain(nil) is an error")
	}
}
