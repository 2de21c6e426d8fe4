// Package proc reads what Linux tells about the memory of a process.
//
// [Read] is one reading; [Settled] waits until the process is at rest.
package proc

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Memory is what a process occupies, in bytes. It is comparable.
type Memory struct {
	RSS  int64 // resident: Anon, File and what is shared
	Anon int64 // private memory: heap, stacks, changed data
	File int64 // pages of files, shared with other processes of the same image
	PSS  int64 // resident, with shared pages divided by the number of their users
	Peak int64 // the most that was resident since the program was executed
}

// Read reads the memory of a process. A process that has ended, too, is an error.
func Read(pid int) (Memory, error) {
	status, err := readFields(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, err
	}
	rollup, err := readFields(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return Memory{}, err
	}
	if status["VmRSS"] == 0 {
		return Memory{}, fmt.Errorf("read memory of process %d: it has ended", pid)
	}
	return Memory{
		RSS: status["VmRSS"], Anon: status["RssAnon"], File: status["RssFile"], PSS: rollup["Pss"], Peak: status["VmHWM"],
	}, nil
}

func readFields(path string) (map[string]int64, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read memory of a process: %w", err)
	}
	return parseFields(string(content)), nil
}

// parseFields returns the lines of status or smaps_rollup that are amounts of
// memory ("VmRSS:     1712 kB"), in bytes. Other lines are left out.
func parseFields(text string) map[string]int64 {
	fields := map[string]int64{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 3 || words[2] != "kB" || !strings.HasSuffix(words[0], ":") {
			continue
		}
		if n, err := strconv.ParseUint(words[1], 10, 50); err == nil { // 50 bits of kB are 60 of bytes
			fields[strings.TrimSuffix(words[0], ":")] = int64(n) << 10
		}
	}
	return fields
}

const (
	// settleEvery is the distance of two readings that must be equal.
	settleEvery = time.Second
	// settleReadings bounds the wait for that. A process that is never at rest is
	// measured as it is after half a minute.
	settleReadings = 30
)

// Settled reads the memory of a process once two readings in a row, a second
// apart, are equal.
func Settled(ctx context.Context, pid int) (Memory, error) {
	return settled(ctx, func() (Memory, error) { return Read(pid) })
}

func settled(ctx context.Context, reading func() (Memory, error)) (Memory, error) {
	var last Memory
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for range settleReadings {
		m, err := reading()
		if err != nil || m.RSS == last.RSS && m.Anon == last.Anon {
			return m, err
		}
		last = m
		select {
		case <-ctx.Done():
			return m, context.Cause(ctx)
		case <-ticker.C:
		}
	}
	return last, nil
}
