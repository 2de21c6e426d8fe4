package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCat(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"a": "1\n", "b": "2"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := run([]string{"cat", dir + "/a", dir + "/b"}, &out); err != nil || out.String() != "1\n2" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	if err := run([]string{"cat", dir + "/c"}, &out); err == nil {
		t.Error("a file that is not there is shown")
	}
}

func TestServe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	t.Setenv("COLOR", "red")
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run([]string{"serve", "-env", "COLOR", "-file", file}, w) }()
	lines := bufio.NewScanner(r)
	next := func(want string) {
		t.Helper()
		if lines.Scan(); lines.Text() != want {
			t.Fatalf("got %q, want %q", lines.Text(), want)
		}
	}
	next("COLOR=red")
	next("started open " + file + ": no such file or directory")
	if err := os.WriteFile(file, []byte("new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	signalSelf(t, syscall.SIGHUP)
	next("reloaded new")
	signalSelf(t, syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func signalSelf(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

func TestBadInput(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"Nothing": {want: "expected a command: serve, cat or pair"},
		"Unknown": {args: []string{"dance"}, want: `unknown command "dance": expected serve, cat or pair`},
		"Pair":    {args: []string{"pair", "a"}, want: "expected a directory, and the names of a certificate and of its key in it"},
		"Flag":    {args: []string{"serve", "-x"}, want: "flag provided but not defined: -x"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(tc.args, io.Discard); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}
