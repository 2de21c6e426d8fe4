package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// defaultDirPerm is the mode of a set's directory nobody chose a mode for.
const defaultDirPerm fs.FileMode = 0o755

// SetSpec says where a set of files goes and how its files shall look.
type SetSpec struct {
	Dir        string       // directory of the set; made if it is missing
	Perm       *fs.FileMode // of the files; nil: 0644
	DirPerm    *fs.FileMode // of the directories that are made; nil: 0755
	User       string       // name or number; "" or "-1": that of the process
	Group      string       // name or number; "" or "-1": that of the process
	CreateDirs bool         // create missing parents of Dir with 0755, minus the umask
}

// Entry is one file of a set.
type Entry struct {
	Name    string      // of the file in the directory: no path, and nothing that begins with ".."
	Perm    fs.FileMode // 0: that of the set
	Content []byte
}

// WriteSet makes a directory hold exactly these files of a set, and changes
// all of them in one step: a certificate never stands beside the key of
// another one.
//
// It does so as the kubelet does for volumes. The files are in a hidden
// directory that is never changed; ..data is a link to that directory, and each
// file a link to ..data/NAME. A rename of ..data replaces them all. Who needs
// several files of one generation opens ..data and reads them from there. Once
// a new generation is in place the one before is removed, and with it the links
// to files that the set no longer has.
//
// A set that is in place already is not written; if only modes differ, they are
// corrected. Files of others in the directory stay, but a set never replaces one
// of them: a file with the name of an entry that is not of the set is an error,
// and so is a Dir that is a symbolic link. On an error, always an [*Error], the
// set that readers see is as it was.
func WriteSet(ctx context.Context, s SetSpec, entries []Entry) (Result, error) {
	res, err := writeSet(ctx, s, entries)
	if err != nil {
		return Result{}, &Error{Op: "write set", Path: s.Dir, Err: explain(err)}
	}
	return res, nil
}

func writeSet(ctx context.Context, s SetSpec, entries []Entry) (Result, error) {
	if err := checkSet(s, entries); err != nil {
		return Result{}, err
	}
	asked, err := lookupOwner(s.User, s.Group)
	if err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	root, err := s.open(asked)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = root.Close() }()
	// Of two writers one would remove the other's files as leftovers.
	held, err := lockRoot(root)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = held.Close() }()
	inMemory, err := memoryBacked(s.Dir)
	if err != nil {
		return Result{}, err
	}
	d := &setDir{root: root, spec: s, owner: asked, sync: !inMemory, entries: entries}
	return d.deliver(ctx)
}

// checkSet refuses what no directory can hold before anything is touched.
func checkSet(s SetSpec, entries []Entry) error {
	if s.Dir == "" {
		return errNoPath
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if err := checkName(e.Name); err != nil {
			return err
		}
		if seen[e.Name] {
			return fmt.Errorf("two files of the set have the name %q", e.Name)
		}
		seen[e.Name] = true
	}
	return nil
}

// maxName is what Linux file systems allow for one name, in bytes.
const maxName = 255

// checkName tells whether a set may have a file of this name. Names that begin
// with ".." are those of the set itself.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("a file of the set has no name")
	case name == "." || strings.HasPrefix(name, "..") || strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("%q is no name of a file in a set", name)
	case len(name) > maxName:
		return fmt.Errorf("%q... has more than %d bytes, which is too long for the name of a file", name[:20], maxName)
	}
	return nil
}

// open opens the directory, and makes it where it is missing. From here on
// nothing is found by its path any more, so that nobody who can rename what
// lies above leads the writer elsewhere.
func (s SetSpec) open(asked owner) (*os.Root, error) {
	dir := filepath.Clean(s.Dir)
	made, err := s.mkdir(dir)
	if err != nil {
		return nil, err
	}
	root, err := openDirectory(dir)
	if err != nil || !made {
		return root, err
	}
	if err := lookOf(root, s.dirPerm(), asked); err != nil {
		_ = root.Close()
		return nil, err
	}
	return root, nil
}

func (s SetSpec) mkdir(dir string) (made bool, err error) {
	if s.CreateDirs {
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return false, err
		}
	}
	err = os.Mkdir(dir, s.dirPerm())
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

// openDirectory opens a directory that is none by way of a symbolic link.
func openDirectory(dir string) (*os.Root, error) {
	named, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	switch {
	case named.Mode()&fs.ModeSymlink != 0:
		return nil, errSymlink
	case !named.IsDir():
		return nil, errNotDirectory
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err == nil && !os.SameFile(named, opened) {
		err = errSymlink
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return root, nil
}

// lookOf gives an open directory its owner and mode.
func lookOf(root *os.Root, mode fs.FileMode, asked owner) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if err := setOwner(d, nobody, asked); err != nil {
		return err
	}
	if err := d.Chmod(mode); err != nil {
		return during("set the mode", err)
	}
	return nil
}

func (s SetSpec) dirPerm() fs.FileMode {
	if s.DirPerm != nil {
		return *s.DirPerm
	}
	return defaultDirPerm
}

func (s SetSpec) perm(e Entry) fs.FileMode {
	switch {
	case e.Perm != 0:
		return e.Perm
	case s.Perm != nil:
		return *s.Perm
	default:
		return defaultPerm
	}
}

// lockRoot keeps other writers of our kind out for as long as the file is open.
func lockRoot(root *os.Root) (*os.File, error) {
	d, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	if !lock(d) {
		_ = d.Close()
		return nil, errBusy
	}
	return d, nil
}

// names returns the names of the entries.
func (d *setDir) names() []string {
	all := make([]string, len(d.entries))
	for i, e := range d.entries {
		all[i] = e.Name
	}
	slices.Sort(all)
	return all
}
