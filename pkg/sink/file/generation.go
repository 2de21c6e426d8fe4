package file

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A generation of a set is a directory ..vaultk8s-TIME-RANDOM: hidden, out of
// the way of every name that a set may have, and recognizable, so that what a
// killed run left can be told from what others put there.
const (
	dataLink       = "..data"
	dataLinkTemp   = "..data_tmp"
	generationMark = "..vaultk8s-"
	generationTime = "20060102T150405Z"
)

func generationName(now time.Time) string {
	var random [randomBytes]byte
	_, _ = rand.Read(random[:])
	return generationMark + now.UTC().Format(generationTime) + "-" + hex.EncodeToString(random[:])
}

// isGeneration tells whether a name is one of ours.
func isGeneration(name string) bool {
	rest, ok := strings.CutPrefix(name, generationMark)
	when, random, both := strings.Cut(rest, "-")
	if _, err := time.Parse(generationTime, when); err != nil || !ok || !both {
		return false
	}
	decoded, err := hex.DecodeString(random)
	return err == nil && len(decoded) == randomBytes
}

func targetOf(name string) string { return dataLink + "/" + name }

// setDir is one delivery to an open, locked directory.
type setDir struct {
	root    *os.Root
	spec    SetSpec
	owner   owner
	sync    bool
	entries []Entry
}

func (d *setDir) deliver(ctx context.Context) (Result, error) {
	current, err := d.current()
	if err != nil {
		return Result{}, err
	}
	missing, err := d.missingLinks()
	if err != nil {
		return Result{}, err
	}
	same, wrong := d.holds(current)
	if same && len(missing) == 0 {
		err := d.fixModes(current, wrong)
		d.sweep(current)
		return Result{Existed: true, ModeChanged: err == nil && len(wrong) > 0}, err
	}
	next, err := d.replace(ctx, missing)
	if err != nil {
		return Result{}, err
	}
	d.sweep(next)
	return Result{Written: true, Existed: current != ""}, nil
}

// current returns the generation that readers see, "" if there is none.
func (d *setDir) current() (string, error) {
	target, err := d.root.Readlink(dataLink)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case errors.Is(err, syscall.EINVAL), err == nil && !isGeneration(target):
		return "", fmt.Errorf("%q in it was made by somebody else", dataLink)
	case err != nil:
		return "", err
	}
	return target, nil
}

// missingLinks returns the names that have no link yet. A name that anything
// else has is an error.
func (d *setDir) missingLinks() ([]string, error) {
	var missing []string
	for _, name := range d.names() {
		_, err := d.root.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, name)
		case err != nil:
			return nil, err
		case !d.isOurLink(name):
			return nil, fmt.Errorf("%q in it was made by somebody else", name)
		}
	}
	return missing, nil
}

func (d *setDir) isOurLink(name string) bool {
	target, err := d.root.Readlink(name)
	return err == nil && target == targetOf(name)
}

// holds tells whether a generation is what is to be delivered, and which of its
// files have another mode. What cannot be read counts as different.
func (d *setDir) holds(generation string) (same bool, wrong []Entry) {
	if generation == "" {
		return false, nil
	}
	g, err := d.root.OpenRoot(generation)
	if err != nil {
		return false, nil
	}
	defer func() { _ = g.Close() }()
	if there, err := namesIn(g); err != nil || !slices.Equal(there, d.names()) {
		return false, nil
	}
	for _, e := range d.entries {
		mode, same := d.holdsEntry(g, e)
		if !same {
			return false, nil
		}
		if mode != modeBits(d.spec.perm(e)) {
			wrong = append(wrong, e)
		}
	}
	return true, wrong
}

func (d *setDir) holdsEntry(g *os.Root, e Entry) (mode fs.FileMode, same bool) {
	info, err := g.Lstat(e.Name)
	if err != nil || !info.Mode().IsRegular() || !ownerOf(info).matches(d.owner) || info.Size() != int64(len(e.Content)) {
		return 0, false
	}
	content, err := g.ReadFile(e.Name)
	return modeBits(info.Mode()), err == nil && bytes.Equal(content, e.Content)
}

func namesIn(root *os.Root) ([]string, error) {
	d, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

func (d *setDir) fixModes(generation string, wrong []Entry) error {
	for _, e := range wrong {
		if err := d.root.Chmod(generation+"/"+e.Name, d.spec.perm(e)); err != nil {
			return during("set the mode", err)
		}
	}
	return nil
}

// replace brings a new generation in. Links to files that are new are made
// before the step and lead nowhere until then, so that even the first delivery
// shows all files at once.
func (d *setDir) replace(ctx context.Context, missing []string) (string, error) {
	next := generationName(time.Now())
	err := d.prepare(next, missing)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = d.swap(next)
	}
	if err != nil {
		d.remove(next)
		d.removeLinks(missing)
	}
	return next, err
}

// prepare does all that readers do not see.
func (d *setDir) prepare(next string, missing []string) error {
	if err := d.fill(next); err != nil {
		return err
	}
	for _, name := range missing {
		if err := d.root.Symlink(targetOf(name), name); err != nil {
			return err
		}
	}
	return nil
}

// fill makes a generation. Nobody else can enter it before it is complete.
func (d *setDir) fill(generation string) error {
	if err := d.root.Mkdir(generation, 0o700); err != nil {
		return err
	}
	g, err := d.root.OpenRoot(generation)
	if err != nil {
		return err
	}
	defer func() { _ = g.Close() }()
	for _, e := range d.entries {
		if err := d.put(g, e); err != nil {
			return err
		}
	}
	if err := lookOf(g, d.spec.dirPerm(), d.owner); err != nil {
		return err
	}
	return d.syncRoot(g)
}

func (d *setDir) put(g *os.Root, e Entry) error {
	f, err := g.OpenFile(e.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	t := &temp{File: f}
	err = t.fill(e.Content, appearance{mode: d.spec.perm(e), keep: nobody, asked: d.owner, sync: d.sync})
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// swap is the one step that readers see.
func (d *setDir) swap(next string) error {
	// A killed run may have left its link, and nobody else uses the name.
	if err := d.root.Remove(dataLinkTemp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.root.Symlink(next, dataLinkTemp); err != nil {
		return err
	}
	if err := d.root.Rename(dataLinkTemp, dataLink); err != nil {
		_ = d.root.Remove(dataLinkTemp)
		return err
	}
	// From here on readers see the new generation, so that it must not be taken
	// back: what follows makes it outlive a crash of the machine, as far as the
	// file system can.
	_ = d.syncRoot(d.root)
	return nil
}

// syncRoot makes the names in a directory durable. Some file systems cannot and
// say EINVAL; there they are as durable as it gets.
func (d *setDir) syncRoot(root *os.Root) error {
	if !d.sync {
		return nil
	}
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// sweep removes what no reader needs any more: generations before this one,
// also those of killed runs, and links to files that the set does not have. What
// cannot be removed now is tried with each delivery, and is no reason to call a
// set that is in place undelivered.
func (d *setDir) sweep(current string) {
	there, _ := namesIn(d.root)
	wanted := d.names()
	for _, name := range there {
		switch {
		case isGeneration(name) && name != current:
			d.remove(name)
		case name == dataLinkTemp:
			_ = d.root.Remove(name)
		case !slices.Contains(wanted, name) && d.isOurLink(name):
			_ = d.root.Remove(name)
		}
	}
}

// remove empties a generation even where its mode forbids that to its owner.
func (d *setDir) remove(generation string) {
	_ = d.root.Chmod(generation, 0o700)
	_ = d.root.RemoveAll(generation)
}

// removeLinks takes back links that were made for a set that did not come.
func (d *setDir) removeLinks(names []string) {
	for _, name := range names {
		if d.isOurLink(name) {
			_ = d.root.Remove(name)
		}
	}
}
