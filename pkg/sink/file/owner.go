package file

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// owner is a pair of numeric ids; -1 leaves an id as it is, as chown has it.
type owner struct{ uid, gid int }

// nobody asks for no change of owner.
var nobody = owner{uid: -1, gid: -1}

// matches tells whether the owner is the wanted one as far as it is given.
func (o owner) matches(want owner) bool {
	return (want.uid == -1 || want.uid == o.uid) && (want.gid == -1 || want.gid == o.gid)
}

func ownerOf(info fs.FileInfo) owner {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nobody
	}
	return owner{uid: int(st.Uid), gid: int(st.Gid)}
}

// lookupOwner turns names or numbers into ids. Names cost a read of the user
// database, numbers nothing.
func lookupOwner(userName, groupName string) (owner, error) {
	uid, err := lookupID("user", userName, func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
	if err != nil {
		return owner{}, err
	}
	gid, err := lookupID("group", groupName, func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	return owner{uid: uid, gid: gid}, err
}

func lookupID(kind, name string, lookup func(name string) (string, error)) (int, error) {
	if name == "" || name == "-1" {
		return -1, nil
	}
	if id, ok := number(name); ok {
		return id, nil
	}
	text, err := lookup(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, &cause{text: fmt.Sprintf("unknown %s %q: this image has no %s database, use a number", kind, name, kind), err: err}
	}
	if err != nil {
		return 0, &cause{text: fmt.Sprintf("unknown %s %q", kind, name), err: err}
	}
	id, ok := number(text)
	if !ok {
		return 0, fmt.Errorf("%s %q has the unusable id %q", kind, name, text)
	}
	return id, nil
}

// number reads an id: 32 bits without the highest value, which means "keep".
func number(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return int(n), err == nil && n != math.MaxUint32
}

// setOwner gives an open file the owner of its predecessor as far as the
// process may, and then the owner that was asked for, which must succeed.
func setOwner(f *os.File, keep, asked owner) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	now := ownerOf(info)
	if !now.matches(keep) && f.Chown(keep.uid, keep.gid) != nil {
		// Without privileges a group can still be kept if it is one of ours.
		_ = f.Chown(-1, keep.gid)
	}
	if info, err = f.Stat(); err != nil {
		return err
	}
	if ownerOf(info).matches(asked) {
		return nil
	}
	if err := f.Chown(asked.uid, asked.gid); err != nil {
		return during(fmt.Sprintf("give the file to %s", asked), err)
	}
	return nil
}

// String names the ids that are to be set.
func (o owner) String() string {
	switch {
	case o.gid == -1:
		return fmt.Sprintf("uid %d", o.uid)
	case o.uid == -1:
		return fmt.Sprintf("gid %d", o.gid)
	default:
		return fmt.Sprintf("uid %d gid %d", o.uid, o.gid)
	}
}
