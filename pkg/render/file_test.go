package render_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/render"
)

// files makes a folder with a sandbox and a neighbor of a similar name.
func files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for path, content := range map[string]string{
		"box/a.txt": "in a", "box/sub/b.txt": "in b", "box/..data/c.txt": "in c", "box-evil/x.txt": "evil", "outside.txt": "outside",
	} {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"box/relative": "sub/b.txt", "box/absolute": filepath.Join(dir, "box", "a.txt"), "box/escape": "../outside.txt",
		"box/escape-absolute": filepath.Join(dir, "outside.txt"), "box/folder-escape": "../box-evil", "box/broken": "nowhere", "to-box": "box",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFile(t *testing.T) {
	dir := files(t)
	cases := map[string]struct {
		sandbox, path string
		want          string // content, or the error after the function's name
		fails         bool
	}{
		"no sandbox":              {path: "outside.txt", want: "outside"},
		"inside":                  {sandbox: "box", path: "box/a.txt", want: "in a"},
		"below":                   {sandbox: "box", path: "box/sub/b.txt", want: "in b"},
		"two dots in a name":      {sandbox: "box", path: "box/..data/c.txt", want: "in c"},
		"two dots that stay":      {sandbox: "box", path: "box/sub/../a.txt", want: "in a"},
		"link inside":             {sandbox: "box", path: "box/relative", want: "in b"},
		"absolute link inside":    {sandbox: "box", path: "box/absolute", want: "in a"},
		"sandbox is a link":       {sandbox: "to-box", path: "box/a.txt", want: "in a"},
		"through the link":        {sandbox: "to-box", path: "to-box/sub/b.txt", want: "in b"},
		"outside":                 {sandbox: "box", path: "outside.txt", want: "'DIR/outside.txt' is outside of sandbox", fails: true},
		"similar name":            {sandbox: "box", path: "box-evil/x.txt", want: "'DIR/box-evil/x.txt' is outside of sandbox", fails: true},
		"two dots that leave":     {sandbox: "box", path: "box/../outside.txt", want: "'DIR/box/../outside.txt' is outside of sandbox", fails: true},
		"link outside":            {sandbox: "box", path: "box/escape", want: "'DIR/box/escape' is outside of sandbox", fails: true},
		"absolute link outside":   {sandbox: "box", path: "box/escape-absolute", want: "'DIR/box/escape-absolute' is outside of sandbox", fails: true},
		"linked folder outside":   {sandbox: "box", path: "box/folder-escape/x.txt", want: "'DIR/box/folder-escape/x.txt' is outside of sandbox", fails: true},
		"broken link":             {sandbox: "box", path: "box/broken", want: `read "DIR/box/broken": no such file or directory`, fails: true},
		"no such file":            {path: "nope", want: `read "DIR/nope": no such file or directory`, fails: true},
		"no such file in sandbox": {sandbox: "box", path: "box/nope", want: `read "DIR/box/nope": no such file or directory`, fails: true},
		"no such sandbox":         {sandbox: "nowhere", path: "box/a.txt", want: `read "DIR/box/a.txt": no such file or directory`, fails: true},
		"folder":                  {sandbox: "box", path: "box/sub", want: `read "DIR/box/sub": not a regular file`, fails: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := render.Options{}
			if c.sandbox != "" {
				o.SandboxPath = filepath.Join(dir, c.sandbox)
			}
			// Joined by hand, because filepath.Join would resolve the dots.
			path := dir + "/" + c.path
			text := fmt.Sprintf("{{ file %q }}", path)
			if c.fails {
				want := `template "app.conf", line 1, column 4: function "file": ` + strings.ReplaceAll(c.want, "DIR", dir)
				if got := failure(t, text, o); got != want {
					t.Errorf("error = %s\nwant    %s", got, want)
				}
				return
			}
			result := execute(t, text, o)
			if got := string(result.Output); got != c.want {
				t.Errorf("content = %q, want %q", got, c.want)
			}
			if diff := cmp.Diff([]string{path}, result.Files); diff != "" {
				t.Errorf("files: %s", diff)
			}
		})
	}
}

func TestFilesAreNotedOnceAndInOrder(t *testing.T) {
	dir := files(t)
	text := fmt.Sprintf(`{{ file "%[1]s/outside.txt" }}{{ file "%[1]s/box/a.txt" }}{{ file "%[1]s/outside.txt" }}`, dir)
	want := []string{dir + "/outside.txt", dir + "/box/a.txt"}
	if diff := cmp.Diff(want, execute(t, text, render.Options{}).Files); diff != "" {
		t.Error(diff)
	}
}

func TestFileThatFailsIsNoted(t *testing.T) {
	result, err := parse(t, `{{ file "/nowhere/at/all" }}`, render.Options{}).Execute(held())
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff([]string{"/nowhere/at/all"}, result.Files); diff != "" {
		t.Errorf("a file that may appear must be watched: %s", diff)
	}
}

func TestFileOfAnotherKind(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, "/dev/zero"} {
		for _, sandbox := range []string{"", filepath.Dir(path)} {
			got := failure(t, fmt.Sprintf("{{ file %q }}", path), render.Options{SandboxPath: sandbox})
			want := fmt.Sprintf(`template "app.conf", line 1, column 4: function "file": read %q: not a regular file`, path)
			if got != want {
				t.Errorf("error = %s\nwant    %s", got, want)
			}
		}
	}
}

func TestLargeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const limit = 16 << 20
	if err := os.Truncate(path, limit); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("{{ len (file %q) }}", path)
	if got := string(execute(t, text, render.Options{}).Output); got != fmt.Sprint(limit) {
		t.Errorf("length = %s", got)
	}
	if err := os.Truncate(path, limit+1); err != nil {
		t.Fatal(err)
	}
	got := failure(t, text, render.Options{})
	if want := fmt.Sprintf(`template "app.conf", line 1, column 9: function "file": read %q: larger than 16777216 bytes`, path); got != want {
		t.Errorf("error = %s\nwant    %s", got, want)
	}
}

func TestWriteToFile(t *testing.T) {
	cases := map[string]struct {
		args string
		want render.Write
	}{
		"plain":              {`"/x" "" "" "0644" "content"`, render.Write{Path: "/x", Perm: 0o644, Content: []byte("content")}},
		"owner":              {`"/x" "app" "1000" "600" "c"`, render.Write{Path: "/x", User: "app", Group: "1000", Perm: 0o600, Content: []byte("c")}},
		"flags":              {`"/x" "" "" "0644" "append,newline" "c"`, render.Write{Path: "/x", Perm: 0o644, Append: true, Newline: true, Content: []byte("c")}},
		"one flag":           {`"/x" "" "" "0644" "newline" "c"`, render.Write{Path: "/x", Perm: 0o644, Newline: true, Content: []byte("c")}},
		"unknown flag":       {`"/x" "" "" "0644" "append,other" "c"`, render.Write{Path: "/x", Perm: 0o644, Append: true, Content: []byte("c")}},
		"empty content":      {`"/x" "" "" "0000" "" ""`, render.Write{Path: "/x", Content: []byte{}}},
		"all permissions":    {`"/x" "" "" "0777" "c"`, render.Write{Path: "/x", Perm: 0o777, Content: []byte("c")}},
		"content of a pipe":  {`"/x" "" "" "0644" (toUpper "c")`, render.Write{Path: "/x", Perm: 0o644, Content: []byte("C")}},
		"content of secrets": {`"/x" "" "" "0644" (secret "secret/app").Data.data.password`, render.Write{Path: "/x", Perm: 0o644, Content: []byte(canary)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			result := execute(t, `{{ writeToFile `+c.args+` }}`, render.Options{})
			if diff := cmp.Diff([]render.Write{c.want}, result.Writes); diff != "" {
				t.Error(diff)
			}
			if len(result.Output) != 0 {
				t.Errorf("output = %q", result.Output)
			}
		})
	}
}

func TestWritesKeepTheirOrderAndTouchNothing(t *testing.T) {
	dir := t.TempDir()
	text := fmt.Sprintf(`{{ range $i := loop 3 }}{{ writeToFile (printf "%s/%%d" $i) "" "" "0644" "append" "x" }}{{ end }}`, dir)
	result := execute(t, text, render.Options{})
	var paths []string
	for _, w := range result.Writes {
		paths = append(paths, strings.TrimPrefix(w.Path, dir))
	}
	if diff := cmp.Diff([]string{"/0", "/1", "/2"}, paths); diff != "" {
		t.Error(diff)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the execution wrote %v (error %v)", entries, err)
	}
}
