package process

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// proc is a running process as /proc shows it.
type proc struct {
	pid   int
	comm  string // name in the kernel, cut to 15 bytes
	start uint64 // clock ticks after boot
	dir   string // below the proc file system
}

// commLimit is where the kernel cuts comm: 16 bytes with the final NUL.
const commLimit = 15

// listProcs returns all processes but this one and zombies, oldest first, so
// that the parent of a forking server comes before its workers.
func listProcs(root string) ([]proc, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var all []proc
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// A process that ended meanwhile is not running: nothing to report.
		if p, ok := readProc(filepath.Join(root, e.Name()), pid); ok {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b proc) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.pid, b.pid))
	})
	return all, nil
}

func readProc(dir string, pid int) (proc, bool) {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return proc{}, false
	}
	comm, state, start, ok := parseStat(string(stat))
	return proc{pid: pid, comm: comm, start: start, dir: dir}, ok && state != "Z" && state != "X"
}

// Where statFields puts what proc(5) counts from 1, with state as number 3: so
// the time of the start, number 22, is at 19.
const (
	fieldState  = 0
	fieldParent = 1
	fieldGroup  = 2
	fieldStart  = 19
)

// parseStat reads what find asks of a process.
func parseStat(stat string) (comm, state string, start uint64, ok bool) {
	comm, fields, ok := statFields(stat)
	if !ok {
		return "", "", 0, false
	}
	start, err := strconv.ParseUint(fields[fieldStart], 10, 64)
	return comm, fields[fieldState], start, err == nil
}

// statFields splits "pid (comm) state ..." of proc(5) into comm and the fields
// behind it. comm may hold blanks and parentheses; the last one ends it.
func statFields(stat string) (comm string, fields []string, ok bool) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return "", nil, false
	}
	fields = strings.Fields(stat[end+1:])
	return stat[open+1 : end], fields, len(fields) > fieldStart
}

// argv is the command line; empty for a kernel thread.
func (p proc) argv() []string {
	raw, err := os.ReadFile(filepath.Join(p.dir, "cmdline"))
	raw = bytes.TrimRight(raw, "\x00")
	if err != nil || len(raw) == 0 {
		return nil
	}
	return strings.Split(string(raw), "\x00")
}

// exe is the path of the program; empty where it may not be read, as with a
// process of another user.
func (p proc) exe() string {
	path, err := os.Readlink(filepath.Join(p.dir, "exe"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(path, " (deleted)")
}

// uid is the effective user id.
func (p proc) uid() (int, bool) {
	status, err := os.ReadFile(filepath.Join(p.dir, "status"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(status)) {
		// Uid: real effective saved file-system
		if f := strings.Fields(line); len(f) > 2 && f[0] == "Uid:" {
			uid, err := strconv.Atoi(f[2])
			return uid, err == nil
		}
	}
	return 0, false
}

// is tells whether the process runs the named program. A name with a slash is
// a whole path. Servers rewrite their command line and scripts run as their
// interpreter, so each of the three sources may be the one that knows.
func (p proc) is(name string) bool {
	same := func(path string) bool {
		return path == name || (!strings.Contains(name, "/") && filepath.Base(path) == name)
	}
	if len(name) <= commLimit && p.comm == name {
		return true
	}
	if exe := p.exe(); exe != "" && same(exe) {
		return true
	}
	argv := p.argv()
	return len(argv) > 0 && argv[0] != "" && same(strings.TrimPrefix(argv[0], "-"))
}
