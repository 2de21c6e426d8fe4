package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// entry is one line of the agent's log.
type entry struct {
	message string
	fields  map[string]string
	names   []string // of the fields, in their order
	text    string   // the line as it came
}

// journal is the agent's log: it keeps the lines, writes them to a file and
// passes each to echo as it comes.
type journal struct {
	file *os.File
	echo func(entry)

	mu      sync.Mutex
	rest    []byte // of a line whose end has not come yet
	entries []entry
}

func newJournal(path string, echo func(entry)) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the agent's log: %w", err)
	}
	return &journal{file: f, echo: echo}, nil
}

// Write implements io.Writer for the output of the agent.
func (j *journal) Write(p []byte) (int, error) {
	n, err := j.file.Write(p)
	for _, e := range j.add(p) {
		j.echo(e)
	}
	return n, err
}

// add takes lines in and returns those that are complete now.
func (j *journal) add(p []byte) []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rest = append(j.rest, p...)
	from := len(j.entries)
	for {
		line, rest, whole := bytes.Cut(j.rest, []byte("\n"))
		if !whole {
			return slices.Clone(j.entries[from:])
		}
		j.entries, j.rest = append(j.entries, parseEntry(string(line))), rest
	}
}

// mark is the place after the newest line.
func (j *journal) mark() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.entries)
}

// find returns the first line after a mark with this message whose fields
// contain the given texts, such as "path" and "database/". No such line is an
// error.
func (j *journal) find(mark int, message string, pairs ...string) (entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries[mark:] {
		if e.message == message && e.matches(pairs) {
			return e, nil
		}
	}
	return entry{}, fmt.Errorf("the agent has not logged %q", strings.Join(append([]string{message}, pairs...), " "))
}

func (e entry) matches(pairs []string) bool {
	for i := 0; i+1 < len(pairs); i += 2 {
		if !strings.Contains(e.fields[pairs[i]], pairs[i+1]) {
			return false
		}
	}
	return true
}

// tail returns the newest lines.
func (j *journal) tail(n int) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var text strings.Builder
	for _, e := range j.entries[max(len(j.entries)-n, 0):] {
		text.WriteString(e.text + "\n")
	}
	return text.String()
}

func (j *journal) close() error { return j.file.Close() }

// parseEntry reads a line of key=value pairs, values quoted where they need it.
// What is not of that form counts as a message.
func parseEntry(line string) entry {
	e := entry{fields: map[string]string{}, text: line}
	rest := line
	for rest != "" {
		key, value, after, ok := cutPair(rest)
		if !ok {
			return entry{message: line, fields: map[string]string{}, text: line}
		}
		if _, twice := e.fields[key]; !twice {
			e.names = append(e.names, key)
		}
		e.fields[key], rest = value, after
	}
	e.message = e.fields["msg"]
	return e
}

// cutPair takes the first pair off a line.
func cutPair(line string) (key, value, rest string, ok bool) {
	key, rest, ok = cutText(line, "=")
	if !ok {
		return "", "", "", false
	}
	value, rest, _ = cutText(rest, " ")
	return key, value, rest, true
}

// cutText takes a text, quoted or not, and the separator behind it off a line.
func cutText(line, separator string) (text, rest string, ok bool) {
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil {
		return strings.Cut(line, separator)
	}
	text, err = strconv.Unquote(quoted)
	if err != nil {
		return strings.Cut(line, separator)
	}
	rest, ok = strings.CutPrefix(line[len(quoted):], separator)
	return text, rest, ok
}
