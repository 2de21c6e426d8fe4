package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recorder is a test that only remembers what it was told.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }

// inUpdateMode makes Compare write until the test ends.
func inUpdateMode(t *testing.T) {
	t.Helper()
	before := *update
	*update = true
	t.Cleanup(func() { *update = before })
}

// inCompareMode holds even when this package's tests are run with -update.
func inCompareMode(t *testing.T) {
	t.Helper()
	before := *update
	*update = false
	t.Cleanup(func() { *update = before })
}

func TestCompare(t *testing.T) {
	inCompareMode(t)
	path := filepath.Join(t.TempDir(), "want.txt")
	if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		got  string
		path string
		want []string // parts of the only error; none: no error
	}{
		"Same":       {got: "one\ntwo\n", path: path},
		"OtherLine":  {got: "one\n2\n", path: path, want: []string{path, "-want +got", `"two"`, `"2"`, "-update"}},
		"NoLastLine": {got: "one\ntwo", path: path, want: []string{"differs from golden file"}},
		"Empty":      {got: "", path: path, want: []string{"differs from golden file"}},
		"Missing": {got: "one", path: path + ".missing", want: []string{
			`golden file "` + path + `.missing" does not exist; run the test with -update to write it`,
		}},
		"Folder": {got: "one", path: filepath.Dir(path), want: []string{"read golden file: "}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			Compare(r, []byte(tc.got), tc.path)
			checkErrors(t, r.errors, tc.want)
		})
	}
}

func checkErrors(t *testing.T, got, parts []string) {
	t.Helper()
	if len(parts) == 0 {
		if len(got) != 0 {
			t.Errorf("unexpected errors: %q", got)
		}
		return
	}
	if len(got) != 1 {
		t.Fatalf("got %d errors, want 1: %q", len(got), got)
	}
	for _, p := range parts {
		if !strings.Contains(got[0], p) {
			t.Errorf("error lacks %q:\n%s", p, got[0])
		}
	}
}

func TestUpdateMakesFolderAndFile(t *testing.T) {
	inUpdateMode(t)
	path := filepath.Join(t.TempDir(), "deep", "er", "want.txt")
	r := &recorder{TB: t}
	Compare(r, []byte("new\n"), path)
	checkErrors(t, r.errors, nil)
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != "new\n" {
		t.Errorf("file holds %q", got)
	}
}

func TestUpdateLeavesRightFileAlone(t *testing.T) {
	inUpdateMode(t)
	path := filepath.Join(t.TempDir(), "want.txt")
	if err := os.WriteFile(path, []byte("same\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	Compare(&recorder{TB: t}, []byte("same\n"), path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !info.ModTime().Equal(old) {
		t.Errorf("the file was written at %v", info.ModTime())
	}
}

func TestUpdateReportsFailures(t *testing.T) {
	inUpdateMode(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		path string
		want string
	}{
		"FolderIsFile": {path: filepath.Join(file, "want.txt"), want: "make the folder of golden file "},
		"FileIsFolder": {path: dir, want: "write golden file: "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			Compare(r, []byte("x"), tc.path)
			checkErrors(t, r.errors, []string{tc.want})
		})
	}
}
