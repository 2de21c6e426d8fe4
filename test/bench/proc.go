package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// memory is what a process occupies, in bytes.
type memory struct {
	rss  int64 // resident: anon, file and shared
	anon int64 // private memory: heap, stacks, changed data
	file int64 // pages of files, shared with other processes of the same image
	pss  int64 // resident, with shared pages divided by the number of their users
}

// readMemory reads the memory of a process.
func readMemory(pid int) (memory, error) {
	status, err := readFields(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	rollup, err := readFields(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return memory{}, err
	}
	m := memory{rss: status["VmRSS"], anon: status["RssAnon"], file: status["RssFile"], pss: rollup["Pss"]}
	if m.rss == 0 {
		return m, fmt.Errorf("process %d has no memory: it has ended", pid)
	}
	return m, nil
}

func readFields(path string) (map[string]int64, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read memory of a process: %w", err)
	}
	return parseFields(string(content)), nil
}

// parseFields returns the fields of /proc/PID/status or smaps_rollup that are
// amounts of memory ("VmRSS:     1712 kB"), in bytes. Other lines are left out.
func parseFields(text string) map[string]int64 {
	fields := map[string]int64{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 3 || words[2] != "kB" || !strings.HasSuffix(words[0], ":") {
			continue
		}
		if n, err := strconv.ParseUint(words[1], 10, 50); err == nil { // 50 bits of kB fit into 63 of bytes
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

// settled reads a process's memory once two readings in a row are equal.
func settled(ctx context.Context, pid int) (memory, error) {
	var last memory
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for range settleReadings {
		m, err := readMemory(pid)
		if err != nil || m.rss == last.rss && m.anon == last.anon {
			return m, err
		}
		last = m
		select {
		case <-ctx.Done():
			return m, ctx.Err()
		case <-ticker.C:
		}
	}
	return last, nil
}

// await calls a condition until it holds, every few milliseconds, and gives up
// when ctx ends.
func await(ctx context.Context, what string, condition func() (bool, error)) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, err := condition()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}
