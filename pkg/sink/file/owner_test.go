package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWriteOwner expects what this process may do: root gives files away,
// anybody else gets a clear error and the old file.
func TestWriteOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	put(t, path, "same", 0o640)
	other := os.Geteuid() + 1
	got, err := Write(t.Context(), Spec{Path: path, User: strconv.Itoa(other)}, []byte("same"))
	if os.Geteuid() != 0 {
		want := fmt.Sprintf("write %q: give the file to uid %d: not permitted for uid %d", path, other, os.Geteuid())
		if errorText(err) != want || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("Write() = %v, want %s", err, want)
		}
		return
	}
	must(t, err)
	if diff := cmp.Diff(Result{Written: true, Existed: true}, got); diff != "" {
		t.Errorf("another owner is a reason to write (-want +got):\n%s", diff)
	}
	_, err = Write(t.Context(), Spec{Path: path}, []byte("changed"))
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	if diff := cmp.Diff([]any{other, os.FileMode(0o640)}, []any{ownerOf(info).uid, info.Mode()}); diff != "" {
		t.Errorf("owner and mode are kept (-want +got):\n%s", diff)
	}
}

func TestLookupOwner(t *testing.T) {
	me, err := user.Current()
	must(t, err)
	group, err := user.LookupGroupId(me.Gid)
	must(t, err)
	uid, _ := strconv.Atoi(me.Uid)
	gid, _ := strconv.Atoi(me.Gid)
	cases := map[string]struct {
		user, group string
		want        owner
	}{
		"Nothing":  {want: nobody},
		"MinusOne": {user: "-1", group: "-1", want: nobody},
		"Numbers":  {user: "12", group: "4294967294", want: owner{uid: 12, gid: 4294967294}},
		"Names":    {user: me.Username, group: group.Name, want: owner{uid: uid, gid: gid}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := lookupOwner(tc.user, tc.group)
			if err != nil || got != tc.want {
				t.Errorf("lookupOwner(%q, %q) = %+v, %v; want %+v", tc.user, tc.group, got, err, tc.want)
			}
		})
	}
}

func TestLookupIDErrors(t *testing.T) {
	cases := map[string]struct {
		lookup func(string) (string, error)
		want   string
	}{
		"NoDatabase": {
			lookup: func(string) (string, error) {
				return "", &fs.PathError{Op: "open", Path: "/etc/passwd", Err: fs.ErrNotExist}
			},
			want: `unknown user "app": this image has no user database, use a number`,
		},
		"Unknown": {
			lookup: func(string) (string, error) { return "", user.UnknownUserError("app") },
			want:   `unknown user "app"`,
		},
		"Unusable": {
			lookup: func(string) (string, error) { return "S-1-5", nil },
			want:   `user "app" has the unusable id "S-1-5"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := lookupID("user", "app", tc.lookup); errorText(err) != tc.want {
				t.Errorf("lookupID() = %v, want %s", err, tc.want)
			}
		})
	}
}

func TestOwnerMatches(t *testing.T) {
	cases := map[string]struct {
		want owner
		ok   bool
		text string
	}{
		"Same":       {want: owner{uid: 1, gid: 2}, ok: true, text: "uid 1 gid 2"},
		"OnlyUser":   {want: owner{uid: 1, gid: -1}, ok: true, text: "uid 1"},
		"OnlyGroup":  {want: owner{uid: -1, gid: 2}, ok: true, text: "gid 2"},
		"OtherUser":  {want: owner{uid: 3, gid: 2}, text: "uid 3 gid 2"},
		"OtherGroup": {want: owner{uid: -1, gid: 3}, text: "gid 3"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := (owner{uid: 1, gid: 2}).matches(tc.want); got != tc.ok {
				t.Errorf("matches(%v) = %v", tc.want, got)
			}
			if got := tc.want.String(); got != tc.text {
				t.Errorf("String() = %q, want %q", got, tc.text)
			}
		})
	}
}
