package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build output
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string // import path whose build made the package fail
}

// silence is how long nothing may be shown before a line says what is running.
const silence = 30 * time.Second

// follow hands every event to the tally until r ends, and lets it tell what is
// running whenever nothing was shown for a while.
func follow(r io.Reader, t *tally) error {
	lines := make(chan []byte)
	failed := make(chan error, 1)
	go func() {
		defer close(lines)
		failed <- readLines(r, lines)
	}()
	tick := time.NewTicker(silence)
	defer tick.Stop()
	for {
		select {
		case line, open := <-lines:
			if !open {
				return <-failed
			}
			t.line(line)
		case now := <-tick.C:
			t.stillRunning(now)
		}
	}
}

// readLines sends whole lines, however long: an output event holds one line of
// a test, which may be a document.
func readLines(r io.Reader, lines chan<- []byte) error {
	buffered := bufio.NewReader(r)
	for {
		line, err := buffered.ReadBytes('\n')
		if len(line) > 0 {
			lines <- line
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test events: %w", err)
		}
	}
}

// line takes one line. What is no event is shown as it is: `go test` writes some
// of its own errors beside the events.
func (t *tally) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		t.show("%s", line)
		return
	}
	t.add(e)
}
