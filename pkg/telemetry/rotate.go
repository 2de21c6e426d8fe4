package telemetry

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// logFile is a file that is put aside when it is too large or too old. The file
// put aside gets the time between its name and its extension, in nanoseconds
// since 1970, as the old agent names it: agent-1795265557000000000.log.
type logFile struct {
	path   string
	limits config.Log
	mu     sync.Mutex
	file   *os.File
	size   int64
	opened time.Time
}

// openLog opens a log file to append to; in a directory it is agent.log.
func openLog(c config.Log) (*logFile, error) {
	path := c.File
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "agent.log")
	}
	l := &logFile{path: path, limits: c}
	return l, l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close() // nothing was written
		return err
	}
	l.file, l.size, l.opened = f, info.Size(), time.Now()
	return nil
}

// Write implements io.Writer. A line is never split over two files.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due(int64(len(line))) {
		if err := l.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	return n, err
}

// due tells whether the file is put aside before so many bytes more. An empty
// file never is: a line longer than the limit has to go somewhere.
func (l *logFile) due(more int64) bool {
	tooLarge := l.limits.RotateBytes > 0 && l.size+more > l.limits.RotateBytes
	tooOld := l.limits.RotateDuration > 0 && time.Since(l.opened) >= l.limits.RotateDuration
	return l.size > 0 && (tooLarge || tooOld)
}

func (l *logFile) rotate() error {
	if err := l.file.Close(); err != nil {
		return err
	}
	stem, extension := l.name()
	if err := os.Rename(l.path, fmt.Sprintf("%s-%d%s", stem, time.Now().UnixNano(), extension)); err != nil {
		return err
	}
	l.prune()
	return l.open()
}

// prune removes the oldest of the files put aside. One that cannot be removed
// must not stop the log.
func (l *logFile) prune() {
	if l.limits.RotateMaxFiles == 0 {
		return
	}
	stem, extension := l.name()
	old, _ := filepath.Glob(stem + "-*" + extension) // the pattern is wrong only if a name has brackets; then all are kept
	slices.Sort(old)
	for len(old) > max(l.limits.RotateMaxFiles, 0) {
		_ = os.Remove(old[0])
		old = old[1:]
	}
}

func (l *logFile) name() (stem, extension string) {
	extension = filepath.Ext(l.path)
	return strings.TrimSuffix(l.path, extension), extension
}

// Close closes the file.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
