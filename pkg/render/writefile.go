package render

import (
	"io/fs"
	"strconv"
	"strings"
)

// writeToFile notes a file to write after the pass. Args are the content or,
// before it, flags.
func (r *run) writeToFile(path, user, group, perms string, args ...string) (string, error) {
	if path == "" {
		return "", fail("the path is empty")
	}
	if len(args) == 0 || len(args) > 2 {
		return "", fail("takes PATH USER GROUP PERMS [FLAGS] CONTENT, not %d arguments", 4+len(args))
	}
	perm, err := permissions(perms)
	if err != nil {
		return "", err
	}
	w := Write{Path: path, User: user, Group: group, Perm: perm, Content: []byte(args[len(args)-1])}
	if len(args) == 2 {
		w.Append = strings.Contains(args[0], "append")
		w.Newline = strings.Contains(args[0], "newline")
	}
	r.result.Writes = append(r.result.Writes, w)
	return "", nil
}

// permissions reads an octal mode: nine permission bits, without those that
// would run a file as somebody else.
func permissions(text string) (fs.FileMode, error) {
	bits, err := strconv.ParseUint(text, 8, 32)
	if err != nil || bits > uint64(fs.ModePerm) {
		return 0, fail("permissions must be octal digits up to 777")
	}
	return fs.FileMode(bits), nil
}
