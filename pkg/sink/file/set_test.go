package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pair is a set of a certificate and its key.
func pair(content string) []Entry {
	return []Entry{{Name: "tls.crt", Content: []byte("cert " + content)}, {Name: "tls.key", Content: []byte("key " + content)}}
}

func writePair(t *testing.T, dir, content string) Result {
	t.Helper()
	res, err := WriteSet(t.Context(), SetSpec{Dir: dir}, pair(content))
	must(t, err)
	return res
}

// visible is what a reader sees in a directory, without what is hidden: modes are
// those behind the links.
func visible(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, name := range names(t, dir) {
		if strings.HasPrefix(name, "..") {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if info.IsDir() {
			found[name] = info.Mode().String()
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		found[name] = info.Mode().String() + " " + string(content)
	}
	return found
}

// hidden returns the names that a set keeps for itself, generations without their number.
func hidden(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	for _, name := range names(t, dir) {
		switch {
		case isGeneration(name):
			found = append(found, "generation")
		case strings.HasPrefix(name, ".."):
			found = append(found, name)
		}
	}
	return found
}

func TestWriteSet(t *testing.T) {
	cases := map[string]struct {
		reason string
		before func(t *testing.T, dir string)
		spec   SetSpec
		want   Result
		files  map[string]string
	}{
		"New": {
			want:  Result{Written: true},
			files: map[string]string{"tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
		"NewDirectories": {
			spec:  SetSpec{Dir: "deep/er", CreateDirs: true},
			want:  Result{Written: true},
			files: map[string]string{"tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
		"Modes": {
			spec:  SetSpec{Perm: perm(0o640), DirPerm: perm(0o500)},
			want:  Result{Written: true},
			files: map[string]string{"tls.crt": "-rw-r----- cert new", "tls.key": "-rw-r----- key new"},
		},
		"Replaces": {
			before: func(t *testing.T, dir string) { writePair(t, dir, "old") },
			want:   Result{Written: true, Existed: true},
			files:  map[string]string{"tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
		"Identical": {
			before: func(t *testing.T, dir string) { writePair(t, dir, "new") },
			want:   Result{Existed: true},
			files:  map[string]string{"tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
		"OnlyModes": {
			before: func(t *testing.T, dir string) { writePair(t, dir, "new") },
			spec:   SetSpec{Perm: perm(0o600)},
			want:   Result{Existed: true, ModeChanged: true},
			files:  map[string]string{"tls.crt": "-rw------- cert new", "tls.key": "-rw------- key new"},
		},
		"LinkGone": {
			reason: "somebody removed what readers look at",
			before: func(t *testing.T, dir string) {
				writePair(t, dir, "new")
				must(t, os.Remove(filepath.Join(dir, "tls.key")))
			},
			want:  Result{Written: true, Existed: true},
			files: map[string]string{"tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
		"FileGone": {
			before: func(t *testing.T, dir string) {
				writePair(t, dir, "new")
				must(t, os.Remove(filepath.Join(dir, "..data", "tls.key")))
			},
			want:  Result{Written: true, Existed: true},
			files: map[string]string{"tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
		"FileReplacedByLink": {
			reason: "what a link leads to may have the right content now and another one later",
			before: func(t *testing.T, dir string) {
				writePair(t, dir, "new")
				put(t, filepath.Join(dir, "elsewhere"), "key new", 0o644)
				must(t, os.Remove(filepath.Join(dir, "..data", "tls.key")))
				must(t, os.Symlink("../elsewhere", filepath.Join(dir, "..data", "tls.key")))
			},
			want:  Result{Written: true, Existed: true},
			files: map[string]string{"elsewhere": "-rw-r--r-- key new", "tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
		"NamesThatWent": {
			before: func(t *testing.T, dir string) {
				_, err := WriteSet(t.Context(), SetSpec{Dir: dir}, append(pair("old"), Entry{Name: "ca.crt", Content: []byte("ca")}))
				must(t, err)
			},
			want:  Result{Written: true, Existed: true},
			files: map[string]string{"tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
		"NamesThatCame": {
			before: func(t *testing.T, dir string) {
				_, err := WriteSet(t.Context(), SetSpec{Dir: dir}, pair("old")[:1])
				must(t, err)
			},
			want:  Result{Written: true, Existed: true},
			files: map[string]string{"tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
		"OthersStay": {
			before: func(t *testing.T, dir string) {
				put(t, filepath.Join(dir, "readme"), "mine", 0o600)
				must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
			},
			want:  Result{Written: true},
			files: map[string]string{"folder": "drwx------", "readme": "-rw------- mine", "tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
		"KilledBeforeTheStep": {
			reason: "a generation without a reader, a link on its way and a link that leads nowhere",
			before: func(t *testing.T, dir string) {
				left := generationMark + "20260101T000000Z-0123456789abcdef"
				must(t, os.MkdirAll(filepath.Join(dir, left), 0o500))
				must(t, os.Symlink(left, filepath.Join(dir, dataLinkTemp)))
				must(t, os.Symlink(targetOf("tls.key"), filepath.Join(dir, "tls.key")))
				must(t, os.Symlink(targetOf("gone"), filepath.Join(dir, "gone")))
			},
			want:  Result{Written: true},
			files: map[string]string{"tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
		"KilledAfterTheStep": {
			before: func(t *testing.T, dir string) {
				writePair(t, dir, "new")
				must(t, os.Mkdir(filepath.Join(dir, generationMark+"20260101T000000Z-0123456789abcdef"), 0o700))
				must(t, os.Symlink(targetOf("gone"), filepath.Join(dir, "gone")))
			},
			want:  Result{Existed: true},
			files: map[string]string{"tls.crt": "-rw-r--r-- cert new", "tls.key": "-rw-r--r-- key new"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.before != nil {
				tc.before(t, dir)
			}
			tc.spec.Dir = filepath.Join(dir, tc.spec.Dir)
			got, err := WriteSet(t.Context(), tc.spec, pair("new"))
			must(t, err)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.files, visible(t, tc.spec.Dir)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff([]string{"..data", "generation"}, hidden(t, tc.spec.Dir)); diff != "" {
				t.Errorf("what a set keeps for itself (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteSetAgainIsNoWrite(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "same")
	before := names(t, dir)
	if got := writePair(t, dir, "same"); got != (Result{Existed: true}) {
		t.Errorf("the same set again: %+v", got)
	}
	if diff := cmp.Diff(before, names(t, dir)); diff != "" {
		t.Errorf("there is a new generation (-want +got):\n%s", diff)
	}
}

// Modes of single files win, and the directories that are made have theirs.
func TestWriteSetModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	entries := pair("x")
	entries[1].Perm = 0o600
	_, err := WriteSet(t.Context(), SetSpec{Dir: dir, Perm: perm(0o444), DirPerm: perm(0o711)}, entries)
	must(t, err)
	want := map[string]string{"tls.crt": "-r--r--r-- cert x", "tls.key": "-rw------- key x"}
	if diff := cmp.Diff(want, visible(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, path := range []string{dir, filepath.Join(dir, dataLink)} {
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm() != 0o711 {
			t.Errorf("%s has the mode %v", filepath.Base(path), info.Mode())
		}
	}
	must(t, os.Chmod(dir, 0o750))
	_, err = WriteSet(t.Context(), SetSpec{Dir: dir}, nil)
	must(t, err)
	info, err := os.Stat(dir)
	must(t, err)
	if info.Mode().Perm() != 0o750 || len(visible(t, dir)) != 0 {
		t.Errorf("a directory that exists keeps its mode: %v, and a set without files is empty: %v", info.Mode(), visible(t, dir))
	}
}

func TestWriteSetErrors(t *testing.T) {
	long := strings.Repeat("n", 256)
	cases := map[string]struct {
		before  func(t *testing.T, dir string)
		spec    SetSpec
		entries []Entry
		want    string
	}{
		"NoPath":        {spec: SetSpec{Dir: "NONE"}, want: `write set "": no path given`},
		"NoName":        {entries: []Entry{{}}, want: `write set "DIR": a file of the set has no name`},
		"Dot":           {entries: []Entry{{Name: "."}}, want: `write set "DIR": "." is no name of a file in a set`},
		"DotDot":        {entries: []Entry{{Name: ".."}}, want: `write set "DIR": ".." is no name of a file in a set`},
		"Reserved":      {entries: []Entry{{Name: "..data"}}, want: `write set "DIR": "..data" is no name of a file in a set`},
		"Path":          {entries: []Entry{{Name: "a/../../b"}}, want: `write set "DIR": "a/../../b" is no name of a file in a set`},
		"NUL":           {entries: []Entry{{Name: "a\x00"}}, want: `write set "DIR": "a\x00" is no name of a file in a set`},
		"TooLong":       {entries: []Entry{{Name: long}}, want: `write set "DIR": "nnnnnnnnnnnnnnnnnnnn"... has more than 255 bytes, which is too long for the name of a file`},
		"Twice":         {entries: []Entry{{Name: "a"}, {Name: "a"}}, want: `write set "DIR": two files of the set have the name "a"`},
		"User":          {spec: SetSpec{Dir: "DIR", User: "no-such-user"}, want: `write set "DIR": unknown user "no-such-user"`},
		"ParentMissing": {spec: SetSpec{Dir: "DIR/deep/er"}, want: `write set "DIR/deep/er": its directory does not exist`},
		"ParentIsFile": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "f"), "x", 0o600) },
			spec:   SetSpec{Dir: "DIR/f/er", CreateDirs: true}, want: `write set "DIR/f/er": a part of its path is not a directory`,
		},
		"IsFile": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "f"), "x", 0o600) },
			spec:   SetSpec{Dir: "DIR/f"}, want: `write set "DIR/f": destination is not a directory`,
		},
		"IsLink": {
			before: func(t *testing.T, dir string) {
				must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
				must(t, os.Symlink("real", filepath.Join(dir, "link")))
			},
			spec: SetSpec{Dir: "DIR/link/"}, want: `write set "DIR/link/": destination is a symbolic link`,
		},
		"ForeignFile": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "tls.key"), "mine", 0o600) },
			want:   `write set "DIR": "tls.key" in it was made by somebody else`,
		},
		"ForeignLink": {
			before: func(t *testing.T, dir string) { must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "tls.key"))) },
			want:   `write set "DIR": "tls.key" in it was made by somebody else`,
		},
		"ForeignData": {
			before: func(t *testing.T, dir string) { must(t, os.Symlink("..2026_01_01", filepath.Join(dir, "..data"))) },
			want:   `write set "DIR": "..data" in it was made by somebody else`,
		},
		"DataIsDirectory": {
			before: func(t *testing.T, dir string) { must(t, os.Mkdir(filepath.Join(dir, "..data"), 0o700)) },
			want:   `write set "DIR": "..data" in it was made by somebody else`,
		},
		"Busy": {
			before: func(t *testing.T, dir string) {
				other, err := os.Open(dir)
				must(t, err)
				t.Cleanup(func() { _ = other.Close() })
				if !lock(other) {
					t.Fatal("the directory is locked already")
				}
			},
			want: `write set "DIR": another process is writing to it`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.before != nil {
				tc.before(t, dir)
			}
			before := names(t, dir)
			if tc.spec.Dir == "" {
				tc.spec.Dir = "DIR"
			}
			tc.spec.Dir = strings.TrimPrefix(strings.Replace(tc.spec.Dir, "DIR", dir, 1), "NONE")
			if tc.entries == nil {
				tc.entries = pair("s3cr3t")
			}
			got, err := WriteSet(t.Context(), tc.spec, tc.entries)
			if diff := cmp.Diff(tc.want, strings.ReplaceAll(errorText(err), dir, "DIR")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var failed *Error
			if !errors.As(err, &failed) || got != (Result{}) {
				t.Errorf("got %+v and a %T", got, err)
			}
			if diff := cmp.Diff(before, names(t, dir)); diff != "" {
				t.Errorf("something changed (-before +after):\n%s", diff)
			}
		})
	}
}

// A set that cannot be completed leaves the one before, and nothing beside it.
func TestWriteSetTakesBack(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "old")
	before := names(t, dir)
	d := setDirOf(t, dir, append(pair("new"), Entry{Name: "ca.crt"}, Entry{Name: "no/such/place"}))
	if _, err := d.replace(t.Context(), []string{"ca.crt"}); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("replace() = %v, want an error of a missing directory", err)
	}
	if diff := cmp.Diff(before, names(t, dir)); diff != "" {
		t.Errorf("after a failed write (-before +after):\n%s", diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.entries = append(pair("new"), Entry{Name: "ca.crt"})
	if _, err := d.replace(ctx, []string{"ca.crt"}); !errors.Is(err, context.Canceled) {
		t.Fatalf("replace() = %v, want context.Canceled", err)
	}
	if diff := cmp.Diff(before, names(t, dir)); diff != "" {
		t.Errorf("after a canceled write (-before +after):\n%s", diff)
	}
	if _, err := WriteSet(ctx, SetSpec{Dir: filepath.Join(dir, "none")}, pair("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("WriteSet() = %v, want context.Canceled", err)
	}
	if diff := cmp.Diff(map[string]string{"tls.crt": "-rw-r--r-- cert old", "tls.key": "-rw-r--r-- key old"}, visible(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Files and what is made for them get the owner that is asked for, as far as this
// process may give them away.
func TestWriteSetOwner(t *testing.T) {
	asked := owner{uid: os.Geteuid(), gid: os.Getegid()}
	if os.Geteuid() == 0 {
		asked = owner{uid: 1234, gid: 4321}
	}
	dir := filepath.Join(t.TempDir(), "set")
	writePair(t, dir, "same")
	spec := SetSpec{Dir: dir, User: strconv.Itoa(asked.uid), Group: strconv.Itoa(asked.gid)}
	got, err := WriteSet(t.Context(), spec, pair("same"))
	must(t, err)
	if got.Written != (os.Geteuid() == 0) {
		t.Errorf("a set of another owner: %+v", got)
	}
	for _, name := range []string{"tls.crt", "tls.key", dataLink} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if now := ownerOf(info); now != asked {
			t.Errorf("%s belongs to %v, want %v", name, now, asked)
		}
	}
	if got, err := WriteSet(t.Context(), spec, pair("same")); err != nil || got != (Result{Existed: true}) {
		t.Errorf("again: %+v, %v", got, err)
	}
}

func setDirOf(t *testing.T, dir string, entries []Entry) *setDir {
	t.Helper()
	root, err := os.OpenRoot(dir)
	must(t, err)
	t.Cleanup(func() { _ = root.Close() })
	return &setDir{root: root, spec: SetSpec{Dir: dir}, owner: nobody, sync: true, entries: entries}
}

func TestGenerationName(t *testing.T) {
	now := testTime()
	cases := map[string]bool{
		generationName(now):                             true,
		"..vaultk8s-20260102T030405Z-0123456789abcdef":  true,
		"..vaultk8s-20260102T030405Z-0123456789abcde":   false,
		"..vaultk8s-20260102T030405Z-0123456789abcdeg":  false,
		"..vaultk8s-20260102T030405-0123456789abcdef":   false,
		"..vaultk8s-0123456789abcdef":                   false,
		".vaultk8s-20260102T030405Z-0123456789abcdef":   false,
		"..2026_01_02_03_04_05.123456789":               false,
		"..vaultk8s-20260102T030405Z-0123456789abcdef/": false,
		"": false,
	}
	for name, want := range cases {
		if got := isGeneration(name); got != want {
			t.Errorf("isGeneration(%q) = %v, want %v", name, got, want)
		}
	}
	if first, second := generationName(now), generationName(now); first == second || !strings.HasPrefix(first, "..vaultk8s-20260102T030405Z-") {
		t.Errorf("names of generations: %q and %q", first, second)
	}
	if isTempName(generationName(now)) {
		t.Error("Clean would take a generation for one of its own files")
	}
}
