package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteSide(t *testing.T) {
	cases := map[string]struct {
		reason string
		before func(t *testing.T, dir string)
		side   Side
		times  int
		files  map[string]string
	}{
		"New": {
			side:  Side{Path: "a"},
			files: map[string]string{"a": "-rw-r--r-- text"},
		},
		"Newline": {
			side:  Side{Path: "a", Newline: true, Perm: 0o600},
			files: map[string]string{"a": "-rw------- text\n"},
		},
		"Replaces": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "a"), "much longer than before", 0o640) },
			side:   Side{Path: "a"},
			times:  2,
			files:  map[string]string{"a": "-rw-r----- text"},
		},
		"Appends": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "a"), "first\n", 0o640) },
			side:   Side{Path: "a", Append: true, Newline: true},
			times:  2,
			files:  map[string]string{"a": "-rw-r----- first\ntext\ntext\n"},
		},
		"AppendNew": {
			side:  Side{Path: "a", Append: true, Perm: 0o660},
			files: map[string]string{"a": "-rw-rw---- text"},
		},
		"AppendSetsMode": {
			before: func(t *testing.T, dir string) { put(t, filepath.Join(dir, "a"), "", 0o644) },
			side:   Side{Path: "a", Append: true, Perm: 0o600},
			files:  map[string]string{"a": "-rw------- text"},
		},
		"LinkedGrandparent": {
			reason: "only the direct parent is looked at",
			before: func(t *testing.T, dir string) {
				must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
				must(t, os.Symlink("real", filepath.Join(dir, "link")))
			},
			side:  Side{Path: "link/sub/a"},
			files: nil,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.before != nil {
				tc.before(t, dir)
			}
			tc.side.Path = filepath.Join(dir, tc.side.Path)
			tc.side.Content = []byte("text")
			for range max(tc.times, 1) {
				if err := WriteSide(t.Context(), tc.side); err != nil {
					t.Fatalf("%s: %v", tc.reason, err)
				}
			}
			if tc.files == nil {
				return
			}
			if diff := cmp.Diff(tc.files, seen(t, dir)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// The newline must not be written into the caller's memory.
func TestWriteSideKeepsContent(t *testing.T) {
	backing := []byte("abc|")
	side := Side{Path: filepath.Join(t.TempDir(), "a"), Newline: true, Content: backing[:3]}
	must(t, WriteSide(t.Context(), side))
	if string(backing) != "abc|" {
		t.Errorf("the caller's bytes became %q", backing)
	}
}

func TestWriteSideErrors(t *testing.T) {
	link := func(t *testing.T, dir string) {
		must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
		put(t, filepath.Join(dir, "real", "target"), "old", 0o600)
		must(t, os.Symlink("real", filepath.Join(dir, "link")))
		must(t, os.Symlink("target", filepath.Join(dir, "real", "alias")))
	}
	cases := map[string]struct {
		side Side
		want string
	}{
		"NoPath":       {want: `write "": no path given`},
		"LinkedParent": {side: Side{Path: "link/a"}, want: `write "DIR/link/a": its directory is a symbolic link`},
		"LinkedFile":   {side: Side{Path: "real/alias"}, want: `write "DIR/real/alias": destination is a symbolic link`},
		"AppendToLink": {
			side: Side{Path: "real/alias", Append: true},
			want: `append to "DIR/real/alias": destination is a symbolic link`,
		},
		"AppendToDirectory": {
			side: Side{Path: "real", Append: true},
			want: `append to "DIR/real": destination is a directory`,
		},
		"ParentIsFile": {
			side: Side{Path: "real/target/a"},
			want: `write "DIR/real/target/a": a part of its path is not a directory`,
		},
		"UnknownUser": {
			side: Side{Path: "real/target", User: "no-such-user", Append: true},
			want: `append to "DIR/real/target": unknown user "no-such-user"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			link(t, dir)
			if tc.side.Path != "" {
				tc.side.Path = filepath.Join(dir, tc.side.Path)
			}
			tc.side.Content = []byte("s3cr3t")
			err := WriteSide(t.Context(), tc.side)
			if diff := cmp.Diff(tc.want, strings.ReplaceAll(errorText(err), dir, "DIR")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			got, err := os.ReadFile(filepath.Join(dir, "real", "target"))
			must(t, err)
			if string(got) != "old" {
				t.Errorf("the file behind the link became %q", got)
			}
		})
	}
}

func TestWriteSideCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, add := range []bool{false, true} {
		side := Side{Path: filepath.Join(t.TempDir(), "a"), Append: add, Content: []byte("x")}
		if err := WriteSide(ctx, side); !errors.Is(err, context.Canceled) {
			t.Errorf("WriteSide(Append: %v) = %v, want context.Canceled", add, err)
		}
		if left := names(t, filepath.Dir(side.Path)); left != nil {
			t.Errorf("left %q", left)
		}
	}
}

// An append that fails half way takes back what it added: here the descriptor
// cannot be written at all, and the file keeps its length.
func TestExtendFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	put(t, path, "old", 0o600)
	f, err := os.Open(path)
	must(t, err)
	defer func() { _ = f.Close() }()
	if err := extend(f, []byte("new"), appearance{mode: 0o600, keep: nobody, asked: nobody}); err == nil {
		t.Error("writing to a read-only descriptor succeeded")
	}
	got, err := os.ReadFile(path)
	must(t, err)
	if string(got) != "old" {
		t.Errorf("the file became %q", got)
	}
}
